package e2e

import (
	"crypto/tls"
	"testing"

	"sluice/internal/testkit"
)

func TestAnIdleConnectionOfTLSTakesLittle(t *testing.T) {
	t.Parallel()
	if testkit.Race {
		t.Skip("the race detector's memory is not the proxy's")
	}
	s := edge(t, testkit.NewOrigin(t, "stable", nil).URL, "")
	const some, more = 100, 500
	open := func(n int) {
		for range n {
			c, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.authority.Pool, NextProtos: []string{"http/1.1"}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			if _, err := c.Write([]byte(testkit.Head("GET", "/"))); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(some)
	before := s.PeakMemory(t)
	open(more)
	each := (s.PeakMemory(t) - before) / more
	t.Logf("%d KiB for each connection", each>>10)
	if each > 40<<10 {
		t.Errorf("an idle connection of TLS takes %d KiB, want at most 40", each>>10)
	}
}
