package testkit

import (
	"net"
	"testing"
	"time"
)

// AwaitListening waits until something accepts at the address.
func AwaitListening(t testing.TB, address string) {
	t.Helper()
	Until(t, Patience, "a listener at "+address, func() (bool, any) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil, err
	})
}

// FillQueue connects to a listener that accepts nothing until its queue is full and a further connection gets no answer. The connections
// stay until the test ends.
func FillQueue(t testing.TB, address string) {
	t.Helper()
	for range 16 {
		c, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatalf("%s takes 16 connections and is not full", address)
}
