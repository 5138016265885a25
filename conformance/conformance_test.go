package conformance

import (
	"flag"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/internal/testkit"
)

var (
	foreign = flag.String("proxy", "", "run the cases against the proxy at this address instead of our binary")
	listen  = flag.String("backend", "", "with -proxy: the address at which that proxy expects its backend")
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// setting is how a proxy is set up for the cases that ask for it, and how many of those run at a time.
type setting struct {
	lanes           int
	limits, backend string // keys of the listener's limits and of the backend
	route           string // a line of the route
	dead            bool   // nobody listens where the backend should be
	mirror          bool   // the backend gets copies of what is for another one
}

var settings = map[string]setting{
	"":                {lanes: 6},
	"small limits":    {lanes: 2, limits: "headerBytes: 1KiB, headerCount: 10, bodyBytes: 10B"},
	"short patience":  {lanes: 6, limits: "headerTimeout: 300ms, idleTimeout: 300ms, bodyRate: 0", backend: "timeouts: {firstByte: 300ms, idle: 300ms}"},
	"a body rate":     {lanes: 2, limits: "headerTimeout: 300ms, bodyRate: 1KiB/s"},
	"a short timeout": {lanes: 2, route: "timeout: 300ms"},
	"one client":      {lanes: 1, limits: "connections: 1"},
	"one per address": {lanes: 1, limits: "connectionsPerIP: 1"},
	"one connection":  {lanes: 1, backend: "connections: {max: 1}"},
	"no backend":      {lanes: 1, dead: true},
	"a mirror":        {lanes: 2, dead: true, mirror: true, route: "mirror: {to: copies, bodyBytes: 10B, methods: [GET, POST]}"},
	"a sick backend":  {lanes: 1, dead: true, backend: "healthCheck: {interval: 100ms, unhealthyAfter: 1}"},
}

func TestTheProxyKeepsItsPromisesOnTheWire(t *testing.T) {
	t.Parallel()
	cases, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if *foreign != "" {
		runForeign(t, cases)
		return
	}
	lanes := start(t)
	for _, c := range cases {
		t.Run(c.Title, func(t *testing.T) {
			t.Parallel()
			free := lanes[c.With]
			if free == nil {
				t.Fatalf("%s:%d: nobody knows a proxy with %s", c.File, c.Line, c.With)
			}
			l := <-free
			defer func() { free <- l }()
			if err := l.Run(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// start runs our binary with a listener, a route and a backend for each lane, and gives out the lanes by setting.
func start(t *testing.T) map[string]chan *Lane {
	t.Helper()
	p := testkit.Prepare(t, "")
	lanes := map[string]chan *Lane{}
	var listeners, routes strings.Builder
	n := 0
	for with, s := range settings {
		lanes[with] = make(chan *Lane, s.lanes)
		for range s.lanes {
			n++
			l := newLane(t, testkit.FreeAddress(t))
			lanes[with] <- l
			fmt.Fprintf(&listeners, "  - {name: web%d, address: %q, trustedProxies: [127.0.0.2/32], limits: {%s}}\n", n, l.Proxy, s.limits)
			origin := l.Backend.Addr().String()
			copies := ""
			if s.mirror {
				copies = fmt.Sprintf(", copies: {endpoints: [\"http://%s\"]}", origin)
			}
			if s.dead {
				origin = testkit.FreeAddress(t)
			}
			for _, r := range [...]struct{ name, match string }{
				{"admin", `{path: {prefix: /admin}, `}, {"dotted", `{host: dotted.test, `}, {"shop", `{`},
			} {
				fmt.Fprintf(&routes, "  - name: %s%d\n    match: [%slisteners: [web%d]}]\n", r.name, n, r.match, n)
				fmt.Fprintf(&routes, "    backends: {stable: {endpoints: [\"http://%s\"], %s}%s}\n    %s\n", origin, s.backend, copies, s.route)
			}
		}
	}
	p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners:\n%sadmin: {address: %q}\nstate: {dir: %q}\n"+
		"identity: {trust: [127.0.0.2/32], key: [{header: X-User-Id}]}\nroutes:\n%s", &listeners, p.Admin, p.StateDir, &routes))
	p.Run(t)
	p.AwaitReady(t)
	sick := <-lanes["a sick backend"]
	testkit.Until(t, testkit.Patience, "a backend that is known to be sick", func() (bool, any) {
		a := testkit.Ask(t, sick.Proxy, "GET", "/")
		return a.Status == 503, a.Status
	})
	lanes["a sick backend"] <- sick
	return lanes
}

func newLane(t *testing.T, proxy string) *Lane {
	t.Helper()
	return laneAt(t, proxy, "127.0.0.1:0")
}

func laneAt(t *testing.T, proxy, backend string) *Lane {
	t.Helper()
	l, err := net.Listen("tcp", backend)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &Lane{Proxy: proxy, Backend: l.(*net.TCPListener), Patience: 10 * time.Second}
}

// runForeign holds the cases that need no special setting with another proxy, one after the other.
func runForeign(t *testing.T, cases []Case) {
	t.Helper()
	l := laneAt(t, *foreign, *listen)
	l.Foreign, l.Patience = true, 2*time.Second
	for _, c := range cases {
		if c.With != "" || c.From != "" {
			continue
		}
		t.Run(c.Title, func(t *testing.T) {
			if err := l.Run(c); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryPromiseHasACase(t *testing.T) {
	t.Parallel()
	cases, err := All()
	if err != nil {
		t.Fatal(err)
	}
	has, titles := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		promise, _, _ := strings.Cut(c.Title, ":")
		has[promise] = true
		if titles[c.Title] {
			t.Errorf("%s:%d: a second case with the title %q", c.File, c.Line, c.Title)
		}
		titles[c.Title] = true
	}
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 23, 24} {
		if !has[fmt.Sprint(n)] {
			t.Errorf("promise %d has no case", n)
		}
	}
}

func TestTheThreatModelNamesEveryFileOfCasesAndOnlyTestsThatAreThere(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if !strings.Contains(string(page), c.File) {
			t.Fatalf("docs/threat-model.md does not name %s", c.File)
		}
	}
	named := regexp.MustCompile(`(?:[a-z0-9]+/)+[a-z0-9_]+_test\.go`).FindAllString(string(page), -1)
	if len(named) < 10 {
		t.Fatalf("docs/threat-model.md names %d tests, want a table of them", len(named))
	}
	for _, file := range named {
		if _, err := os.Stat("../" + file); err != nil {
			t.Errorf("docs/threat-model.md: %v", err)
		}
	}
}
