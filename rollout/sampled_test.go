package rollout

import (
	"fmt"
	"strconv"
	"strings"

	"sluice/analysis"
	"sluice/metrics"
)

// sampledOf reads `cpu:80,queue:100:dryRun`: the checks with their largest good values. cpu and memory are compared with stable.
func sampledOf(value string) (out []analysis.SampledCheck) {
	for text := range strings.SplitSeq(value, ",") {
		words := strings.Split(text, ":")
		most, err := strconv.ParseFloat(words[1], 64)
		if err != nil {
			panic(err)
		}
		c := analysis.SampledCheck{Name: words[0], Metric: words[0], Max: most, HasMax: true, DryRun: len(words) > 2}
		if c.Metric == analysis.CPU || c.Metric == analysis.Memory {
			c.Unit, c.Apart = "percent", 10
		}
		out = append(out, c)
	}
	return out
}

// sample brings samples of a check, one after the other: `sample cpu 90 90/45 error`. A second number is stable's.
func (w *world) sample(args []string) error {
	for _, text := range args[1:] {
		r := Reading{Attempt: w.state.Attempt, Check: args[0], Since: w.now}
		var err error
		if text == "error" {
			r.Error = "no answer within 5s"
		} else {
			of, stable, both := strings.Cut(text, "/")
			r.Value, err = strconv.ParseFloat(of, 64)
			if r.HasStable = both; both && err == nil {
				r.Stable, err = strconv.ParseFloat(stable, 64)
			}
		}
		if err != nil {
			return fmt.Errorf("sample %q: %w", text, err)
		}
		w.watch.sample(&w.plan, &w.state, &r)
		w.input(nil)
	}
	return nil
}

// sampleQueue brings a sample, mostly a good one.
func (f *faults) sampleQueue() {
	now, ok := f.control.Sampling()
	if !ok {
		return
	}
	r := Reading{Attempt: now.Attempt, Check: "queue", Since: metrics.Now(), Sample: analysis.Sample{Value: 50}}
	switch f.random.IntN(10) {
	case 0:
		r.Value = 500
	case 1:
		r.Sample = analysis.Sample{Error: "no answer"}
	}
	if err := f.control.Sample(f.t.Context(), r); err != nil {
		f.t.Errorf("Sample = %v", err)
	}
}
