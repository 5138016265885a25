package app

import (
	"net"
	"testing"
)

// at is a socket that is never used.
type at struct {
	net.Listener
	addr net.Addr
}

func (a at) Addr() net.Addr { return a.addr }

func TestAnInheritedSocketIsFoundByNameThenByAddress(t *testing.T) {
	t.Parallel()
	tcp := func(ip string, port int) at { return at{addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: port}} }
	all := []Inherited{
		{"a.socket", tcp("::", 80)},
		{"a.socket", tcp("127.0.0.1", 81)},
		{"admin", tcp("10.0.0.1", 82)},
		{"a.socket", at{addr: &net.UnixAddr{Name: "/run/x.sock", Net: "unix"}}},
	}
	for _, c := range []struct {
		name, address string
		want          int
	}{
		{"web", ":80", 0},
		{"web", "0.0.0.0:80", 0},
		{"web", "[::]:80", 0},
		{"web", "127.0.0.1:80", -1},
		{"web", "127.0.0.1:81", 1},
		{"web", ":81", -1},
		{"web", "localhost:81", -1},
		{"admin", "127.0.0.1:9900", 2},
		{"admin", ":80", 2},
		{"other", "unix:/run/x.sock", 3},
		{"other", "unix:/run/y.sock", -1},
	} {
		in := inheritance(all)
		got := in.take(c.name, c.address)
		switch {
		case c.want < 0 && got != nil:
			t.Errorf("take(%q, %q) = %v, want none", c.name, c.address, got.Addr())
		case c.want >= 0 && (got != all[c.want].Listener || len(in) != len(all)-1):
			t.Errorf("take(%q, %q) = %v and leaves %d, want %v and one less", c.name, c.address, got, len(in), all[c.want].Listener.Addr())
		}
	}
	if len(all) != 4 || all[1].Name != "a.socket" || all[2].Name != "admin" {
		t.Errorf("the caller's list was changed: %+v", all)
	}
}
