package demo

import (
	"testing"
	"time"

	"sluice/config"
)

func TestARehearsalKeepsThePlanAndReplacesWhatItPlaysOn(t *testing.T) {
	t.Parallel()
	cfg, findings := config.Parse("test.yaml", []byte(`
listeners: [{name: edge, address: ":80", limits: {connections: 1}}]
admin: {address: 0.0.0.0:9900, tokenFile: x}
identity: {trust: [10.0.0.0/8], key: [{header: X-User-Id}]}
routes:
  - name: other
    match: [{host: other.example.com}]
    backends: {only: {endpoints: ["http://10.0.0.9:80"]}}
  - name: shop
    match: [{host: shop.example.com}]
    backends:
      blue: {endpoints: ["http://10.0.0.1:80", "http://10.0.0.2:80"], version: "7", healthCheck: {path: /up, interval: 30s}}
      green: {endpoints: ["http://10.0.0.3:80"], version: "8"}
      batch: {endpoints: ["http://10.0.0.4:80"]}
    weights: {batch: 10%}
    sticky: {by: clientIP}
    select: [{beta: {users: [ann]}, to: canary}]
    rollout:
      stable: blue
      canary: green
      autoStart: false
      steps: [{setWeight: 5%, hold: 10m, minRequests: 4000}, {setWeight: 50%, hold: 30m, minRequests: 10}]
      bake: 20m
      analysis: {checks: [{metric: latency, max: 700ms}]}
`), func(string) (string, bool) { return "/tmp", true })
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	on := Stage{
		Listen: "127.0.0.1:1", Admin: "unix:/tmp/x", StateDir: "/tmp/s", Budget: time.Minute,
		Backends: &Backends{StableURL: "http://127.0.0.1:2", CanaryURL: "http://127.0.0.1:3"},
	}
	if faster := Rehearse(cfg, "shop", on); faster != 60 {
		t.Errorf("Rehearse = %v times faster, want 60", faster)
	}
	if len(cfg.Listeners) != 1 || cfg.Listeners[0].Address != on.Listen || cfg.Listeners[0].Limits.Connections != 0 ||
		cfg.Admin.Address != on.Admin || cfg.Admin.TokenFile != "" || cfg.State.Dir != on.StateDir || len(cfg.Routes) != 1 {
		t.Errorf("the stage is %+v %+v %+v with %d routes", cfg.Listeners, cfg.Admin, cfg.State, len(cfg.Routes))
	}
	r := cfg.Routes[0]
	if r.Name != "shop" || r.Match != nil || r.Select != nil || r.Sticky.By[0] != "cookie" {
		t.Errorf("the route is %+v", r)
	}
	for i, want := range []string{on.Backends.StableURL, on.Backends.CanaryURL, on.Backends.StableURL} {
		if b := r.Backends[i]; len(b.Endpoints) != 1 || b.Endpoints[0] != want {
			t.Errorf("%s is at %v, want %s", b.Name, b.Endpoints, want)
		}
	}
	if h := r.Backends[0].HealthCheck; h.Path != "/healthz" || h.Interval != time.Second {
		t.Errorf("health check %+v, want the stage's", h)
	}
	plan := r.Rollout
	if !plan.AutoStart || plan.Bake != 20*time.Second || plan.Analysis.Checks[0].MaxLatency != 700*time.Millisecond {
		t.Errorf("plan %+v, want a bake of 20s and the file's check", plan)
	}
	if a, b := plan.Steps[0], plan.Steps[1]; a.Hold != 10*time.Second || a.MinRequests != 66 || b.Hold != 30*time.Second || b.MinRequests != 10 {
		t.Errorf("steps %+v, want holds of 10s and 30s, 66 and 10 requests", plan.Steps)
	}
}

func TestAPlanThatIsQuickIsRehearsedAsItIs(t *testing.T) {
	t.Parallel()
	r := &config.Rollout{Steps: []config.Step{{Weight: 500, Hold: time.Second, MinRequests: 500}}, Bake: time.Second}
	if faster := hurry(r, time.Minute); faster != 1 || r.Steps[0].Hold != time.Second || r.Steps[0].MinRequests != 500 {
		t.Errorf("hurry = %v, %+v; want nothing changed", faster, r)
	}
}

func TestATrialOnCopiesAndAnABTestAreRehearsedFasterToo(t *testing.T) {
	t.Parallel()
	r := &config.Rollout{Copies: &config.Step{Hold: 50 * time.Minute, MinRequests: 1000}, Bake: 10 * time.Minute}
	if faster := hurry(r, time.Minute); faster != 60 || r.Copies.Hold != 50*time.Second || r.Copies.MinRequests != 20 || r.Bake != 10*time.Second {
		t.Errorf("hurry = %v, %+v, bake %v; want 60 times faster", faster, r.Copies, r.Bake)
	}
	r = &config.Rollout{ABTest: &config.ABTest{MaxDuration: 336 * time.Hour}, Bake: time.Second}
	if hurry(r, time.Minute); r.ABTest.MaxDuration != 30*time.Second {
		t.Errorf("an A/B test is rehearsed for %v, want half a minute at most", r.ABTest.MaxDuration)
	}
}
