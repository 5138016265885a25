package app

import (
	"net"
	"net/netip"

	"go.uber.org/zap"
)

// Inherited is a socket that somebody else has opened for this process: systemd's socket activation.
type Inherited struct {
	// Name is the one that the socket's unit gives it (FileDescriptorName=).
	Name     string
	Listener net.Listener
}

// inheritance is what nobody has taken yet.
type inheritance []Inherited

// take gives the socket for a listener: by name, else by address. nil when there is none.
func (in *inheritance) take(name, address string) net.Listener {
	for _, fits := range []func(Inherited) bool{
		func(i Inherited) bool { return i.Name == name },
		func(i Inherited) bool { return sameAddress(i.Listener.Addr(), address) },
	} {
		for k, i := range *in {
			if fits(i) {
				*in = append((*in)[:k:k], (*in)[k+1:]...)
				return i.Listener
			}
		}
	}
	return nil
}

// sameAddress says whether a socket is at the address that a configuration gives; every way to write "all of this machine's" is one.
func sameAddress(a net.Addr, configured string) bool {
	if a.Network() == "unix" {
		return "unix:"+a.String() == configured
	}
	tcp, ok := a.(*net.TCPAddr)
	host, port, err := net.SplitHostPort(configured)
	if !ok || err != nil || port != portAt(tcp) {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if host == "" || err == nil && ip.IsUnspecified() {
		return tcp.IP == nil || tcp.IP.IsUnspecified()
	}
	return err == nil && ip.Unmap() == tcp.AddrPort().Addr().Unmap()
}

// disown closes what no listener wanted, so that its clients are refused and don't wait for ever.
func (a *App) disown() {
	for _, i := range a.inherited {
		a.Log.Warn("an inherited socket is no listener's: give it the name or the address of one",
			zap.String("name", i.Name), zap.Stringer("address", i.Listener.Addr()))
		_ = i.Listener.Close()
	}
	a.inherited = nil
}
