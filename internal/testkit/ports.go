package testkit

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports are given out below the range from which the kernel takes the ports of outgoing connections (32768 and up on Linux), or one of a
// load's thousands of connections could get the port between our look and the child's bind.
const (
	firstPort = 20000
	numPorts  = 12000
)

var ports = struct {
	sync.Mutex
	given map[int]bool
}{given: map[int]bool{}}

// FreeAddress is a loopback HOST:PORT on which nothing listens, never given twice in a process. It looks by connecting: a listener
// opened for a look would live on in a child that is between fork and exec at that moment, and the port would still be taken.
func FreeAddress(t testing.TB) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(numPorts)
		if ports.given[port] {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			continue
		}
		ports.given[port] = true
		return address
	}
	t.Fatalf("no free port between %d and %d", firstPort, firstPort+numPorts)
	return ""
}
