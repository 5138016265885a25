package testkit

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Client is a raw connection to the proxy: what it sends is what stands in the test. All it does is over within Patience.
type Client struct {
	net.Conn
	In *bufio.Reader
}

// Dial connects to HOST:PORT.
func Dial(t testing.TB, address string) *Client {
	t.Helper()
	return DialFrom(t, "127.0.0.1", address)
}

// DialFrom connects from a given loopback address: all of 127.0.0.0/8 are ours.
func DialFrom(t testing.TB, from, address string) *Client {
	t.Helper()
	d := net.Dialer{Timeout: Patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	return &Client{Conn: c, In: bufio.NewReader(c)}
}

// Send writes text as it is.
func (c *Client) Send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("send %.80q: %v", text, err)
	}
}

// Answer is an answer read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	// Raw has what net/http made of it.
	Raw *http.Response
}

// ServedBy is the origin that answered, "" when it was the proxy.
func (a Answer) ServedBy() string { return a.Header.Get(ServedBy) }

// Read reads one answer to a request of that method. The error says that it is not whole.
func (c *Client) Read(method string) (Answer, error) {
	raw, err := http.ReadResponse(c.In, &http.Request{Method: method})
	if err != nil {
		return Answer{}, fmt.Errorf("read the head of an answer: %w", err)
	}
	body, err := io.ReadAll(raw.Body)
	a := Answer{raw.StatusCode, raw.Header, string(body), raw}
	if err != nil {
		return a, fmt.Errorf("read the body of an answer after %d bytes: %w", len(body), err)
	}
	return a, nil
}

// Answer reads one whole answer, or fails the test.
func (c *Client) Answer(t testing.TB, method string) Answer {
	t.Helper()
	a, err := c.Read(method)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Closed says whether the proxy has closed the connection with nothing more said.
func (c *Client) Closed() bool {
	_, err := c.In.ReadByte()
	if err == nil {
		return false
	}
	timeout, ok := err.(net.Error)
	return !ok || !timeout.Timeout()
}

// Ask sends one request on a connection of its own. lines are field lines without their ends; a Host is added.
func Ask(t testing.TB, address, method, target string, lines ...string) Answer {
	t.Helper()
	return AskFrom(t, "127.0.0.1", address, method, target, lines...)
}

// AskFrom is Ask from a given loopback address.
func AskFrom(t testing.TB, from, address, method, target string, lines ...string) Answer {
	t.Helper()
	c := DialFrom(t, from, address)
	defer func() { _ = c.Close() }()
	c.Send(t, Head(method, target, append(lines, "Connection: close")...))
	return c.Answer(t, method)
}

// Head is a request head. Without a Host line among the lines, one is added.
func Head(method, target string, lines ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\n")
	host := false
	for _, l := range lines {
		b.WriteString(l + "\r\n")
		host = host || strings.HasPrefix(l, "Host:")
	}
	if !host {
		b.WriteString("Host: shop.test\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// AskMany sends n requests on a few keep-alive connections, each as soon as the answer before it is there, and returns the answers by
// number. Every answer has to be whole; a loss fails the test. head makes the i-th request and may run in several goroutines.
func AskMany(t testing.TB, address string, n int, head func(i int) string) []Answer {
	t.Helper()
	const connections = 4
	answers, errs := make([]Answer, n), make([]error, connections)
	var wg sync.WaitGroup
	for k := range connections {
		c := Dial(t, address)
		wg.Go(func() {
			for i := k; i < n && errs[k] == nil; i += connections {
				errs[k] = c.SetDeadline(time.Now().Add(Patience))
				if errs[k] == nil {
					_, errs[k] = io.WriteString(c, head(i))
				}
				if errs[k] == nil {
					answers[i], errs[k] = c.Read("GET")
				}
			}
			_ = c.Close()
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatalf("a request of %d was lost: %v", n, err)
		}
	}
	return answers
}
