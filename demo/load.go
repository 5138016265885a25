package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Load is an open-loop load of GET requests: each is due at its own time, whatever became of the ones before, and its latency counts
// from then. A slow proxy can't slow it down and so hide its slowness.
type Load struct {
	// URL that is asked for, of the form http://host:port/path.
	URL string
	// Rate in requests a second, and Duration of the whole; without a Duration the load runs until the context ends.
	Rate     float64
	Duration time.Duration
	// Poisson draws the times between two requests; otherwise they are even.
	Poisson bool
	// Users is how many people ask, drawn at random for each request; at least 1.
	Users int
	// UserHeader is the header that carries the user's id, "user-17". Without one users keep the cookies they are given.
	UserHeader string
	// BackendHeader is the header of the answer that names the backend.
	BackendHeader string
	// Connections is the most at a time, default 512; Timeout of one request, default 10 s.
	Connections int
	Timeout     time.Duration
	// Each, if not nil, gets every result as it comes, from several goroutines at once.
	Each func(Result)
}

// Result is what became of one request.
type Result struct {
	// Due is when it had to be sent, Took the time from then to the last byte of the answer.
	Due  time.Time
	Took time.Duration
	User int
	// Backend is who answered, "" for nobody or the proxy itself.
	Backend string
	// Status is the answer's code; 0 when Err says why there was no whole answer.
	Status int
	Err    error
}

// Failed says whether the user saw a failure: a 5xx, or no whole answer.
func (r Result) Failed() bool { return r.Err != nil || r.Status >= 500 }

// Run sends the load and returns what became of it, when the last answer is in. The error says that nothing could be sent.
func (l Load) Run(ctx context.Context) (Report, error) {
	target, err := url.Parse(l.URL)
	if err != nil || target.Scheme != "http" || target.Port() == "" {
		return Report{}, fmt.Errorf("load %q: want a URL of the form http://host:port/path", l.URL)
	}
	if l.Rate <= 0 {
		return Report{}, fmt.Errorf("load %q: a rate of %v requests a second sends nothing", l.URL, l.Rate)
	}
	s := &sending{Load: l, target: target, users: make([]user, max(l.Users, 1))}
	s.idle.address = target.Host
	if s.Connections == 0 {
		s.Connections = 512
	}
	if s.Timeout == 0 {
		s.Timeout = 10 * time.Second
	}
	s.dispatch(ctx)
	s.idle.close()
	return s.tally.report(), nil
}

// sending is a load under way.
type sending struct {
	Load
	target *url.URL
	users  []user
	idle   pool
	tally  tally
}

// user is one of the people: the cookie they were given last, as "name=value".
type user struct{ cookie atomic.Pointer[string] }

func (s *sending) dispatch(ctx context.Context) {
	if s.Duration > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, s.Duration)
		defer stop()
	}
	var open sync.WaitGroup
	defer open.Wait()
	slots := make(chan struct{}, s.Connections)
	for due := time.Now(); ; due = due.Add(s.gap()) {
		if !pause(ctx, time.Until(due)) {
			return
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		open.Go(func() {
			r := s.ask(due, rand.IntN(len(s.users)))
			s.tally.add(r)
			if s.Each != nil {
				s.Each(r)
			}
			<-slots
		})
	}
}

func (s *sending) gap() time.Duration {
	gap := 1 / s.Rate
	if s.Poisson {
		gap *= rand.ExpFloat64()
	}
	return time.Duration(gap * float64(time.Second))
}

// ask sends one request on a connection of its own for that time. Nothing is sent twice: an answer that does not come is a loss.
func (s *sending) ask(due time.Time, who int) Result {
	r := Result{Due: due, User: who}
	var c *clientConn
	if c, r.Err = s.idle.take(s.Timeout); r.Err == nil {
		r.Err = s.exchange(c, &r)
	}
	r.Took = time.Since(due)
	return r
}

func (s *sending) exchange(c *clientConn, r *Result) error {
	keep := false
	defer func() {
		if keep {
			s.idle.put(c)
		} else {
			_ = c.Close()
		}
	}()
	if err := c.SetDeadline(time.Now().Add(s.Timeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, s.head(r.User)); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	_ = answer.Body.Close() // read to its end
	r.Status, r.Backend = answer.StatusCode, answer.Header.Get(s.BackendHeader)
	if set := answer.Cookies(); s.UserHeader == "" && len(set) > 0 {
		cookie := set[0].Name + "=" + set[0].Value
		s.users[r.User].cookie.Store(&cookie)
	}
	keep = !answer.Close && c.in.Buffered() == 0
	return nil
}

func (s *sending) head(who int) string {
	var b strings.Builder
	b.WriteString("GET " + s.target.RequestURI() + " HTTP/1.1\r\nHost: " + s.target.Host + "\r\n")
	if s.UserHeader != "" {
		fmt.Fprintf(&b, "%s: user-%d\r\n", s.UserHeader, who)
	} else if cookie := s.users[who].cookie.Load(); cookie != nil {
		b.WriteString("Cookie: " + *cookie + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// clientConn is a connection to the proxy.
type clientConn struct {
	net.Conn
	in *bufio.Reader
}

// pool keeps idle connections, the last used first.
type pool struct {
	address string

	mu   sync.Mutex
	idle []*clientConn
}

func (p *pool) take(timeout time.Duration) (*clientConn, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := net.DialTimeout("tcp", p.address, timeout)
	if err != nil {
		return nil, err
	}
	return &clientConn{Conn: c, in: bufio.NewReader(c)}, nil
}

func (p *pool) put(c *clientConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		_ = c.Close()
	}
	p.idle = nil
}
