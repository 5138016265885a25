package backend

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/metrics"
)

// nameServer answers A and SRV questions over UDP on loopback from a table that a test changes; a name that is not in it does not exist.
type nameServer struct {
	*net.Resolver
	mu      sync.Mutex
	records map[string][]string // "10.0.0.1", or "target:port" for SRV
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &nameServer{records: map[string][]string{}}
	s.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	go func() {
		p := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(p)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(s.answer(p[:n]), from)
		}
	}()
	return s
}

func (s *nameServer) set(name string, values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(values) == 0 {
		delete(s.records, name)
		return
	}
	s.records[name] = values
}

// answer is the response to a question (RFC 1035, section 4).
func (s *nameServer) answer(q []byte) []byte {
	end, labels := 12, []string{}
	for q[end] != 0 {
		n := int(q[end])
		labels = append(labels, string(q[end+1:end+1+n]))
		end += 1 + n
	}
	kind := binary.BigEndian.Uint16(q[end+1:])
	end += 5
	s.mu.Lock()
	values, exists := s.records[strings.Join(labels, ".")]
	s.mu.Unlock()
	out := append([]byte{}, q[:end]...)
	out[2], out[3] = 0x84, 0x00
	if !exists {
		out[3] = 3 // NXDOMAIN
	}
	var answers uint16
	for _, v := range values {
		var data []byte
		host, port, err := net.SplitHostPort(v)
		switch {
		case kind == 1 && err != nil:
			data = netip.MustParseAddr(v).AsSlice()
		case kind == 33 && err == nil:
			n, _ := net.LookupPort("tcp", port)
			data = binary.BigEndian.AppendUint16([]byte{0, 1, 0, 1}, uint16(n))
			for label := range strings.SplitSeq(host, ".") {
				data = append(append(data, byte(len(label))), label...)
			}
			data = append(data, 0)
		default:
			continue
		}
		answers++
		out = append(out, 0xc0, 12)
		out = binary.BigEndian.AppendUint16(out, kind)
		out = append(out, 0, 1, 0, 0, 0, 1)
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(data))), data...)
	}
	clear(out[4:12])
	binary.BigEndian.PutUint16(out[4:], 1)
	binary.BigEndian.PutUint16(out[6:], answers)
	return out
}

func run(t *testing.T, b *Backend) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func addresses(b *Backend) []string {
	var out []string
	for _, e := range b.Endpoints() {
		out = append(out, e.Address())
	}
	return out
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about in 20s", what)
		}
	}
}

func TestANameStandsForItsAddressesAsTheyChange(t *testing.T) {
	t.Parallel()
	s := newNameServer(t)
	s.set("shop.test", "127.0.0.1", "127.0.0.2")
	var mu sync.Mutex
	var told []error
	b := newBackend(t, Config{
		Endpoints: []string{"http://127.0.0.9:81", "http://shop.test:80"}, Resolver: s.Resolver, ResolveEvery: 5 * time.Millisecond,
		Looked: func(_ string, err error) { mu.Lock(); told = append(told, err); mu.Unlock() },
	})
	if got := addresses(b); !slices.Equal(got, []string{"127.0.0.9:81"}) {
		t.Errorf("before the first lookup: %v, want the address alone", got)
	}
	run(t, b)
	<-b.Known()
	if got := addresses(b); !slices.Equal(got, []string{"127.0.0.9:81", "127.0.0.1:80", "127.0.0.2:80"}) {
		t.Fatalf("once known: %v", got)
	}
	kept, going := b.Endpoints()[2], b.Endpoints()[1]
	if kept.Host() != "shop.test:80" {
		t.Errorf("Host = %q, want the name", kept.Host())
	}
	going.Begin()
	s.set("shop.test", "127.0.0.2", "127.0.0.3")
	await(t, "the change", func() bool {
		return slices.Equal(addresses(b), []string{"127.0.0.9:81", "127.0.0.2:80", "127.0.0.3:80"})
	})
	if b.Endpoints()[1] != kept {
		t.Error("an endpoint that stayed is another one now")
	}
	if b.InFlight() != 1 {
		t.Errorf("InFlight = %d, want the request at the address that is gone", b.InFlight())
	}
	going.End()

	s.set("shop.test")
	await(t, "a failed lookup", func() bool { return b.FailedLookups() > 3 })
	if got := addresses(b); len(got) != 3 {
		t.Errorf("the name has vanished: %v, want the last good addresses", got)
	}
	s.set("shop.test", "127.0.0.2")
	await(t, "the return", func() bool { return len(addresses(b)) == 2 })
	mu.Lock()
	defer mu.Unlock()
	var missing *net.DNSError
	if len(told) != 2 || !errors.As(told[0], &missing) || told[1] != nil {
		t.Errorf("told %v, want one failure and one return", told)
	}
}

func TestAServiceNameStandsForItsHostsAndPorts(t *testing.T) {
	t.Parallel()
	s := newNameServer(t)
	s.set("_http._tcp.shop.test", "a.shop.test:8081", "b.shop.test:8082")
	s.set("a.shop.test", "127.0.0.1")
	s.set("b.shop.test", "127.0.0.1")
	b := newBackend(t, Config{Endpoints: []string{"dns+srv://_http._tcp.shop.test"}, Resolver: s.Resolver, ResolveEvery: 5 * time.Millisecond})
	run(t, b)
	<-b.Known()
	if got := addresses(b); !slices.Equal(got, []string{"127.0.0.1:8081", "127.0.0.1:8082"}) {
		t.Errorf("addresses = %v", got)
	}
}

func TestABackendWhoseNameWasNeverFoundIsUnavailableUntilItIs(t *testing.T) {
	t.Parallel()
	s := newNameServer(t)
	b := newBackend(t, Config{Endpoints: []string{"http://late.test"}, Resolver: s.Resolver, ResolveEvery: 5 * time.Millisecond})
	run(t, b)
	<-b.Known()
	if b.Available() || b.Pick(1) != nil {
		t.Fatal("available without an address")
	}
	s.set("late.test", "127.0.0.1")
	await(t, "an address", b.Available)
}

func TestConnectionsToAnAddressThatIsGoneAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	address, accepted := acceptor(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	s := newNameServer(t)
	s.set("shop.test", "127.0.0.1")
	b := newBackend(t, Config{Endpoints: []string{"http://shop.test:" + port}, MaxIdle: 4, Resolver: s.Resolver, ResolveEvery: 5 * time.Millisecond})
	run(t, b)
	<-b.Known()
	e := b.Endpoints()[0]
	busy, err := conn(context.Background(), e, metrics.Now())
	if err != nil {
		t.Fatal(err)
	}
	server := <-accepted
	defer server.Close()
	s.set("shop.test", "127.0.0.2")
	await(t, "the change", func() bool { return b.Endpoints()[0] != e })
	if _, err := server.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := busy.Read(make([]byte, 1)); err != nil {
		t.Errorf("a busy connection was cut: %v", err)
	}
	e.Put(busy, metrics.Now())
	if e.Idle(metrics.Now()) != nil {
		t.Error("a connection to the address that is gone is kept")
	}
}
