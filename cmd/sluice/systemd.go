package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"sluice/app"
)

// notifier tells systemd what the process does (sd_notify(3)); it does nothing where NOTIFY_SOCKET is not set. A service manager that does
// not listen is no reason to stop.
func notifier(env func(string) string) func(state string) {
	path := env("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	if path[0] == '@' {
		path = "\x00" + path[1:] // abstract
	}
	return func(state string) {
		if state == "RELOADING=1" { // Type=notify-reload wants to know when it began
			var now unix.Timespec
			if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) == nil {
				state += fmt.Sprintf("\nMONOTONIC_USEC=%d", now.Nano()/1000)
			}
		}
		c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			return
		}
		_, _ = c.Write([]byte(state))
		_ = c.Close()
	}
}

// firstInherited is the descriptor of the first socket that systemd hands over (sd_listen_fds(3)).
const firstInherited = 3

// inherited are the sockets that systemd has opened for this process.
func inherited(env func(string) string) ([]app.Inherited, error) {
	if env("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil // of another process
	}
	n, err := strconv.Atoi(env("LISTEN_FDS"))
	if err != nil || n < 0 || n > 1024 {
		return nil, fmt.Errorf("LISTEN_FDS=%q is no number of sockets", env("LISTEN_FDS"))
	}
	names := strings.Split(env("LISTEN_FDNAMES"), ":")
	var all []app.Inherited
	for i := range n {
		syscall.CloseOnExec(firstInherited + i)
		f := os.NewFile(uintptr(firstInherited+i), "inherited")
		l, err := net.FileListener(f) // has a descriptor of its own
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("inherited socket %d of %d is no stream socket that listens: %w", i+1, n, err)
		}
		if unix, ok := l.(*net.UnixListener); ok {
			unix.SetUnlinkOnClose(false) // its path is systemd's
		}
		one := app.Inherited{Listener: l}
		if i < len(names) {
			one.Name = names[i]
		}
		all = append(all, one)
	}
	return all, nil
}
