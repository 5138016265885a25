package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Lane is a proxy's listener and the backend behind it, for one case at a time.
type Lane struct {
	Proxy    string // address of the proxy
	Backend  *net.TCPListener
	Patience time.Duration // how long a case may take
	Foreign  bool          // the proxy is not ours: its pages and added fields are its own business
}

// end is one end of a connection.
type end struct {
	*net.TCPConn
	in *bufio.Reader
}

// talk is a case under way.
type talk struct {
	*Lane
	from     string
	deadline time.Time
	clients  map[byte]*end
	backend  *end   // where it gets and says things now
	backends []*end // all there were
}

// Run holds the case's conversation. The error names the line at which it went otherwise, and how.
func (l *Lane) Run(c Case) error {
	t := &talk{Lane: l, from: c.From, deadline: time.Now().Add(l.Patience), clients: map[byte]*end{}}
	defer t.close()
	if err := t.talk(c); err != nil {
		_ = t.hearAll() // what was meant for this case is not for the next
		return err
	}
	if err := t.surplus(); err != nil {
		return fmt.Errorf("%s:%d: %w", c.File, c.Line, err)
	}
	return nil
}

func (t *talk) talk(c Case) error {
	for i, s := range c.Steps {
		var next *Step
		if i+1 < len(c.Steps) {
			next = &c.Steps[i+1]
		}
		if err := t.step(&s, next); err != nil {
			return fmt.Errorf("%s:%d: %w", c.File, s.Line, err)
		}
	}
	return nil
}

func (t *talk) close() {
	for _, e := range t.clients {
		_ = e.Close()
	}
	for _, e := range t.backends {
		_ = e.Close()
	}
}

// step takes one step. next is the one after, which ends "any lines".
func (t *talk) step(s, next *Step) error {
	e, err := t.end(s)
	if err != nil || s.Act == "new" || s.Act == "first" {
		return err
	}
	switch {
	case !s.Gets && s.Act != "":
		return t.act(e, s)
	case !s.Gets:
		if _, err := io.WriteString(e, s.Text); err != nil && t.Foreign {
			return fmt.Errorf("say %.60q: %w", s.Text, err)
		}
		return nil // a side that is cut off while it talks finds out when it listens
	case s.Act != "":
		return t.event(e, s.Act)
	case s.Any:
		return skip(e, next)
	}
	return expect(e, s)
}

// end finds the connection that a step is about, and makes one where there is none.
func (t *talk) end(s *Step) (*end, error) {
	if s.Who != 'B' {
		if e := t.clients[s.Who]; e != nil {
			return e, nil
		}
		d := net.Dialer{Deadline: t.deadline}
		if t.from != "" {
			d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(t.from)}
		}
		c, err := d.Dial("tcp", t.Proxy)
		if err != nil {
			return nil, err
		}
		t.clients[s.Who] = t.wrap(c)
		return t.clients[s.Who], nil
	}
	if s.Act == "first" && len(t.backends) > 0 {
		t.backend = t.backends[0]
	}
	if t.backend == nil || s.Act == "new" {
		_ = t.Backend.SetDeadline(t.deadline)
		c, err := t.Backend.Accept()
		if err != nil {
			return nil, fmt.Errorf("no connection to the backend: %w%s", err, t.said())
		}
		t.backend = t.wrap(c)
		t.backends = append(t.backends, t.backend)
	}
	return t.backend, nil
}

// said is what the clients have been told instead.
func (t *talk) said() string {
	var all strings.Builder
	for who, e := range t.clients {
		_ = e.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if got, _ := io.ReadAll(e.in); len(got) > 0 {
			fmt.Fprintf(&all, "; %c got %.300q", who, got)
		}
	}
	return all.String()
}

func (t *talk) wrap(c net.Conn) *end {
	_ = c.SetDeadline(t.deadline)
	return &end{c.(*net.TCPConn), bufio.NewReaderSize(c, 128<<10)}
}

func (t *talk) act(e *end, s *Step) error {
	if s.Who == 'B' && s.Act != "ends" {
		t.backend = nil
	}
	switch s.Act {
	case "ends":
		return e.CloseWrite()
	case "closes":
		return e.Close()
	case "resets":
		_ = e.SetLinger(0)
		return e.Close()
	}
	return fmt.Errorf("nobody knows how to do (%s)", s.Act)
}

// event waits for something that is no line.
func (t *talk) event(e *end, what string) error {
	switch what {
	case "forwarded":
		if t.Foreign {
			empty := &Step{Gets: true, Text: "\r\n"}
			return errors.Join(skip(e, empty), expect(e, empty))
		}
		for i := range forwarded {
			if err := expect(e, &forwarded[i]); err != nil {
				return err
			}
		}
		return nil
	case "end":
		got, err := io.ReadAll(e.in)
		if err != nil || len(got) > 0 {
			return fmt.Errorf("got %.300q, %v; want the end of the connection", got, err)
		}
		return nil
	case "gone":
		if got, err := io.ReadAll(e.in); err != nil && !errors.Is(err, syscall.ECONNRESET) || len(got) > 0 {
			return fmt.Errorf("got %.300q, %w; want the connection to be over", got, orNil(err))
		}
		return nil
	case "reset":
		got, err := io.ReadAll(e.in)
		if !errors.Is(err, syscall.ECONNRESET) || len(got) > 0 {
			return fmt.Errorf("got %.300q, %v; want a reset", got, err)
		}
		return nil
	}
	status, method, ok := 0, "GET", false
	if n, _ := fmt.Sscanf(what, "page %d %s", &status, &method); n > 0 {
		ok = true
	}
	if !ok {
		return fmt.Errorf("nobody knows what (%s) is", what)
	}
	return t.page(e, status, method)
}

// ourPage is the text of a page: the status, what happened, and the request's id.
var ourPage = regexp.MustCompile(`\A([0-9]{3} [A-Za-z -]+): [^\r\n]+ \(request ([!-~]+)\)\n\z`)

// page reads an error page of the proxy's.
func (t *talk) page(e *end, status int, method string) error {
	a, err := http.ReadResponse(e.in, &http.Request{Method: method})
	if err != nil {
		return fmt.Errorf("want a page with status %d: %w", status, err)
	}
	body, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != status {
		return fmt.Errorf("got %s %.200q, %v; want a page with status %d", a.Status, body, err, status)
	}
	if t.Foreign {
		return nil
	}
	id := a.Header.Get("X-Request-Id")
	parts := ourPage.FindStringSubmatch(string(body))
	whole := parts != nil && parts[1] == a.Status && parts[2] == id || method == "HEAD" && len(body) == 0 && id != ""
	if !whole || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" || len(body) > 300 {
		return fmt.Errorf("got %v %q, want a short page of ours with status and request id", a.Header, body)
	}
	return nil
}

// surplus says what anybody has got that the case does not name.
func (t *talk) surplus() error {
	for who, e := range t.clients {
		if p := e.pending(); p != "" {
			return fmt.Errorf("%c also got %.300q", who, p)
		}
	}
	if err := t.hearAll(); err != nil {
		return err
	}
	for _, e := range t.backends {
		if p := e.pending(); p != "" {
			return fmt.Errorf("the backend also got %.300q", p)
		}
	}
	return nil
}

// hearAll takes all connections that the proxy has opened to the backend. One of our own is the last in the queue: the others lie
// before it.
func (t *talk) hearAll() error {
	mark, err := net.Dial("tcp", t.Backend.Addr().String())
	if err != nil {
		return err
	}
	defer func() { _ = mark.Close() }()
	for {
		_ = t.Backend.SetDeadline(time.Now().Add(t.Patience))
		c, err := t.Backend.Accept()
		if err != nil {
			return err
		}
		e := t.wrap(c)
		t.backends = append(t.backends, e)
		if c.RemoteAddr().String() == mark.LocalAddr().String() {
			return nil
		}
	}
}

// pending are bytes that have arrived and that nobody has asked for.
func (e *end) pending() string {
	buf := make([]byte, 512)
	n, _ := e.in.Read(buf[:min(len(buf), e.in.Buffered())])
	if n > 0 {
		return string(buf[:n])
	}
	raw, err := e.SyscallConn()
	if err != nil {
		return ""
	}
	_ = raw.Control(func(fd uintptr) { n, _, _ = syscall.Recvfrom(int(fd), buf, syscall.MSG_PEEK|syscall.MSG_DONTWAIT) })
	return string(buf[:max(n, 0)])
}
