package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

// crowd is users who ask a route of their own: ask returns who answered each of them.
type crowd struct {
	by, keys string // the sticky source, and the route's keys for it
	users    int
	ask      func(t *testing.T, p *testkit.Proxy, host string, users int) []string
}

func (c crowd) route() string { return "by-" + strings.ToLower(c.by) }

func TestUsersMoveToTheCanaryOnlyWhenItGrowsAndAllBackAtZero(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	cookies := newCookieJar(3000)
	crowds := []crowd{
		{"cookie", "{by: cookie}", 3000, cookies.ask},
		{"header", "{by: header, header: X-Session}", 3000, askWith(func(i int) string { return fmt.Sprintf("X-Session: session-%d", i) })},
		{"identity", "{by: identity}", 300, askWith(func(i int) string { return fmt.Sprintf("X-User-Id: user-%d", i) })},
		{"query", "{by: query, query: sid}", 300, askQuery},
		{"clientIP", "{by: clientIP}", 200, askFromManyAddresses},
	}
	body := "identity:\n  trust: [127.0.0.0/8]\n  key: [{header: X-User-Id}]\nroutes:\n"
	for _, c := range crowds {
		body += fmt.Sprintf("  - name: %s\n    match: [{host: %s.test}]\n", c.route(), c.route()) + backends(stable.URL, canary.URL) +
			fmt.Sprintf("    weights: {stable: 95%%, canary: 5%%}\n    sticky: %s\n", c.keys)
	}
	p := testkit.Start(t, body)
	for _, c := range crowds {
		t.Run(c.by, func(t *testing.T) { moveOneWay(t, p, c) })
	}
}

// moveOneWay takes a crowd's route from 5 % up, down and to 0 %, and looks at each user's way.
func moveOneWay(t *testing.T, p *testkit.Proxy, c crowd) {
	before, weight := c.ask(t, p, c.route()+".test", c.users), 5.0
	checkShare(t, before, weight)
	for _, next := range []float64{5, 25, 50, 10, 0} {
		p.SetWeight(t, c.route(), map[string]float64{"stable": 100 - next, "canary": next})
		now := c.ask(t, p, c.route()+".test", c.users)
		for i := range now {
			grew := next >= weight
			if now[i] != before[i] && (now[i] == "canary") != grew {
				t.Fatalf("user %d moved from %s to %s while the canary went from %v %% to %v %%", i, before[i], now[i], weight, next)
			}
		}
		checkShare(t, now, next)
		before, weight = now, next
	}
}

func checkShare(t *testing.T, served []string, weight float64) {
	t.Helper()
	n := 0
	for _, s := range served {
		if s == "canary" {
			n++
		}
	}
	if ok, want := within(n, len(served), weight/100); !ok {
		t.Errorf("%d of %d users on the canary at %v %%, want %s", n, len(served), weight, want)
	}
}

// askWith lets each user send one header line.
func askWith(line func(i int) string) func(*testing.T, *testkit.Proxy, string, int) []string {
	return func(t *testing.T, p *testkit.Proxy, host string, users int) []string {
		return servedBy(testkit.AskMany(t, p.Web, users, func(i int) string { return testkit.Head("GET", "/", "Host: "+host, line(i)) }))
	}
}

func askQuery(t *testing.T, p *testkit.Proxy, host string, users int) []string {
	return servedBy(testkit.AskMany(t, p.Web, users, func(i int) string {
		return testkit.Head("GET", fmt.Sprintf("/?a=1&sid=s%d", i), "Host: "+host)
	}))
}

func askFromManyAddresses(t *testing.T, p *testkit.Proxy, host string, users int) []string {
	var out []string
	for i := range users {
		from := fmt.Sprintf("127.7.%d.%d", i/250, i%250+1)
		out = append(out, testkit.AskFrom(t, from, p.Web, "GET", "/", "Host: "+host).ServedBy())
	}
	return out
}

func servedBy(answers []testkit.Answer) []string {
	out := make([]string, len(answers))
	for i, a := range answers {
		out[i] = a.ServedBy()
	}
	return out
}

// cookieJar is users who keep the cookie that they are given with their first answer.
type cookieJar struct{ cookies []string }

func newCookieJar(users int) *cookieJar { return &cookieJar{make([]string, users)} }

func (j *cookieJar) ask(t *testing.T, p *testkit.Proxy, host string, users int) []string {
	answers := testkit.AskMany(t, p.Web, users, func(i int) string {
		if j.cookies[i] == "" {
			return testkit.Head("GET", "/", "Host: "+host)
		}
		return testkit.Head("GET", "/", "Host: "+host, "Cookie: other=1; "+j.cookies[i])
	})
	for i, a := range answers {
		j.keep(t, i, a)
	}
	return servedBy(answers)
}

func (j *cookieJar) keep(t *testing.T, i int, a testkit.Answer) {
	t.Helper()
	set := (&http.Response{Header: a.Header}).Cookies()
	switch {
	case j.cookies[i] != "" && len(set) > 0:
		t.Fatalf("user %d has a cookie and is given %v", i, set)
	case j.cookies[i] != "":
	case len(set) != 1 || set[0].Name != "sluice-id":
		t.Fatalf("user %d without a cookie is given %v, want a sluice-id", i, set)
	case strings.Contains(set[0].Value, "canary") || strings.Contains(set[0].Value, "stable"):
		t.Fatalf("the cookie %q names a backend", set[0].Value)
	case !set[0].HttpOnly || set[0].Path != "/" || set[0].SameSite != http.SameSiteLaxMode || set[0].MaxAge != 720*3600:
		t.Fatalf("the cookie is %q, want HttpOnly, SameSite=Lax, Path=/ and a Max-Age of 720 hours", a.Header.Get("Set-Cookie"))
	default:
		j.cookies[i] = set[0].Name + "=" + set[0].Value
	}
}
