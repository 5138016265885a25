package testkit

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAFreeAddressIsFreeAndGivenOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 50 {
		address := FreeAddress(t)
		if seen[address] {
			t.Fatalf("FreeAddress gave %s twice", address)
		}
		seen[address] = true
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatalf("FreeAddress = %s, but %v", address, err)
		}
		_ = l.Close()
	}
}

func TestPollingEndsWhenTheConditionHoldsOrTheTimeIsOver(t *testing.T) {
	t.Parallel()
	n := 0
	if ok, found := poll(Patience, func() (bool, any) { n++; return n == 3, n }); !ok || found != 3 {
		t.Errorf("poll = %v, %v; want true at the third look", ok, found)
	}
	if ok, _ := poll(time.Millisecond, func() (bool, any) { return false, nil }); ok {
		t.Error("poll = true of a condition that never holds")
	}
}

func TestAnOriginNamesItselfDoesItsScriptAndCanDie(t *testing.T) {
	t.Parallel()
	o := NewOrigin(t, "stable", nil)
	if a := Ask(t, o.Address, "GET", "/"); a.Status != 200 || a.ServedBy() != "stable" || a.Body != "stable" {
		t.Errorf("the answer is %+v, want 200 by stable", a)
	}
	o.Script(Failing)
	if a := Ask(t, o.Address, "GET", "/"); a.Status != 500 {
		t.Errorf("the answer of the failing origin is %d, want 500", a.Status)
	}
	if a := Ask(t, o.Address, "GET", "/healthz"); a.Status != 200 || o.Count() != 2 {
		t.Errorf("/healthz = %d with %d requests counted, want 200 and 2", a.Status, o.Count())
	}
	o.Stop()
	if c, err := net.Dial("tcp", o.Address); err == nil {
		_ = c.Close()
		t.Error("a stopped origin still accepts")
	}
}

func TestAClientSeesThatAnAnswerIsCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ answer, want string }{
		{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwhole", ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "after 5 bytes"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", "after 5 bytes"},
		{"HTTP/1.1 200", "head"},
	} {
		url := NewRawOrigin(t, func(o *RawConn) {
			if _, err := o.Request(); err == nil {
				o.Say(c.answer)
			}
		})
		client := Dial(t, strings.TrimPrefix(url, "http://"))
		client.Send(t, Head("GET", "/"))
		_, err := client.Read("GET")
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("Read of %q: %v, want an error with %q", c.answer, err, c.want)
		}
	}
}

func TestManyRequestsAreAnsweredByNumber(t *testing.T) {
	t.Parallel()
	o := NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Query().Get("i"))) })
	answers := AskMany(t, o.Address, 100, func(i int) string { return Head("GET", "/?i="+strings.Repeat("x", i)) })
	for i, a := range answers {
		if len(a.Body) != i {
			t.Errorf("answer %d has %d characters, want %d", i, len(a.Body), i)
		}
	}
}

func TestALoadKnowsItsFailures(t *testing.T) {
	t.Parallel()
	o := NewOrigin(t, "stable", nil)
	l := StartLoad(t, o.Address, 500)
	Until(t, Patience, "some requests", func() (bool, any) { return o.Count() > 50, o.Count() })
	if !l.LastFailure().IsZero() {
		t.Error("a healthy origin failed")
	}
	o.Script(Failing)
	Until(t, Patience, "a failure", func() (bool, any) { return !l.LastFailure().IsZero(), nil })
	if r := l.Stop(t); r.Failed == 0 || r.Lost != 0 || r.Sent != uint64(o.Count()) {
		t.Errorf("the report is %+v, want %d requests, some failed, none lost", r, o.Count())
	}
}

func TestMetricsAreSummedByLabel(t *testing.T) {
	t.Parallel()
	o := NewOrigin(t, "admin", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# HELP a b\na_total{route=\"r\",code=\"200\"} 3\na_total{route=\"r\",code=\"500\"} 2\nb 1e+3\n"))
	})
	p := &Proxy{Admin: o.Address}
	m := p.Metrics(t)
	if got := Sum(m, "a_total", `route="r"`); got != 5 {
		t.Errorf("Sum of the route = %v, want 5", got)
	}
	if got := Sum(m, "a_total", `code="500"`, `route="r"`); got != 2 {
		t.Errorf("Sum of route and code = %v, want 2", got)
	}
	if got := Sum(m, "b"); got != 1000 {
		t.Errorf("Sum without labels = %v, want 1000", got)
	}
}
