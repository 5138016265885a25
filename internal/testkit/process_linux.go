package testkit

import "syscall"

// dieWithParent makes the kernel kill the child when the test process dies without its cleanup.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
