package app

import (
	"context"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"sluice/config"
)

// openClients opens a socket for clients: one that was inherited, or a new one that a later process can join (SO_REUSEPORT). The kernel
// lets any process of the same user join, so only who takes over does; everybody else looks first whether the address is free.
func (a *App) openClients(c *config.Listener) (net.Listener, error) {
	what := "listener \"" + c.Name + "\""
	if l := a.inherited.take(c.Name, c.Address); l != nil {
		return l, nil
	}
	if !a.Takeover {
		l, err := listen(what, c.Address)
		if err != nil {
			return nil, err
		}
		_ = l.Close()
	}
	shared := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }); e != nil {
			return e
		}
		return err
	}}
	l, err := shared.Listen(context.Background(), "tcp", c.Address)
	if err != nil {
		return nil, refused(what, c.Address, err)
	}
	return l, nil
}
