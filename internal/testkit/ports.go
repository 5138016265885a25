package testkit

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports are given out below the range from which the kernel takes the ports of outgoing connections (32768 and up on Linux), or one of a
// load's thousands of connections could get the port between our look and the child's bind. They come in blocks, of which each test
// process owns some: tests of other packages run at the same time, and a port that one of them was given may not be bound yet.
const (
	firstPort  = 20000
	blockPorts = 100
	numBlocks  = 120
)

var ports struct {
	sync.Mutex
	// owned holds the first port of each block of ours: whoever can listen on it owns the block, until the process ends.
	owned []net.Listener
	next  int // the port that is looked at next
	end   int // of the newest block
}

// FreeAddress is a loopback HOST:PORT on which nothing listens, never given twice. It looks by connecting: a listener opened for a look
// would live on in a child that is between fork and exec at that moment, and the port would still be taken.
func FreeAddress(t testing.TB) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for {
		if ports.next == ports.end && !takeBlock() {
			t.Fatalf("no free block of ports between %d and %d", firstPort, firstPort+numBlocks*blockPorts)
		}
		address := loopback(ports.next)
		ports.next++
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			continue
		}
		return address
	}
}

// takeBlock makes a block of ports ours.
func takeBlock() bool {
	for _, i := range rand.Perm(numBlocks) {
		first := firstPort + i*blockPorts
		l, err := net.Listen("tcp", loopback(first))
		if err != nil {
			continue
		}
		ports.owned = append(ports.owned, l)
		ports.next, ports.end = first+1, first+blockPorts
		return true
	}
	return false
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
