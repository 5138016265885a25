package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// installed is the path of a program that nobody here wrote.
func installed(t *testing.T, name, from string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		message := name + " is missing: install it (apt-get install " + from + "); `make test` does so as root"
		if os.Getenv("CI") == "true" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	return path
}

// sampledRollout goes on quickly where its checks pass.
func sampledRollout(hold, checks, more string) string {
	return `    sticky: {by: cookie}
    rollout:
      steps: [20%, 50%, 100%]
      hold: ` + hold + `
      minRequests: 1
      blastRadius: off
      bake: ` + hold + `
      analysis:
        checks: [{metric: error-rate, max: 50%}, ` + checks + `]
        abortOn: off
` + more
}

// reporting answers with what the host is said to use.
func reporting(report *atomic.Pointer[string]) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if s := report.Load(); s != nil {
			w.Header().Set("endpoint-load-metrics", *s)
		}
	}
}

func check(s rollout.Status, name string) rollout.Verdict {
	for _, c := range s.Checks {
		if c.Name == name {
			return c
		}
	}
	return rollout.Verdict{}
}

// silent says that a check's source says no number.
func silent(s rollout.Status, name string) bool {
	c := check(s, name)
	return c.NoValue()
}

func TestACanaryThatUsesTooMuchOfItsHostsIsRolledBack(t *testing.T) {
	t.Parallel()
	for name, canaryIs := range map[string]string{"text": "TEXT cpu_utilization=%v, mem_utilization=0.2", "json": `JSON {"cpu_utilization": %v, "mem_utilization": 0.2}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ofStable, ofCanary atomic.Pointer[string]
			ofStable.Store(new(fmt.Sprintf(canaryIs, 0.3)))
			ofCanary.Store(new(fmt.Sprintf(canaryIs, 0.5)))
			stable, canary := testkit.NewOrigin(t, "stable", reporting(&ofStable)), testkit.NewOrigin(t, "canary", reporting(&ofCanary))
			p := testkit.Start(t, shop(stable.URL, canary.URL, "    resources: {source: orca}\n"+
				sampledRollout("10m", "{metric: cpu, max: 80%, interval: 1s}, {metric: memory, max: 80%, interval: 1s}", "")))
			testkit.StartLoad(t, p.Web, rate(40))
			p.AwaitRollout(t, "shop", 2*testkit.Patience, "a pass on cpu and memory", func(s rollout.Status) bool {
				return check(s, "cpu").Verdict == "pass" && check(s, "memory").Verdict == "pass"
			})
			if got := testkit.Sum(p.Metrics(t), "sluice_backend_cpu_ratio", `backend="canary"`); got < 0.499 || got > 0.501 {
				t.Errorf("sluice_backend_cpu_ratio of the canary = %v, want 0.5", got)
			}
			ofCanary.Store(new(fmt.Sprintf(canaryIs, 0.95)))
			end := p.AwaitRollout(t, "shop", 2*testkit.Patience, "a rollback", func(s rollout.Status) bool { return s.Outcome == rollout.RolledBack })
			if end.Reason != "cpu" || !strings.Contains(end.LastDecision.Sentence, "(at most 80%), stable's 30%") ||
				!strings.Contains(end.LastDecision.Sentence, "no bound on false alarms") {
				t.Errorf("it ended with %s: %s", end.Reason, end.LastDecision.Sentence)
			}
			if out := p.CLI(t, "why", "shop"); !strings.Contains(out.Stdout, "at most 80%") || !strings.Contains(out.Stdout, "in a row") {
				t.Errorf("why says:\n%s%s", out.Stdout, out.Stderr)
			}
		})
	}
}

func TestALimitThatStableBreaksTooRollsNothingBack(t *testing.T) {
	t.Parallel()
	var hot atomic.Pointer[string]
	hot.Store(new("TEXT cpu_utilization=0.95"))
	stable, canary := testkit.NewOrigin(t, "stable", reporting(&hot)), testkit.NewOrigin(t, "canary", reporting(&hot))
	p := testkit.Start(t, shop(stable.URL, canary.URL, "    resources: {source: orca}\n"+sampledRollout("1s", "{metric: cpu, max: 80%, interval: 200ms}", "")))
	testkit.StartLoad(t, p.Web, rate(40))
	s := p.AwaitRollout(t, "shop", 2*testkit.Patience, "samples enough to roll back, and a hold that is over", func(s rollout.Status) bool {
		return check(s, "cpu").Samples > 8 && s.WaitingFor == "evidence" || s.Outcome != ""
	})
	if c := check(s, "cpu"); s.Outcome != "" || s.Step != 1 || c.Reason != "stable is beyond it too" {
		t.Errorf("%s, cpu: %s (%s), want that it waits at step 1", testkit.Brief(s), c.Verdict, c.Reason)
	}
}

// The number of a real Prometheus, which scrapes an origin of ours.
func TestARealPrometheusIsAskedAndItsOutageHoldsTheRollout(t *testing.T) {
	t.Parallel()
	binary := installed(t, "prometheus", "prometheus")
	var depth atomic.Int64
	depth.Store(10)
	target := testkit.NewOrigin(t, "queue", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "queue_depth{version=\"2\"} %d\nqueue_depth{version=\"1\"} 1000\n", depth.Load())
	})
	folder, address := t.TempDir(), testkit.FreeAddress(t)
	config := filepath.Join(folder, "prometheus.yml")
	write(t, config, "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\nscrape_configs: [{job_name: q, static_configs: [{targets: [\""+target.Address+"\"]}]}]\n")
	begin := func() *exec.Cmd {
		cmd := exec.Command(binary, "--config.file="+config, "--web.listen-address="+address, "--storage.tsdb.path="+filepath.Join(folder, "data"),
			"--log.level=error")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	end := func(cmd *exec.Cmd) { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	server := begin()
	defer func() { end(server) }()
	testkit.Until(t, 2*testkit.Patience, "a Prometheus that has scraped", func() (bool, any) {
		answer, err := http.Get("http://" + address + "/api/v1/query?query=queue_depth")
		if err != nil {
			return false, err
		}
		defer answer.Body.Close()
		b, _ := io.ReadAll(answer.Body)
		return strings.Contains(string(b), `"2"`), string(b)
	})
	query := func(q string) string {
		return fmt.Sprintf("prometheus: {url: http://%s, timeout: 10s, query: %q}", address, q)
	}
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, sampledRollout("8s", strings.Join([]string{
		"{metric: queue-depth, max: 100, interval: 200ms, " + query(`max(queue_depth{version="2"})`) + "}",
		"{name: two, metric: all-depths, max: 1, interval: 200ms, dryRun: true, " + query("queue_depth") + "}",
		"{name: none, metric: no-depth, max: 1, interval: 200ms, dryRun: true, " + query("absent_metric") + "}",
		"{name: nan, metric: nan, max: 1, interval: 200ms, dryRun: true, " + query("vector(0)/0") + "}",
		"{name: wrong, metric: wrong, max: 1, interval: 200ms, dryRun: true, " + query("max(") + "}",
		"{name: scalar, metric: scalar, max: 1, interval: 200ms, dryRun: true, " + query("scalar(vector(7))") + "}",
	}, ", "), "      maxWait: 2s\n      onInsufficient: rollback\n")))
	testkit.StartLoad(t, p.Web, rate(40))

	s := p.AwaitRollout(t, "shop", 2*testkit.Patience, "a pass", func(s rollout.Status) bool {
		return check(s, "queue-depth").Verdict == "pass" && check(s, "scalar").Samples > 3 && check(s, "wrong").Reason != "no sample yet"
	})
	for name, want := range map[string]string{
		"two": "no value: the query gives 2 series", "none": "no value: the query gives nothing", "nan": "no value: the value is NaN",
		"wrong": "no value: the query failed", "scalar": "",
	} {
		if c := check(s, name); !strings.HasPrefix(c.Reason, want) || c.Verdict != map[string]string{"scalar": "fail"}[name] && name == "scalar" {
			t.Errorf("%s: %s (%s), want %q", name, c.Verdict, c.Reason, want)
		}
	}

	end(server)
	held := p.AwaitRollout(t, "shop", testkit.Patience, "no value", func(s rollout.Status) bool {
		return silent(s, "queue-depth")
	})
	over := p.AwaitRollout(t, "shop", testkit.Patience, "a wait that is over", func(s rollout.Status) bool {
		return s.LastDecision.Reason == rollout.ReasonInsufficient || s.Outcome != ""
	})
	if over.Outcome != "" || over.Step != held.Step || !strings.Contains(over.LastDecision.Sentence, "onError: hold") {
		t.Fatalf("without Prometheus it went from %s to %s: %s", testkit.Brief(held), testkit.Brief(over), over.LastDecision.Sentence)
	}

	server = begin()
	p.AwaitRollout(t, "shop", 2*testkit.Patience, "a step on", func(s rollout.Status) bool { return s.Step > held.Step })
	depth.Store(500)
	last := p.AwaitRollout(t, "shop", 2*testkit.Patience, "a rollback", func(s rollout.Status) bool { return s.Outcome != "" })
	if last.Outcome != rollout.RolledBack || last.Reason != "queue-depth" {
		t.Errorf("it ended with %s: %s", testkit.Brief(last), last.LastDecision.Sentence)
	}
}

func TestADryRunAndASourceThatHangsDecideNothingAndAnUnreachableOneHolds(t *testing.T) {
	t.Parallel()
	source := testkit.NewOrigin(t, "source", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hangs":
			<-r.Context().Done()
		case "/bad":
			_, _ = io.WriteString(w, `{"score": 1}`)
		}
	})
	stable, canary := pair(t)
	checks := func(more string) string {
		return "{metric: nps, min: 30, interval: 100ms, dryRun: true, http: {url: " + source.URL + "/bad, value: $.score, timeout: 10s}}, " +
			"{name: hangs, metric: nps, min: 30, interval: 100ms, dryRun: true, http: {url: " + source.URL + "/hangs, timeout: 1h}}" + more
	}
	p := testkit.Start(t, shop(stable.URL, canary.URL, sampledRollout("1s", checks(""), "")))
	testkit.StartLoad(t, p.Web, rate(40))
	s := p.AwaitRollout(t, "shop", testkit.Patience, "an end", func(s rollout.Status) bool { return s.Outcome != "" })
	if s.Outcome != rollout.Promoted {
		t.Fatalf("dry runs ended it: %s: %s", testkit.Brief(s), s.LastDecision.Sentence)
	}
	nowhere := testkit.FreeAddress(t)
	text := shop(stable.URL, canary.URL, sampledRollout("1s", checks(", {name: gone, metric: nps, min: 30, interval: 100ms, http: {url: http://"+nowhere+"}}"), ""))
	text = strings.Replace(text, `version: "1`, `version: "3`, 1) // the free backend is the file's stable
	p.Write(t, text)
	if r := p.CLI(t, "reload"); r.Code != 0 {
		t.Fatalf("reload: %s", r.Stderr)
	}
	s = p.AwaitRollout(t, "shop", 2*testkit.Patience, "a hold that is over", func(s rollout.Status) bool {
		return s.WaitingFor == "evidence" && silent(s, "gone") || s.Outcome != "" && s.Phase == rollout.Failed
	})
	if c := check(s, "gone"); s.Outcome != "" || s.Step != 1 || !strings.HasPrefix(c.Reason, "no value: no answer: ") {
		t.Errorf("%s, gone: %s (%s), want that it waits at step 1", testkit.Brief(s), c.Verdict, c.Reason)
	}
}

// A real node_exporter says what this machine uses.
func TestARealNodeExporterIsScraped(t *testing.T) {
	t.Parallel()
	address := testkit.FreeAddress(t)
	testkit.Child(t, installed(t, "prometheus-node-exporter", "prometheus-node-exporter"), "--web.listen-address="+address,
		"--collector.disable-defaults", "--collector.cpu", "--collector.meminfo")
	stable, canary := pair(t)
	url := "http://" + address + "/metrics"
	p := testkit.Start(t, shop(stable.URL, canary.URL,
		"    resources: {source: prometheus, prometheus: {stable: ["+url+"], canary: ["+url+"]}}\n"+
			sampledRollout("10m", "{metric: cpu, max: 100%, interval: 1s}, {metric: memory, max: 100%, interval: 1s}", "")))
	testkit.StartLoad(t, p.Web, rate(50))
	s := p.AwaitRollout(t, "shop", 2*testkit.Patience, "a pass on cpu and memory", func(s rollout.Status) bool {
		return check(s, "cpu").Verdict == "pass" && check(s, "memory").Verdict == "pass" && check(s, "cpu").Samples > 2
	})
	for _, name := range []string{"cpu", "memory"} {
		if c := check(s, name); c.Value <= 0 || c.Value > 100 || c.Value != c.StableValue && name == "memory" && c.StableSamples == 0 {
			t.Errorf("%s = %v, want percent of this machine", name, c.Value)
		}
	}
	testkit.Until(t, testkit.Patience, "the metrics", func() (bool, any) {
		m := testkit.Sum(p.Metrics(t), "sluice_backend_memory_ratio", `backend="canary"`)
		return m > 0 && m < 1, m
	})
}

// Failures in a row outlive a kill of the process: the third one comes in the next.
func TestFailedSamplesOutliveAKill(t *testing.T) {
	t.Parallel()
	var bad atomic.Bool
	var left atomic.Int64
	source := testkit.NewOrigin(t, "source", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case !bad.Load():
			_, _ = io.WriteString(w, "50")
		case left.Add(-1) >= 0:
			_, _ = io.WriteString(w, "5")
		default:
			http.Error(w, "later", http.StatusServiceUnavailable)
		}
	})
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, sampledRollout("10m", "{metric: nps, min: 30, interval: 100ms, http: {url: "+source.URL+", timeout: 10s}}", "")))
	p.AwaitRollout(t, "shop", testkit.Patience, "a first sample", func(s rollout.Status) bool { return check(s, "nps").Samples > 0 })
	left.Store(2)
	bad.Store(true)
	p.AwaitRollout(t, "shop", testkit.Patience, "two in a row", func(s rollout.Status) bool { return check(s, "nps").Row == 2 && silent(s, "nps") })
	testkit.Until(t, testkit.Patience, "two in a row on disk", func() (bool, any) {
		b, err := os.ReadFile(filepath.Join(p.StateDir, "shop.json"))
		var e struct{ Value rollout.State }
		if err != nil || json.Unmarshal(b, &e) != nil || e.Value.Evidence == nil || len(e.Value.Evidence.Samples) == 0 {
			return false, err
		}
		return e.Value.Evidence.Samples[0].Row == 2, e.Value.Evidence.Samples
	})
	p.Kill()
	p.Run(t)
	p.AwaitReady(t)
	left.Store(2) // too few to fail from nothing
	s := p.AwaitRollout(t, "shop", 2*testkit.Patience, "a rollback", func(s rollout.Status) bool { return s.Outcome != "" })
	if s.Outcome != rollout.RolledBack || s.Reason != "nps" {
		t.Errorf("it ended with %s: %s", testkit.Brief(s), s.LastDecision.Sentence)
	}
}

func TestThePageShowsASampledCheckWithItsFailuresAndWhyItHasNoValue(t *testing.T) {
	t.Parallel()
	source := testkit.NewOrigin(t, "source", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"score": 5}`) })
	p, b := watched(t, nil, sampledRollout("1h", "{metric: nps, min: 30, interval: 1s, dryRun: true, http: {url: "+source.URL+", value: $.score}}, "+
		"{name: lost, metric: nps, min: 30, interval: 1s, http: {url: "+source.URL+", value: $.nothing}}", ""))
	b.Await("[data-key=nps]", "fail", "5", "≥ 30", "of 3 in a row")
	b.Await("[data-key=lost]", "insufficient", "no value: the answer has no $.nothing", "–", "0 of 3 in a row")
	clean(t, p, b)
}
