package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/rollout"
)

// Route is the admin API's object of a route.
type Route struct {
	Name       string          `json:"name"`
	Generation uint64          `json:"generation"`
	Backends   []RouteBackend  `json:"backends"`
	Rollout    *rollout.Status `json:"rollout"`
}

// RouteBackend is one backend of a Route. Weight and ErrorRate are in percent.
type RouteBackend struct {
	Name      string  `json:"name"`
	Version   string  `json:"version"`
	Weight    float64 `json:"weight"`
	Requests  uint64  `json:"requests"`
	Errors    uint64  `json:"errors"`
	ErrorRate float64 `json:"errorRate"`
	Endpoints []struct {
		URL      string `json:"url"`
		Healthy  bool   `json:"healthy"`
		InFlight int64  `json:"inFlight"`
	} `json:"endpoints"`
	Latency struct {
		Mean, P50, P95, P99 rollout.Duration
	} `json:"latency"`
}

// Backend is the backend of that name; the zero one when there is none.
func (r Route) Backend(name string) RouteBackend {
	for _, b := range r.Backends {
		if b.Name == name {
			return b
		}
	}
	return RouteBackend{}
}

// api is a client that waits no longer than a test does.
var api = &http.Client{Timeout: Patience, Transport: &http.Transport{DisableKeepAlives: true}}

func (p *Proxy) get(path string) (int, string, error) {
	answer, err := api.Get("http://" + p.Admin + path)
	if err != nil {
		return 0, "", err
	}
	return read(answer)
}

func read(answer *http.Response) (int, string, error) {
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// Get asks the admin API and returns status and body.
func (p *Proxy) Get(t testing.TB, path string) (int, string) {
	t.Helper()
	code, body, err := p.get(path)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return code, body
}

// Post sends a JSON body to the admin API and returns status and body.
func (p *Proxy) Post(t testing.TB, path string, body any) (int, string) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := api.Post("http://"+p.Admin+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("POST %s: %v", path, err)
	}
	code, text, err := read(answer)
	if err != nil {
		t.Fatalf("POST %s: %v", path, err)
	}
	return code, text
}

// Route is a route as the admin API shows it.
func (p *Proxy) Route(t testing.TB, name string) Route {
	t.Helper()
	return into[Route](t, p, "/api/v1/routes/"+name)
}

// Routes are all routes, in the file's order.
func (p *Proxy) Routes(t testing.TB) []Route {
	t.Helper()
	return into[struct{ Routes []Route }](t, p, "/api/v1/routes").Routes
}

// Rollout is a route's rollout as the admin API shows it.
func (p *Proxy) Rollout(t testing.TB, route string) rollout.Status {
	t.Helper()
	return into[rollout.Status](t, p, "/api/v1/routes/"+route+"/rollout")
}

// Decisions are a route's, newest first.
func (p *Proxy) Decisions(t testing.TB, route string) []rollout.Decision {
	t.Helper()
	return into[struct{ Decisions []rollout.Decision }](t, p, "/api/v1/routes/"+route+"/decisions?limit=100").Decisions
}

func into[T any](t testing.TB, p *Proxy, path string) T {
	t.Helper()
	var out T
	code, body := p.Get(t, path)
	if code != http.StatusOK {
		t.Fatalf("GET %s = %d %s, want 200", path, code, body)
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, body)
	}
	return out
}

// AwaitRollout waits until the rollout is as wanted and returns it.
func (p *Proxy) AwaitRollout(t testing.TB, route string, most time.Duration, what string, wanted func(rollout.Status) bool) rollout.Status {
	t.Helper()
	var s rollout.Status
	Until(t, most, what, func() (bool, any) {
		s = p.Rollout(t, route)
		return wanted(s), Brief(s)
	})
	return s
}

// Brief is a rollout in one line, for messages.
func Brief(s rollout.Status) string {
	held, needed := time.Duration(s.Held), time.Duration(s.HoldNeeded)
	text := fmt.Sprintf("phase %s outcome %q reason %q step %d/%d weight %s held %v of %v requestsNeeded %d waitingFor %q",
		s.Phase, s.Outcome, s.Reason, s.Step, s.Steps, s.Weight, held, needed, s.RequestsNeeded, s.WaitingFor)
	for _, c := range s.Checks {
		text += fmt.Sprintf(" [%s %s %.3g of %.3g on %d]", c.Name, c.Verdict, c.Value, c.Limit, c.Samples)
	}
	return text
}

// SetWeight sets the weights of a route, in percent, and fails the test when that is refused.
func (p *Proxy) SetWeight(t testing.TB, route string, weights map[string]float64) {
	t.Helper()
	code, body := p.Post(t, "/api/v1/routes/"+route+"/rollout/set-weight", map[string]any{"weights": weights, "actor": "test"})
	if code != http.StatusOK {
		t.Fatalf("set-weight %s %v = %d %s, want 200", route, weights, code, body)
	}
}

// Metric is one sample of /metrics: its labels as they stand there, and its value.
type Metric struct {
	Labels string
	Value  float64
}

// Metrics reads /metrics: the samples by name.
func (p *Proxy) Metrics(t testing.TB) map[string][]Metric {
	t.Helper()
	code, body := p.Get(t, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("GET /metrics = %d, want 200", code)
	}
	out := map[string][]Metric{}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("/metrics: %q: %v", line, err)
		}
		name, labels, _ := strings.Cut(line[:at], "{")
		out[name] = append(out[name], Metric{strings.TrimSuffix(labels, "}"), value})
	}
	return out
}

// Sum adds up the samples of a name whose labels have all the given ones, each written name="value".
func Sum(metrics map[string][]Metric, name string, labels ...string) float64 {
	var sum float64
	for _, m := range metrics[name] {
		if m.has(labels) {
			sum += m.Value
		}
	}
	return sum
}

func (m Metric) has(labels []string) bool {
	for _, l := range labels {
		if !strings.Contains(","+m.Labels+",", ","+l+",") {
			return false
		}
	}
	return true
}
