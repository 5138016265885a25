// Package child starts other programs for a benchmark and stops them, each by its process id.
package child

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// patience is how long a child may take to listen, and to end.
const patience = 10 * time.Second

// Process is a child of ours.
type Process struct {
	cmd  *exec.Cmd
	out  bytes.Buffer // what it said on both outputs
	done chan struct{}
}

// Start starts a program on some cores, all when there are none.
func Start(cores []int, dir string, argv ...string) (*Process, error) {
	c := &Process{cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = dir, &c.out, &c.out
	for _, e := range os.Environ() { // the environment is not to set up a proxy
		if !strings.HasPrefix(e, "SLUICE_") && !strings.HasPrefix(e, "GOMAXPROCS=") {
			c.cmd.Env = append(c.cmd.Env, e)
		}
	}
	if err := Pinned(cores, c.cmd.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	go func() {
		_ = c.cmd.Wait() // what it means stands in the output
		close(c.done)
	}()
	return c, nil
}

// Listens waits until the address takes connections.
func (c *Process) Listens(ctx context.Context, address string) error {
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended at once: %s", c.cmd.Args[0], Tail(c.out.String()))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not listen on %s", c.cmd.Args[0], address)
}

// Stop ends the process and waits for it.
func (c *Process) Stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(patience):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// Tail is the end of what a program said, where the reason stands.
func Tail(s string) string {
	const most = 400
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-most):]
}

// ID is the process's id.
func (c *Process) ID() int { return c.cmd.Process.Pid }

// TwoAddresses are of loopback, and free: a child is told where to listen before it starts.
func TwoAddresses() (a, b string, err error) {
	var at [2]string
	for i := range at {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		at[i] = l.Addr().String()
	}
	return at[0], at[1], nil
}
