package proxy

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A wake-up that is lost shows as an answer that never comes. Requests come whole, in pieces, several in one packet, and with the
// client's half-close; the next one comes as soon as an answer is read, which is when parking is most delicate. The naive order
// (write, then enter the poller) loses some of these on two Ps within a second.
func TestNoWakeUpIsLost(t *testing.T) {
	for _, procs := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(procs, " procs"), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			b := newBench(t, benchOptions{}, newOrigin(t, always(okAnswer)).url)
			seed := rand.Uint64()
			var all sync.WaitGroup
			for i := range 16 {
				all.Go(func() {
					if err := b.insist(rand.New(rand.NewPCG(seed, uint64(i))), 400); err != nil {
						t.Errorf("seed %d, client %d: %v", seed, i, err)
					}
				})
			}
			all.Wait()
		})
	}
}

// insist sends n requests in ways that vary, and reads every answer.
func (b *bench) insist(r *rand.Rand, n int) error {
	const request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
	c, err := net.Dial("tcp", b.address)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	answers := bufio.NewReader(c)
	for sent := 0; sent < n; {
		batch := 1
		switch r.IntN(4) {
		case 0: // in two pieces
			cut := 1 + r.IntN(len(request)-1)
			if _, err := io.WriteString(c, request[:cut]); err != nil {
				return err
			}
			runtime.Gosched()
			_, err = io.WriteString(c, request[cut:])
		case 1: // several at once
			batch = 2 + r.IntN(3)
			_, err = io.WriteString(c, strings.Repeat(request, batch))
		default:
			_, err = io.WriteString(c, request)
		}
		if err != nil {
			return err
		}
		sent += batch
		for range batch {
			if got := head(answers); !strings.HasPrefix(got, "HTTP/1.1 200") {
				return fmt.Errorf("request %d: got %q", sent, got)
			}
			if _, err := answers.Discard(2); err != nil {
				return err
			}
		}
	}
	return b.halfClose(c.(*net.TCPConn), answers, request)
}

// halfClose sends the end right behind the last request: both may be one edge.
func (b *bench) halfClose(c *net.TCPConn, answers *bufio.Reader, request string) error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	if got := head(answers); !strings.HasPrefix(got, "HTTP/1.1 200") {
		return fmt.Errorf("last request: got %q", got)
	}
	if rest, err := io.ReadAll(answers); err != nil || string(rest) != "ok" {
		return fmt.Errorf("after the last answer: %q, %w, want its body and the end", rest, err)
	}
	return nil
}
