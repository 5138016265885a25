package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

// The proxy believes identity headers from 127.0.0.1 alone; the tests come from other loopback addresses where that matters.
const stranger = "127.0.0.9"

const identities = `identity:
  trust: [127.0.0.1/32]
  key: [{header: X-User-Id}]
  email: [{header: X-User-Email}]
  segment: [{header: X-User-Segment}]
`

const rules = `    select:
      - {name: staff, internal: {emailDomains: [company.test], cidrs: [127.8.0.0/16]}, to: canary}
      - {beta: {users: [user-1, user-2], usersFile: %q}, to: canary}
      - {segment: {in: [enterprise]}, to: stable}
      - {segment: {in: [free-tier, new-users]}, to: canary}
      - {name: half, segment: {in: [tested]}, to: canary, percent: 50%%}
      - {match: {headers: {X-Canary: {exact: always}}}, to: canary}
      - {match: {cookies: {beta: {exact: "1"}}}, to: canary}
      - {match: {query: {v: {prefix: "2"}}}, to: canary}
`

// selecting is a proxy with all rules and the weights given.
func selecting(t *testing.T, stable, canary *testkit.Origin, weights string) *testkit.Proxy {
	t.Helper()
	list := filepath.Join(t.TempDir(), "beta.txt")
	if err := os.WriteFile(list, []byte("user-3\nuser-4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return testkit.Start(t, identities+shop(stable.URL, canary.URL, "    weights: "+weights+"\n"+fmt.Sprintf(rules, list)))
}

func TestRulesSelectUsersWhateverTheWeights(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := selecting(t, stable, canary, "{stable: 100%, canary: 0%}")
	for _, c := range []struct{ who, from, target, line, want string }{
		{"nobody in particular", "", "/", "Accept: */*", "stable"},
		{"staff by address", "", "/", "X-User-Email: ann@Company.test", "canary"},
		{"an address that only ends like staff's", "", "/", "X-User-Email: ann@evilcompany.test", "stable"},
		{"staff by network", "127.8.3.4", "/", "Accept: */*", "canary"},
		{"a user of the inline beta list", "", "/", "X-User-Id: user-2", "canary"},
		{"a user of the beta file", "", "/", "X-User-Id: user-4", "canary"},
		{"a user of neither list", "", "/", "X-User-Id: user-5", "stable"},
		{"a segment of a list", "", "/", "X-User-Segment: gold, free-tier", "canary"},
		{"the first rule that matches wins", "", "/", "X-User-Segment: free-tier, enterprise", "stable"},
		{"a header", "", "/", "X-Canary: always", "canary"},
		{"another value of the header", "", "/", "X-Canary: never", "stable"},
		{"a cookie", "", "/", "Cookie: a=b; beta=1", "canary"},
		{"a query", "", "/?a=1&v=2.1", "Accept: */*", "canary"},
		{"a stranger who says to be staff", stranger, "/", "X-User-Email: ann@company.test", "stable"},
		{"a stranger who says to be a beta user", stranger, "/", "X-User-Id: user-1", "stable"},
		{"a stranger who says to be in a segment", stranger, "/", "X-User-Segment: free-tier", "stable"},
		{"a stranger with an alias of the header", stranger, "/", "X_User_Segment: free-tier", "stable"},
		{"a stranger with a header that all may send", stranger, "/", "X-Canary: always", "canary"},
	} {
		from := c.from
		if from == "" {
			from = "127.0.0.1"
		}
		if a := testkit.AskFrom(t, from, p.Web, "GET", c.target, c.line); a.ServedBy() != c.want {
			t.Errorf("%s (%s, %s): served by %q, want %s", c.who, c.target, c.line, a.ServedBy(), c.want)
		}
	}
	m := p.Metrics(t)
	for reason, least := range map[string]float64{"internal": 2, "beta": 2, "segment": 2, "match": 4, "weight": 6} {
		if got := testkit.Sum(m, "sluice_selections_total", `route="shop"`, fmt.Sprintf("reason=%q", reason)); got < least {
			t.Errorf("sluice_selections_total of %s = %v, want at least %v", reason, got, least)
		}
	}
}

func TestAPercentageOfARuleTakesThatShareOfItsUsersAndAlwaysTheSame(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := selecting(t, stable, canary, "{stable: 100%, canary: 0%}")
	const n = 400
	ask := func() []string {
		return servedBy(testkit.AskMany(t, p.Web, n, func(i int) string {
			return testkit.Head("GET", "/", "X-User-Segment: tested", fmt.Sprintf("X-User-Id: tester-%d", i))
		}))
	}
	first, second := ask(), ask()
	checkShare(t, first, 50)
	for i := range first {
		if first[i] != second[i] {
			t.Fatalf("tester %d was served by %s, then by %s", i, first[i], second[i])
		}
	}
}

func TestRulesAndWeightsWorkAtTheSameTime(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := selecting(t, stable, canary, "{stable: 80%, canary: 20%}")
	const n = 4000
	served := servedBy(testkit.AskMany(t, p.Web, n, func(i int) string {
		switch i % 4 {
		case 0:
			return testkit.Head("GET", "/", "X-User-Email: ann@company.test")
		case 1:
			return testkit.Head("GET", "/", "X-User-Segment: enterprise")
		default:
			return testkit.Head("GET", "/")
		}
	}))
	var others []string
	for i, s := range served {
		switch {
		case i%4 == 0 && s != "canary", i%4 == 1 && s != "stable":
			t.Fatalf("request %d, whose rule decides, was served by %s", i, s)
		case i%4 > 1:
			others = append(others, s)
		}
	}
	checkShare(t, others, 20)
}

func TestIdentityHeadersOfStrangersReachNoBackend(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	echo := func(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(r.Header) }
	stable.Script(echo)
	canary.Script(echo)
	p := selecting(t, stable, canary, "{stable: 100%, canary: 0%}")
	lines := []string{"X-User-Id: eve", "x-user-email: eve@company.test", "X_User.Segment: free-tier", "X-Other: kept"}
	seen := func(from string) http.Header {
		var h http.Header
		a := testkit.AskFrom(t, from, p.Web, "GET", "/", lines...)
		if err := json.Unmarshal([]byte(a.Body), &h); err != nil {
			t.Fatalf("%v in %q", err, a.Body)
		}
		return h
	}
	got := seen(stranger)
	for name := range got {
		if folded := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name)); strings.HasPrefix(folded, "x-user-") {
			t.Errorf("the backend sees %s: %q from a stranger", name, got[name])
		}
	}
	if got.Get("X-Other") != "kept" {
		t.Errorf("the backend sees %v, want X-Other", got)
	}
	if got := seen("127.0.0.1"); got.Get("X-User-Id") != "eve" || got.Get("X-User-Email") != "eve@company.test" {
		t.Errorf("the backend sees %v of a trusted peer, want its identity headers", got)
	}
}
