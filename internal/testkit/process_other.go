//go:build !linux

package testkit

import "syscall"

// dieWithParent is Linux's to give; elsewhere a test process that is killed leaves its children.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
