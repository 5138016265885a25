package demo

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"sluice/rollout"
)

func TestTheCanaryBehavesAsItsScenarioSays(t *testing.T) {
	t.Parallel()
	const seed = 11
	type share struct{ least, most float64 } // of failures
	for _, c := range []struct {
		s            Scenario
		early, later share // up to 4 s, and from 6 s to 12 s
		slowest      time.Duration
		wants        rollout.Outcome
	}{
		{Good, share{0, 0.002}, share{0, 0.002}, 10 * time.Millisecond, rollout.Promoted},
		{LowTraffic, share{0, 0.002}, share{0, 0.002}, 10 * time.Millisecond, rollout.Promoted},
		{Errors, share{0, 0.002}, share{0.27, 0.33}, 10 * time.Millisecond, rollout.RolledBack},
		{Slow, share{0, 0.002}, share{0, 0.002}, 520 * time.Millisecond, rollout.RolledBack},
		{Flaky, share{0.06, 0.12}, share{0.08, 0.12}, 10 * time.Millisecond, rollout.RolledBack},
	} {
		t.Run(string(c.s), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 0))
			behave := c.s.canaryBehaviour()
			failures := func(from, to time.Duration) float64 {
				const n = 20_000
				failed := 0
				for i := range n {
					reply := behave(from+(to-from)*time.Duration(i)/n, uint64(i), [2]float64{r.Float64(), r.Float64()})
					if reply.fails {
						failed++
					}
					if reply.after > c.slowest || c.s == Slow && reply.after < 400*time.Millisecond {
						t.Fatalf("seed %d: an answer takes %v, want at most %v", seed, reply.after, c.slowest)
					}
				}
				return float64(failed) / n
			}
			if got := failures(0, 4*time.Second); got < c.early.least || got > c.early.most {
				t.Errorf("seed %d: at first a share of %v fails, want %v", seed, got, c.early)
			}
			if got := failures(6*time.Second, 12*time.Second); got < c.later.least || got > c.later.most {
				t.Errorf("seed %d: later a share of %v fails, want %v", seed, got, c.later)
			}
			if c.s.Wants() != c.wants {
				t.Errorf("Wants() = %s, want %s", c.s.Wants(), c.wants)
			}
		})
	}
}

func TestAnUnknownScenarioIsRefusedWithTheListOfThem(t *testing.T) {
	t.Parallel()
	for _, s := range Scenarios() {
		if got, err := ParseScenario(string(s)); got != s || err != nil {
			t.Errorf("ParseScenario(%q) = %q, %v; want it", s, got, err)
		}
	}
	_, err := ParseScenario("god")
	if err == nil || !strings.Contains(err.Error(), "good, errors, slow, flaky, low-traffic") {
		t.Errorf("ParseScenario(god) = %v, want the list", err)
	}
}

func TestTheConfigurationIsYAMLAndKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	text := Config("127.0.0.1:1", "unix:/a b", `/tmp/a "b"`, "http://127.0.0.1:2", "http://127.0.0.1:3", LowTraffic)
	var got struct {
		Listeners []struct{ Address string }
		Admin     struct{ Address string }
		State     struct{ Dir string }
		Routes    []struct {
			Backends map[string]struct{ Endpoints []string }
			Rollout  struct {
				Steps       []string
				MinRequests int `yaml:"minRequests"`
			}
		}
	}
	if err := yaml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Listeners[0].Address != "127.0.0.1:1" || got.Admin.Address != "unix:/a b" || got.State.Dir != `/tmp/a "b"` {
		t.Errorf("Config = %+v, want its arguments", got)
	}
	r := got.Routes[0]
	if r.Backends["canary"].Endpoints[0] != "http://127.0.0.1:3" || len(r.Rollout.Steps) != 4 || r.Rollout.MinRequests != 20 {
		t.Errorf("the route is %+v, want the canary's URL, four steps, 20 requests", r)
	}
}

func TestTheBackendsNameTheirVersion(t *testing.T) {
	t.Parallel()
	b, err := StartBackends(Good)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	for url, want := range map[string]string{b.StableURL: "stable", b.CanaryURL: "canary"} {
		answer, err := http.Get(url + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got := answer.Header.Get(backendHeader); got != want || answer.StatusCode != http.StatusOK {
			t.Errorf("GET %s = %d by %q, want 200 by %q", url, answer.StatusCode, got, want)
		}
	}
}
