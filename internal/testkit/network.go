package testkit

import (
	"fmt"
	"net"
	"syscall"
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

// Silent is an address that answers no connection request: a listener whose queue is full.
func Silent(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	FillQueue(t, address)
	return address
}
