package decision

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The short form of the benchmark: the seeds are fixed, and only what must hold by far is asked for. The figures are in bench/results.

// cell plays Sluice through a scenario.
func cell(s Scenario, runs int) Cell {
	m := sluice()
	return summarize(&m, &s, outcomes(&m, &s, runs, 1))
}

func TestBadCanariesAreRolledBackInTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario Scenario
		within   float64 // seconds in the mean: twice what the long form shows
	}{
		{errorsRise(1000, 0.001, 0.01), 56},
		{errorsRise(1000, 0.001, 0.05), 7},
		{errorsRise(1000, 0.001, 1), 4},
		{errorsRise(1000, 0.01, 0.05), 15},
		{errorsRise(1000, 0.05, 0.1), 45},
		{errorsRise(100, 0.001, 0.05), 50},
		{slower(1000, 1.1, 1), 110},
		{slower(1000, 2, 1), 7},
		{slower(1000, 10, 0.02), 22},
		{late(1000, 120, 0.001, 0.05), 14},
		{stickyWorse(1000, 0.001, 0.05), 10},
		{fewerConvert(1000, 0.2), 400},
		{onePath(1000), 50},
		{errorsRise(5, 0.001, 1), 80},
		{errorsRise(10_000, 0.001, 0.05), 5},
	} {
		got := cell(c.scenario, 20)
		if got.RolledBack.Rate < 1 || got.Early.Rate > 0 || got.ToRollback.Mean > c.within {
			t.Errorf("%s: rolled back %s, before it was worse %s, after %.1f s; want all, none, within %g s",
				got.Scenario, got.RolledBack, got.Early, got.ToRollback.Mean, c.within)
		}
	}
}

func TestGoodCanariesArePromoted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario Scenario
		within   float64
	}{
		{healthy(1000, 0.0001), 60},
		{healthy(1000, 0.001), 120},
		{healthy(1000, 0.01), 180},
		{healthy(100, 0.001), 1100},
		{better(1000), 30},
		{stableBroken(1000), 200},
	} {
		got := cell(c.scenario, 20)
		if got.Promoted.Rate < 1 || got.ToPromote.Mean > c.within {
			t.Errorf("%s: promoted %s after %.1f s, want all within %g s", got.Scenario, got.Promoted, got.ToPromote.Mean, c.within)
		}
	}
}

func TestWhatIsNotTheCanarysFaultRollsNothingBack(t *testing.T) {
	t.Parallel()
	for _, s := range []Scenario{
		shared(1000, "outage", outage), shared(1000, "tide", tide), clustered(100, "always", always), clustered(100, "all kinds", logUniform),
		lessShare(1000), slowSuccess(200), lowTraffic(),
	} {
		if got := cell(s, 20); got.RolledBack.Rate > 0 || got.Promoted.Rate > 0 {
			t.Errorf("%s: rolled back %s, promoted %s, want neither", got.Scenario, got.RolledBack, got.Promoted)
		}
	}
}

func TestFalseRollbacksAreWithinAlpha(t *testing.T) {
	t.Parallel()
	for _, s := range Controls() {
		m := Strict()
		if got := summarize(&m, &s, outcomes(&m, &s, 400, 7)); got.RolledBack.Low > 0.001 {
			t.Errorf("%s: rolled back %s, want 0.001 within the interval", s.Name, got.RolledBack)
		}
	}
}

// The yardsticks are what they are said to be: else a comparison with them says nothing.
func TestTheOthersDoWhatTheirDocumentsSay(t *testing.T) {
	t.Parallel()
	makers := map[string]Maker{}
	for _, m := range Makers() {
		makers[m.Name] = m
	}
	for _, c := range []struct {
		policy   string
		scenario Scenario
		end      End
		seconds  float64 // 0: whenever
	}{
		{"Flagger-like", errorsRise(100, 0.001, 1), RolledBack, 360},
		{"Flagger-like", errorsRise(1000, 0.001, 0.005), Promoted, 180},
		{"Argo-like, example", healthy(1000, 0.001), Promoted, 1800},
		{"Argo-like, tuned", errorsRise(1000, 0.001, 0.05), RolledBack, 60},
		{"Argo-like, tuned", healthy(1000, 0.001), Promoted, 360},
		{"Kayenta-like, once", errorsRise(100, 0.001, 0.05), RolledBack, 3600},
		{"Kayenta-like, each 10 min", errorsRise(1000, 0.001, 0.05), RolledBack, 600},
		{"mSPRT-like, normal", errorsRise(1000, 0.001, 0.05), RolledBack, 0},
		{"mSPRT-like, normal", healthy(1000, 0.001), Promoted, 90.1},
		{"Lindon-Malek-like, errors only", errorsRise(1000, 0.001, 0.05), RolledBack, 0},
		{"Lindon-Malek-like, errors only", healthy(1000, 0.001), Promoted, 90.1},
		{"oracle", errorsRise(1000, 0.001, 0.05), RolledBack, 0},
	} {
		m := makers[c.policy]
		got := Play(&m, &c.scenario, 3)
		if got.End != c.end || c.seconds > 0 && math.Abs(got.Seconds-c.seconds) > 0.5 {
			t.Errorf("%s, %s: ends %d after %g s, want %d after %g s", c.policy, c.scenario.Name, got.End, got.Seconds, c.end, c.seconds)
		}
	}
	peek, s := makers["z-test each second"], healthy(1000, 0.01)
	if got := summarize(&peek, &s, outcomes(&peek, &s, 40, 1)); got.RolledBack.Rate < 0.05 {
		t.Errorf("a z-test each second rolls back %s of the good, want some", got.RolledBack)
	}
	for _, name := range []string{"mSPRT-like, normal", "Lindon-Malek-like, errors only"} {
		m := makers[name]
		if got := summarize(&m, &s, outcomes(&m, &s, 40, 1)); got.RolledBack.Rate > 0.05 {
			t.Errorf("%s rolls back %s of the good, want hardly any", name, got.RolledBack)
		}
		// Evidence that the canary is the better is two-sided evidence too, and is not to be held against it.
		if b := better(1000); summarize(&m, &b, outcomes(&m, &b, 20, 1)).RolledBack.Rate > 0 {
			t.Errorf("%s rolls back a better canary", name)
		}
	}
}

// Both mixtures are integrals that have a closed form; here they are summed.
func TestMixturesAreWhatTheirIntegralsAre(t *testing.T) {
	t.Parallel()
	c := pairCount{n: [2]float64{9500, 500}, bad: [2]float64{95, 15}}
	q := 110.0 / 10_000
	v, delta := q*(1-q)*(1.0/9500+1.0/500), 15.0/500-95.0/9500
	sum := 0.0
	const step = 1e-5
	for x := -0.1; x < 0.1; x += step { // the likelihood ratio of a difference x to none, under N(0, 0.01²)
		sum += step / (0.01 * math.Sqrt(2*math.Pi)) * math.Exp(-x*x/(2*0.01*0.01)) * math.Exp((2*delta*x-x*x)/(2*v))
	}
	if got := normalMixture(&c); math.Abs(got-math.Log(sum)) > 1e-3 {
		t.Errorf("normalMixture = %g, want %g", got, math.Log(sum))
	}
	const w = 0.25
	sum, all := 0.0, 0.0
	for x := step / 2; x < 1; x += step { // the canary's share x, under Beta(2.5, 7.5)
		prior := math.Pow(x, 10*w-1) * math.Pow(1-x, 10*(1-w)-1)
		sum, all = sum+prior*math.Pow(x/w, 6)*math.Pow((1-x)/(1-w), 4), all+prior
	}
	if got := countMixture([2]float64{4, 6}, w); math.Abs(got-math.Log(sum/all)) > 1e-3 {
		t.Errorf("countMixture = %g, want %g", got, math.Log(sum/all))
	}
}

func TestTheSameSeedGivesTheSameReport(t *testing.T) {
	t.Parallel()
	b := Bench{Scenarios: []Scenario{errorsRise(100, 0.01, 0.2), slower(100, 2, 1), clustered(50, "x", always)}, Policies: Makers()[:2], Runs: 3, Seed: 5}
	if d := cmp.Diff(Run(&b), Run(&b)); d != "" {
		t.Errorf("two runs differ: %s", d)
	}
}

func TestBoundsAreThoseOfSmallCasesWorkedOut(t *testing.T) {
	t.Parallel()
	// w -> 0: stable's rate is known, and the divergence is that of the canary from the line alone.
	p, q := 0.05, 1.25*0.001+0.001
	kl := p*math.Log(p/q) + (1-p)*math.Log((1-p)/(1-q))
	if got, want := errorBound(0.001, 0.05, 1e-6), math.Log(1000)/kl; math.Abs(got/want-1) > 1e-3 {
		t.Errorf("errorBound = %g, want %g", got, want)
	}
	if got, want := latencyBound(0.1, 1e-6), math.Log(1000)/(0.1*0.1/2); math.Abs(got/want-1) > 1e-3 {
		t.Errorf("latencyBound = %g, want %g", got, want)
	}
}

func TestAReportCanBeReadAndDrawn(t *testing.T) {
	t.Parallel()
	b := Bench{Scenarios: []Scenario{healthy(1000, 0.0001), errorsRise(1000, 0.001, 1)}, Policies: Makers()[:1], Runs: 2, Seed: 1}
	took := 0
	b.Progress = func(string, string, time.Duration) { took++ }
	r := Run(&b)
	var table, text, plot bytes.Buffer
	if err := errors.Join(r.WriteTable(&table), r.WriteJSON(&text), r.WritePlot(&plot, 1000)); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text.Bytes(), &back); err != nil || cmp.Diff(r, back) != "" || took != 2 {
		t.Errorf("the report does not come back from JSON: %v; %d cells were told of", err, took)
	}
	if !bytes.Contains(table.Bytes(), []byte("S2 errors 0.1%>100%, 1000/s")) {
		t.Errorf("the table lacks a scenario:\n%s", table.String())
	}
	circles := 0
	for d := xml.NewDecoder(&plot); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the plot is no XML: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 1 {
		t.Errorf("the plot has %d policies, want 1", circles)
	}
}
