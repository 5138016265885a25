package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Load is what is sent. URL and one of Duration and Count are needed.
type Load struct {
	// URL is http://HOST[:PORT]/PATH. Method is GET by default, or POST when there is a Body.
	URL, Method string
	// Header is sent with each request as it is; a Host here takes the place of the URL's.
	Header http.Header
	Body   []byte

	// Connections is how many are open at most, and so how many requests are under way; default 64.
	Connections int
	// Rate in requests a second makes an open loop; 0 is a closed one. Even spaces the due times evenly; otherwise they are drawn as
	// independent users would come (Poisson).
	Rate float64
	Even bool

	// WarmUp comes before what is measured, and is in no figure but Report.WarmUp.
	WarmUp time.Duration
	// Duration is how long requests are started (or due) after that; Count how many there are. With both, whichever ends first.
	Duration time.Duration
	Count    uint64
	// Timeout of one request from when it is sent, and of a connection; default 10 s. It may take an eighth longer.
	Timeout time.Duration
	// Seed of the due times; 0 draws one.
	Seed uint64

	// By is a header whose values are counted in Report.By, such as the one that names the backend.
	By string
	// Each, if not nil, gets every measured result as it comes, from several goroutines at once.
	Each func(Result)
	// Progress, if not nil, is called about twice a second.
	Progress func(Progress)
}

// Result is what became of one request.
type Result struct {
	// Due is when it had to be sent: in a closed loop, when it was. Waited is from then to its sending, Took to the end of its answer.
	Due          time.Time
	Waited, Took time.Duration
	// Status is the answer's code; 0 when Err says why there was no whole answer.
	Status int
	// By is the value of Load.By's header.
	By  string
	Err error
}

// Progress is how far a load is.
type Progress struct {
	Elapsed      time.Duration // of the whole, warm-up included
	WarmingUp    bool
	Done, Failed uint64
}

const (
	maxConnections = 65_536
	defaultTimeout = 10 * time.Second

	// What would make more lines or headers of one.
	breaksLine = "\r\n\x00"
	breaksName = breaksLine + " \t:"
)

// Invalid is a load that can't be sent as it is written.
type Invalid struct{ problem string }

func (e *Invalid) Error() string { return e.problem }

func (l *Load) invalid(format string, args ...any) error {
	return &Invalid{fmt.Sprintf("load %q: ", l.URL) + fmt.Sprintf(format, args...)}
}

func (l *Load) prepare() (*url.URL, error) {
	target, err := url.Parse(l.URL)
	switch {
	case err != nil || target.Host == "" || target.Scheme != "http":
		return nil, l.invalid("want a URL of the form http://host:port/path")
	case l.Rate < 0 || l.Connections < 0 || l.Connections > maxConnections || l.WarmUp < 0 || l.Duration < 0 || l.Timeout < 0:
		return nil, l.invalid("rate, times and connections are not negative, connections not above %d", maxConnections)
	case l.Duration == 0 && l.Count == 0:
		return nil, l.invalid("it has no end: want a duration or a count of requests")
	case strings.ContainsAny(l.Method, breaksName):
		return nil, l.invalid("%q is no method", l.Method)
	}
	for name, values := range l.Header {
		for _, v := range values {
			if name == "" || strings.ContainsAny(name, breaksName) || strings.ContainsAny(v, breaksLine) {
				return nil, l.invalid("%q can't be the header %q", v, name)
			}
		}
	}
	if l.Connections == 0 {
		l.Connections = 64
	}
	if l.Timeout == 0 {
		l.Timeout = defaultTimeout
	}
	if l.Seed == 0 {
		l.Seed = rand.Uint64()
	}
	if l.Method == "" {
		l.Method = http.MethodGet
		if len(l.Body) > 0 {
			l.Method = http.MethodPost
		}
	}
	return target, nil
}

// Run sends the load and returns what became of it when the last answer is in, which is at most Timeout after the last request. When ctx
// ends it stops at once: requests under way are given up and counted nowhere. The error says that nothing could be sent at all.
func (l Load) Run(ctx context.Context) (*Report, error) {
	target, err := l.prepare()
	if err != nil {
		return nil, err
	}
	r := &running{Load: l, address: address(target), request: l.bytes(target), start: time.Now()}
	r.measure = r.start.Add(l.WarmUp)
	if l.Duration > 0 {
		r.end = r.measure.Add(l.Duration)
	}
	if err := r.reach(ctx); err != nil {
		return nil, err
	}
	r.all(ctx)
	return r.report(), nil
}

// running is a load under way. The fields before tally do not change.
type running struct {
	Load
	address             string
	request             []byte
	start, measure, end time.Time // end is zero without a Duration

	tally
	begun atomic.Uint64 // of the measured ones
}

// reach makes sure that somebody listens, so that a wrong address is an error and not a report full of them.
func (r *running) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	c, err := dial(ctx, r.address)
	if err != nil {
		return fmt.Errorf("load %q: %w; is the server running?", r.URL, err)
	}
	return c.Close()
}

// all runs the connections, what gives them their due times, and the progress.
func (r *running) all(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	var sending, around sync.WaitGroup
	next := r.closed
	if r.Rate > 0 {
		due := make(chan time.Time)
		around.Go(func() {
			defer close(due)
			r.pace(ctx, due)
		})
		next = func() (time.Time, bool) {
			at, ok := <-due
			return at, ok
		}
	}
	if r.Progress != nil {
		around.Go(func() { r.tell(ctx) })
	}
	for range r.Connections {
		sending.Go(func() { r.send(ctx, next) })
	}
	sending.Wait()
	stop()
	around.Wait()
}

// closed is the next request of a closed loop: due now.
func (r *running) closed() (time.Time, bool) {
	now := time.Now()
	return now, r.wanted(now)
}

// wanted says whether a request that is due then is one of the load, and counts it if it is measured.
func (r *running) wanted(due time.Time) bool {
	if !r.end.IsZero() && !due.Before(r.end) {
		return false
	}
	if due.Before(r.measure) {
		return true
	}
	return r.begun.Add(1) <= r.Count || r.Count == 0
}

// send is one connection's life: request after request, one at a time.
func (r *running) send(ctx context.Context, next func() (time.Time, bool)) {
	c := connection{address: r.address, timeout: r.Timeout, by: r.By, head: r.Method == http.MethodHead}
	defer c.close()
	for {
		due, ok := next()
		if !ok || ctx.Err() != nil {
			return
		}
		begun := time.Now()
		a, err := c.exchange(ctx, begun, r.request)
		if ctx.Err() != nil {
			return
		}
		result := Result{Due: due, Waited: begun.Sub(due), Took: time.Since(due), Status: a.status, By: a.by, Err: err}
		measured := !due.Before(r.measure)
		if r.add(result, measured); measured && r.Each != nil {
			r.Each(result)
		}
		if err != nil && errors.Is(err, errConnect) {
			rest(ctx, refusedPause)
		}
	}
}

// refusedPause keeps a closed loop from asking a dead server a hundred thousand times a second.
const refusedPause = 10 * time.Millisecond

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r *running) tell(ctx context.Context) {
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			p := Progress{Elapsed: now.Sub(r.start), WarmingUp: now.Before(r.measure)}
			p.Done, p.Failed = r.seen()
			r.Progress(p)
		}
	}
}

// address is where to connect.
func address(u *url.URL) string {
	if u.Port() == "" {
		return u.Hostname() + ":80"
	}
	return u.Host
}

// bytes is the request as it is sent, each time the same.
func (l *Load) bytes(target *url.URL) []byte {
	host := l.Header.Get("Host")
	if host == "" {
		host = target.Host
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", l.Method, target.RequestURI(), host)
	for name, values := range l.Header {
		for _, v := range values {
			if name != "Host" {
				fmt.Fprintf(&b, "%s: %s\r\n", name, v)
			}
		}
	}
	if len(l.Body) > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(l.Body))
	}
	b.WriteString("\r\n")
	return append([]byte(b.String()), l.Body...)
}
