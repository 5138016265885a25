package rollout

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/analysis"
	"sluice/metrics"
)

var update = flag.Bool("update", false, "rewrite the scripts' expected output")

// The scripts tell the engine's behaviour. Each block is a command, a line of dashes, and what came of it.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(in))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(in), got); diff != "" {
				t.Errorf("%s (rewrite with -update): %s", file, diff)
			}
		})
	}
}

// runScript runs the commands of a script and returns it with the output they have now.
func runScript(t *testing.T, in string) string {
	w := newWorld()
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(in), "\n\n") {
		lines := strings.Split(block, "\n")
		if strings.HasPrefix(lines[0], "#") && !strings.Contains(block, "\n----") {
			out.WriteString(block + "\n\n")
			continue
		}
		w.out.Reset()
		for _, line := range lines {
			if strings.HasPrefix(line, "----") {
				break
			}
			out.WriteString(line + "\n")
			if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
				if err := w.do(words[0], words[1:]); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			}
		}
		w.show()
		out.WriteString("----\n" + w.out.String() + "\n")
	}
	return strings.TrimSpace(out.String()) + "\n"
}

// world is what a script acts on: a plan, a state, two meters, a clock.
type world struct {
	out            strings.Builder
	plan           Plan
	state          State
	wall           time.Time
	now            metrics.Instant
	meters         map[string]*metrics.Meter
	down           map[string]bool
	inFlight       int64
	hold           bool
	written        bool
	watch          watch
	traffic        map[string]traffic
	attempts       int
	pendingElapsed time.Duration
}

type traffic struct {
	perSecond, errors int
	latency           time.Duration
}

func newWorld() *world {
	w := &world{
		wall: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), now: metrics.Instant(time.Hour),
		meters: map[string]*metrics.Meter{}, down: map[string]bool{}, traffic: map[string]traffic{},
	}
	w.plan = Plan{
		Route: "shop", Backends: []Backend{{"stable", "1.0"}, {"canary", "1.1"}},
		Rollout: &Rollout{
			Stable: "stable", Canary: "canary",
			Steps: []Step{{Weight: 500, Hold: 10 * time.Minute, MinRequests: 100}, {Weight: 2500, Hold: 10 * time.Minute, MinRequests: 100}},
			Bake:  10 * time.Minute, BakeStable: 500,
			AutoStart: true, AutoRollback: true, DrainTimeout: 30 * time.Second, MaxWait: 30 * time.Minute,
			Rules: analysis.Rules{
				Rules: []analysis.Rule{{
					Check: analysis.Check{Name: "error-rate", Metric: analysis.ErrorRate, Max: 5, HasMax: true},
				}},
				Confidence: 0.999, BlastRadius: 0.01, Steps: 3, Duration: time.Hour,
			},
			AbortOn: &analysis.AbortOn{ErrorRate: 50, MinRequests: 20, Window: 2 * time.Second},
		},
	}
	for _, name := range []string{"stable", "canary", "copies", "originals"} {
		w.meters[name] = metrics.New(metrics.Config{Shards: 1, Blocks: true})
	}
	return w
}

func (w *world) do(verb string, args []string) error {
	switch verb {
	case "plan", "reload":
		return w.reload(verb, args)
	case "boot":
		return w.boot(args)
	case "tick":
		d, err := time.ParseDuration(args[0])
		if err == nil {
			w.tick(d)
		}
		return err
	case "counts":
		return w.counts(args)
	case "traffic":
		return w.setTraffic(args)
	case "command":
		return w.command(args)
	case "answer":
		return w.answer(args)
	case "sample":
		return w.sample(args)
	case "late": // time goes by and nobody looks
		d, err := time.ParseDuration(args[0])
		w.now, w.wall, w.pendingElapsed = w.now.Add(d), w.wall.Add(d), w.pendingElapsed+d
		return err
	case "down":
		w.down[args[0]] = true
		w.input(nil)
	case "up":
		delete(w.down, args[0])
		w.input(nil)
	case "in-flight":
		n, err := strconv.ParseInt(args[0], 10, 64)
		w.inFlight = n
		return err
	case "disk":
		w.hold = args[0] == "full"
	case "written":
		w.written = true
		w.input(nil)
	case "wall":
		d, err := time.ParseDuration(args[0])
		w.wall = w.wall.Add(d)
		return err
	case "routing":
		w.printRouting()
	case "last":
		w.printLast()
	case "outbox":
		for _, e := range w.state.Undelivered {
			fmt.Fprintf(&w.out, "%s %s: %s\n", e.ID, e.Decision.Action, e.Decision.Sentence)
		}
	default:
		return fmt.Errorf("unknown word %q", verb)
	}
	return nil
}

func (w *world) base() Input {
	w.attempts++
	in := Input{
		Now: w.wall, Elapsed: w.pendingElapsed, Random: [2]uint64{uint64(w.attempts), 0},
		Hold: w.hold, Written: w.written, InFlight: w.inFlight,
		CanaryUp: !w.down[w.state.Canary.Backend], StableUp: !w.down[w.state.Stable.Backend],
	}
	w.pendingElapsed, w.written = 0, false
	return in
}

// boot takes up the state as another process would: with empty windows. `boot lost` finds it unreadable, `boot read-only` can't write it.
func (w *world) boot(args []string) error {
	w.state.Clean = len(args) == 0 || args[0] != "crash"
	b, err := w.state.encode()
	if err != nil {
		return err
	}
	s := State{}
	if w.state.Phase != "" {
		if s, err = decodeState(b); err != nil {
			return err
		}
	}
	lost, readOnly := slices.Contains(args, "lost"), slices.Contains(args, "read-only")
	in := w.base()
	s, decisions, err := Boot(&w.plan, s, &in, lost)
	if err != nil {
		return err
	}
	if readOnly {
		var more []Decision
		s, more = ReadOnly(&w.plan, s, &in)
		decisions = append(decisions, more...)
	}
	w.watch = watch{visits: visitors{anew: w.watch.visits.anew}}
	w.become(s, decisions)
	w.restart()
	return nil
}

func (w *world) restart() {
	w.watch.copies = func() (copies, originals *metrics.Meter) { return w.meters["copies"], w.meters["originals"] }
	w.watch.restart(&w.plan, &w.state, w.meters[w.state.Canary.Backend], w.meters[w.state.Stable.Backend], w.now, w.now)
}

// tick lets time go on in steps of a second at most.
func (w *world) tick(d time.Duration) {
	for d > 0 {
		step := min(d, time.Second)
		d -= step
		for _, name := range slices.Sorted(maps.Keys(w.traffic)) {
			if t := w.traffic[name]; t.perSecond > 0 {
				n := max(int(float64(t.perSecond)*step.Seconds()), 1)
				w.record(name, metrics.Drawn, n, n*t.errors/100, t.latency)
			}
		}
		w.now = w.now.Add(step)
		w.wall = w.wall.Add(step)
		w.pendingElapsed += step
		w.input(nil)
	}
}

func (w *world) record(backend string, c metrics.Cohort, n, errors int, latency time.Duration) {
	for i := range n {
		a := w.meters[backend].Begin(w.now, c, 0)
		w.meters[backend].End(a, metrics.Outcome{At: w.now.Add(latency), Failed: i < errors})
	}
}

// input steps the engine once.
func (w *world) input(c *Command) {
	in := w.base()
	switch {
	case c != nil:
	case !w.state.active(), w.state.unbegun():
		w.watch.learn(w.plan.Rollout.Timeout, w.now)
		if w.state.active() {
			in.Report, in.Fast = &analysis.Report{}, w.watch.lane(w.plan.Rollout, w.now)
		}
	default:
		in.Report, in.Fast = w.watch.look(&w.plan, &w.state, w.now), w.watch.lane(w.plan.Rollout, w.now)
		in.Sampled = w.watch.sampledChecks(&w.plan, &w.state)
	}
	in.Command = c
	s, decisions, err := Next(&w.plan, w.state, &in)
	if err != nil {
		fmt.Fprintf(&w.out, "%s: %v\n", strings.TrimPrefix(fmt.Sprintf("%T", err), "*rollout."), err)
	}
	w.become(s, decisions)
}

func (w *world) become(s State, decisions []Decision) {
	before, after := RoutingOf(&w.plan, &w.state), RoutingOf(&w.plan, &s)
	anew := numbersRestarted(&w.state, &s)
	w.state = s
	for _, d := range decisions {
		fmt.Fprintf(&w.out, "%s: %s %s → %s %s", d.Action, d.From, d.WeightFrom, d.To, d.WeightTo)
		if d.Reason != "" {
			fmt.Fprintf(&w.out, " (%s)", d.Reason)
		}
		if d.Outcome != "" {
			fmt.Fprintf(&w.out, " %s", d.Outcome)
		}
		if rises(&before, &after) {
			w.out.WriteString(" written first")
		}
		fmt.Fprintf(&w.out, "\n  %s\n", d.Sentence)
	}
	if !before.same(&after) || anew || !s.active() {
		w.restart()
	}
}

func (w *world) command(args []string) error {
	c := Command{Verb: args[0], Actor: "ops"}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "full":
			c.Full = true
		case "version":
			c.Version = value
		case "attempt":
			c.Attempt = value
			if value == "present" {
				c.Attempt = w.state.Attempt
			}
		case "step":
			n, err := strconv.Atoi(value)
			if err != nil {
				return err
			}
			c.Step = &n
		case "gate":
			c.Gate = value
		case "actor":
			c.Actor = value
		default:
			weight, err := parseWeight(value)
			if err != nil {
				return err
			}
			if c.Weights == nil {
				c.Weights = map[string]Weight{}
			}
			c.Weights[key] = weight
		}
	}
	w.input(&c)
	return nil
}

func parseWeight(s string) (Weight, error) {
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	return Weight(v*100 + 0.5), err
}

// counts records a burst: `counts canary errors=40/1000 latency=80ms`, also pinned=, hanging=N, unreachable=N. With over=5s it is no burst
// but so many in five seconds, which go by: the judge decides on no burst within a second.
func (w *world) counts(args []string) error {
	backend, m := args[0], w.meters[args[0]]
	var n, errors int
	latency, cohort, over := 20*time.Millisecond, metrics.Drawn, time.Duration(0)
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		var err error
		switch key {
		case "errors":
			_, err = fmt.Sscanf(value, "%d/%d", &errors, &n)
		case "pinned":
			cohort = metrics.Pinned
			_, err = fmt.Sscanf(value, "%d/%d", &errors, &n)
		case "latency":
			latency, err = time.ParseDuration(value)
		case "over":
			over, err = time.ParseDuration(value)
		case "hanging", "unreachable":
			var k int
			k, err = strconv.Atoi(value)
			for range k {
				a := m.Begin(w.now, metrics.Drawn, 0)
				if key == "unreachable" {
					m.End(a, metrics.Outcome{At: w.now, Unreachable: true})
				}
			}
		default:
			err = fmt.Errorf("unknown word %q", key)
		}
		if err != nil {
			return err
		}
	}
	seconds := int(over / time.Second)
	part := func(of, i int) int { return of*(i+1)/seconds - of*i/seconds }
	for i := range seconds { // none is lost, also where they do not divide
		w.record(backend, cohort, part(n, i), part(errors, i), latency)
		w.tick(time.Second)
	}
	if seconds == 0 {
		w.record(backend, cohort, n, errors, latency)
	}
	return nil
}

// setTraffic is what arrives in each second from now on: `traffic canary 50/s errors=2% latency=20ms`.
func (w *world) setTraffic(args []string) error {
	t := traffic{latency: 20 * time.Millisecond}
	if _, err := fmt.Sscanf(args[1], "%d/s", &t.perSecond); err != nil {
		return err
	}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		var err error
		switch key {
		case "errors":
			_, err = fmt.Sscanf(value, "%d%%", &t.errors)
		case "latency":
			t.latency, err = time.ParseDuration(value)
		}
		if err != nil {
			return err
		}
	}
	w.traffic[args[0]] = t
	return nil
}

// reload changes the plan; `plan` does so before there is a state.
func (w *world) reload(verb string, args []string) error {
	p := w.plan
	r := *p.Rollout
	p.Rollout = &r
	p.Backends = append([]Backend(nil), p.Backends...)
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		if err := w.change(&p, key, value); err != nil {
			return err
		}
	}
	if verb == "plan" {
		w.plan = p
		return nil
	}
	in := w.base()
	s, decisions, err := Adopt(&p, w.state, &in, false)
	if err != nil {
		fmt.Fprintf(&w.out, "%s: %v\n", strings.TrimPrefix(fmt.Sprintf("%T", err), "*rollout."), err)
		return nil
	}
	fresh := s.Config != w.state.Config || s.Stable != w.state.Stable || s.Canary != w.state.Canary
	w.plan = p
	w.become(s, decisions)
	if fresh {
		w.restart()
	}
	return nil
}

func (w *world) change(p *Plan, key, value string) (err error) {
	r := p.Rollout
	switch key {
	case "steps":
		return changeSteps(r, value)
	case "strategy": // of blueGreen with copies: `strategy=blueGreen,copies`
		name, what, _ := strings.Cut(value, ",")
		r.Strategy, r.Steps, r.BakeStable = name, nil, 0
		if r.AB = nil; name == ABTest {
			r.Steps, r.BakeStable, r.SaltRoute = []Step{{Weight: 5000}}, 500, true
			r.AB = &AB{Metric: analysis.ErrorRate, MaxDuration: 336 * time.Hour, Promote: what == "promote"}
			r.Rules.BlastRadius = 0
		}
		if what == "copies" {
			for i := range r.Stops {
				r.Stops[i].Before++
			}
			r.Steps = []Step{{Hold: 10 * time.Minute, MinRequests: 100, Copies: true}}
		}
	case "maxDuration":
		ab := *r.AB
		ab.MaxDuration, err = time.ParseDuration(value)
		r.AB = &ab
	case "decision":
		r.Decision = value
	case "onInsufficient":
		r.OnInsufficient = value
	case "maxWait":
		r.MaxWait, err = time.ParseDuration(value)
	case "drain":
		r.DrainImmediate = value == "immediate"
	case "checks":
		r.Rules.Rules = nil
	case "blastRadius":
		r.Rules.BlastRadius = 0
		if value != "off" {
			var w Weight
			w, err = parseWeight(value)
			r.Rules.BlastRadius = float64(w) / float64(Full)
		}
	case "sampleRatio":
		r.SampleRatio = value == "true"
	case "sticky":
		r.Rules.Sticky = value == "true"
	case "abortOn":
		r.AbortOn = nil
	case "hooks":
		r.Hooks = hooksOf(value)
	case "sampled":
		r.Sampled.Checks, r.Sampled.ConsecutiveFailureLimit = sampledOf(value), 3
	case "failureLimit":
		r.Sampled.FailureLimit, err = strconv.ParseUint(value, 10, 64)
		r.Sampled.HasFailureLimit = true
	case "consecutiveFailureLimit":
		r.Sampled.ConsecutiveFailureLimit, err = strconv.ParseUint(value, 10, 64)
	case "rollbackAuto":
		r.AutoRollback = value == "true"
	case "receivers":
		p.Receivers = value == "true"
	case "bake":
		r.Bake, err = time.ParseDuration(value)
	case "bakeStable":
		r.BakeStable, err = parseWeight(value)
	case "minRequests":
		n, e := strconv.ParseUint(value, 10, 64)
		r.Steps = append([]Step(nil), r.Steps...)
		for i := range r.Steps {
			r.Steps[i].MinRequests = n
		}
		return e
	case "autoStart":
		r.AutoStart = value == "true"
	case "autoRollback":
		r.AutoRollback = value == "true"
	case "salt":
		r.SaltRoute = value == "route"
	case "p95":
		limit, e := time.ParseDuration(value)
		check := analysis.Check{Name: "latency-p95", Metric: analysis.Latency, Quantile: 0.95, QuantileName: "p95", HasMax: true}
		check.Max = float64(limit.Milliseconds())
		r.Rules.Rules = append(append([]analysis.Rule(nil), r.Rules.Rules...), analysis.Rule{Check: check})
		return e
	case "dryRun":
		r.Rules.Rules = append([]analysis.Rule(nil), r.Rules.Rules...)
		for i := range r.Rules.Rules {
			r.Rules.Rules[i].DryRun = true
		}
	case "rollout":
		p.Rollout = nil
	case "roles":
		r.Stable, r.Canary, _ = strings.Cut(value, ",")
	case "weights":
		p.Weights = map[string]Weight{}
		for text := range strings.SplitSeq(value, ",") {
			name, share, _ := strings.Cut(text, ":")
			if p.Weights[name], err = parseWeight(share); err != nil {
				return err
			}
		}
	default: // a backend's version
		for i := range p.Backends {
			if p.Backends[i].Name == key {
				p.Backends[i].Version = value
				return nil
			}
		}
		p.Backends = append(p.Backends, Backend{key, value})
		w.meters[key] = metrics.New(metrics.Config{Shards: 1, Blocks: true})
	}
	return err
}

// changeSteps reads `5%,gate:qa:24h,25%,pause:30m`.
func changeSteps(r *Rollout, value string) error {
	r.Steps, r.Stops = nil, nil
	for text := range strings.SplitSeq(value, ",") {
		if text == "" {
			continue
		}
		kind, rest, _ := strings.Cut(text, ":")
		name, length, timed := strings.Cut(rest, ":")
		stop := Stop{Before: len(r.Steps) + 1}
		var err error
		switch kind {
		case "gate":
			stop.Gate = name
			if timed {
				stop.Expires, err = time.ParseDuration(length)
			}
		case "pause":
			stop.Pause, err = time.ParseDuration(name)
		default:
			weight, err := parseWeight(text)
			if err != nil {
				return err
			}
			r.Steps = append(r.Steps, Step{Weight: weight, Hold: 10 * time.Minute, MinRequests: 100})
			continue
		}
		if err != nil {
			return err
		}
		r.Stops = append(r.Stops, stop)
	}
	return nil
}

// show prints where the rollout stands.
func (w *world) show() {
	st := StatusOf(&w.plan, &w.state)
	fmt.Fprintf(&w.out, "%s", st.Phase)
	if st.Reason != "" {
		fmt.Fprintf(&w.out, "(%s)", st.Reason)
	}
	if st.Outcome != "" {
		fmt.Fprintf(&w.out, " %s", st.Outcome)
	}
	fmt.Fprintf(&w.out, " step %d/%d weight %s", st.Step, st.Steps, st.Weight)
	if w.state.active() {
		fmt.Fprintf(&w.out, " held %s of %s", time.Duration(st.Held), time.Duration(st.HoldNeeded))
		if st.RequestsNeeded > 0 {
			fmt.Fprintf(&w.out, ", %d requests to go", st.RequestsNeeded)
		}
	}
	if st.WaitingFor != "" {
		fmt.Fprintf(&w.out, ", waiting for %s", st.WaitingFor)
	}
	if st.Gate != "" {
		fmt.Fprintf(&w.out, ", approve %s", st.Gate)
	}
	if st.ExpiresIn > 0 {
		fmt.Fprintf(&w.out, " within %s", time.Duration(st.ExpiresIn))
	}
	w.out.WriteString("\n")
	if a := st.ABTest; a != nil {
		winner := a.Winner
		if winner == "" {
			winner = "none"
		}
		fmt.Fprintf(&w.out, "  A/B by %s: winner %s, canary %.4g over %d, stable %.4g over %d\n", a.Metric, winner, a.Value, a.Samples, a.StableValue, a.StableSamples)
	}
	if w.state.Phase == RollingBack || w.state.resting() {
		fmt.Fprintf(&w.out, "  in service %s %s, other %s %s\n", st.Stable.Backend, st.Stable.Version, st.Canary.Backend, st.Canary.Version)
	}
	for _, v := range st.Checks {
		fmt.Fprintf(&w.out, "  %s %s: %.4g against %.4g over %d, limit %g\n", v.Name, v.Verdict, v.Value, v.StableValue, v.Samples, v.Limit)
		if v.Sampled {
			fmt.Fprintf(&w.out, "    %s", v.Counted())
			if v.Reason != "" {
				fmt.Fprintf(&w.out, "; %s", v.Reason)
			}
			w.out.WriteString("\n")
		}
	}
}

func (w *world) printRouting() {
	r := RoutingOf(&w.plan, &w.state)
	salt := "route"
	if r.Salt == w.state.Attempt {
		salt = "attempt"
	}
	fmt.Fprintf(&w.out, "routing: stable=%s canary=%s %d of %d further=%v salt=%s trial=%v step=%d\n",
		r.Stable, r.Canary, r.CanaryWeight, r.PairWeight, r.Further, salt, r.Trial, r.Step)
}

// printLast prints the last decision in full.
func (w *world) printLast() {
	d := w.state.Last
	fmt.Fprintf(&w.out, "seq %d at %s of %s: %s by %s, %s → %s, %s → %s, step %d, reason %q, outcome %q\n", d.Seq, d.At.Format(time.TimeOnly),
		d.Route, d.Action, d.Actor, d.From, d.To, d.WeightFrom, d.WeightTo, d.Step, d.Reason, d.Outcome)
	for _, v := range d.Checks {
		fmt.Fprintf(&w.out, "  %s %s: %.4g of %d (%d bad) against %.4g of %d (%d bad), limit %g\n",
			v.Name, v.Verdict, v.Value, v.Samples, v.Bad, v.StableValue, v.StableSamples, v.StableBad, v.Limit)
	}
}
