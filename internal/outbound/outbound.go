// Package outbound guards the calls that the configuration makes this process do: webhooks, alerts, providers of numbers.
package outbound

import (
	"fmt"
	"net/netip"
	"syscall"
)

// Control is a net.Dialer's: it refuses a link-local address, unless allowed, just before it is connected to, so that a name that anyone may
// set never leads to what only this machine can see, such as a cloud's credentials.
func Control(allowed bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		if allowed {
			return nil
		}
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if a := at.Addr().Unmap(); a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() {
			return fmt.Errorf("%s is a link-local address; allowLinkLocal would allow it", a)
		}
		return nil
	}
}
