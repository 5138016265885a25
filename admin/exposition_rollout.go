package admin

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/rollout"
)

// What the 0/1 series of a rollout go through (rollout.md).
var (
	phases = [...]string{
		string(rollout.Idle), string(rollout.Waiting), string(rollout.Progressing), string(rollout.Paused), string(rollout.Baking),
		string(rollout.Succeeded), string(rollout.RollingBack), string(rollout.Failed), string(rollout.Aborted), string(rollout.Superseded),
	}
	pauses = [...]string{
		"User", "Insufficient", "CheckFailed", "CanaryUnavailable", "StableUnavailable", "StableUnhealthy", "StateLost", "StateReadOnly",
		"RolesUnclear",
	}
	waits = [...]string{"hold", "requests", "evidence", "gate", "person", "webhook", "health"}
)

func (c *collector) rollout(out sink, r Route) {
	s := r.Control.Status()
	stable, onTrial := s.Pair()
	pause := ""
	if s.Phase == rollout.Paused {
		pause = s.Reason
	}
	out.oneOf(c.phase, r.Name, phases[:], string(s.Phase))
	out.oneOf(c.paused, r.Name, pauses[:], pause)
	out.oneOf(c.waiting, r.Name, waits[:], s.WaitingFor)
	out.gauge(c.aa, s.AAEvidenceMax, r.Name)
	out.gauge(c.ratio, s.SampleRatioEvidence, r.Name)
	out.gauge(c.step, float64(s.Step), r.Name)
	if s.Attempt != "" {
		out.gauge(c.info, 1, r.Name, s.Attempt, stable.Version, onTrial.Version)
		out.gauge(c.lasted, lasted(&s, time.Now()).Seconds(), r.Name)
	}
	for _, v := range s.Checks {
		out.gauge(c.verdict, verdictNumber(v.Verdict), r.Name, v.Name)
		if v.Sampled {
			c.sampled(out, r.Name, &v, onTrial.Backend, stable.Backend)
			continue
		}
		out.gauge(c.value, v.Value, r.Name, v.Name, onTrial.Backend)
		out.gauge(c.value, v.StableValue, r.Name, v.Name, stable.Backend)
		if v.Limit > 0 {
			out.gauge(c.limit, v.Limit, r.Name, v.Name, onTrial.Backend)
		}
		out.gauge(c.evidence, v.Evidence, r.Name, v.Name, onTrial.Backend)
		out.gauge(c.needed, v.EvidenceLimit, r.Name, v.Name, onTrial.Backend)
		out.gauge(c.samples, float64(v.Samples), r.Name, v.Name, onTrial.Backend)
		out.gauge(c.samples, float64(v.StableSamples), r.Name, v.Name, stable.Backend)
		out.gauge(c.bad, float64(v.Bad), r.Name, v.Name, onTrial.Backend)
		out.gauge(c.bad, float64(v.StableBad), r.Name, v.Name, stable.Backend)
	}
}

// lasted is the time from an attempt's start to now, or to the decision that ended it.
func lasted(s *rollout.Status, now time.Time) time.Duration {
	if s.Outcome != "" && s.LastDecision != nil && s.LastDecision.Attempt == s.Attempt {
		now = s.LastDecision.At
	}
	return max(0, now.Sub(s.StartedAt))
}

func verdictNumber(verdict string) float64 {
	switch verdict {
	case "pass":
		return 1
	case "fail":
		return -1
	default:
		return 0
	}
}

// oneOf sends a series for each known value, 1 for the present one; "" is none of them.
func (s sink) oneOf(d *prometheus.Desc, route string, known []string, present string) {
	for _, value := range known {
		s.flag(d, value == present, route, value)
	}
	if present != "" && !slices.Contains(known, present) {
		s.flag(d, true, route, present)
	}
}

// decided sends what the journal has gained since the process started.
func (c *collector) decided(out sink, r Route) {
	t := c.journal.read(r)
	for change, n := range t.changes {
		out.counter(c.transitions, n, r.Name, string(change.from), string(change.to), change.reason)
	}
	if !r.Rollout {
		return
	}
	for _, o := range [...]rollout.Outcome{
		rollout.Promoted, rollout.FastPromoted, rollout.RolledBack, rollout.OutcomeAborted, rollout.OutcomeSuperseded,
	} {
		out.counter(c.rollouts, t.outcomes[o], r.Name, string(o))
	}
}
