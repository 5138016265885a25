package app

import (
	"net"
	"testing"

	"sluice/config"
)

func TestAnAddressIsTakenUnlessOneJoins(t *testing.T) {
	t.Parallel()
	open := func(takeover bool, address string) (net.Listener, error) {
		return (&App{Options: Options{Takeover: takeover}}).openClients(&config.Listener{Name: "web", Address: address})
	}
	old, err := open(false, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close() }()
	address := old.Addr().String()
	if l, err := open(false, address); err == nil {
		_ = l.Close()
		t.Errorf("%s was opened a second time without a takeover", address)
	}
	next, err := open(true, address)
	if err != nil {
		t.Fatalf("joining %s: %v", address, err)
	}
	_ = next.Close()
}
