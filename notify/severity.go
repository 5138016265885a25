package notify

import (
	"time"

	"sluice/rollout"
)

// Severity of a decision for people. They are ordered.
type Severity int

// The severities.
const (
	Info  Severity = iota // started, a step, promoted
	Warn                  // paused, waiting for a person, insufficient
	Error                 // rolled back, state lost
)

// String is the severity as the configuration writes it.
func (s Severity) String() string { return [...]string{"info", "warn", "error"}[s] }

// severityOf a decision; ok is false for the formality that ends a rollback, of which people have been told.
func severityOf(d *rollout.Decision) (level Severity, ok bool) {
	switch {
	case d.From == rollout.RollingBack && d.To != rollout.RollingBack:
		return Info, d.Action == "start" || d.Action == "retry"
	case d.Outcome == rollout.RolledBack && d.To == rollout.RollingBack, d.To == rollout.Paused && d.Reason == rollout.ReasonStateLost:
		return Error, true
	case d.To == rollout.Paused, d.Outcome == rollout.OutcomeAborted && d.Action != "start":
		return Warn, true
	case waits(d), d.Reason == rollout.ReasonInsufficient, d.Reason == rollout.ReasonSampleRatio:
		return Warn, true
	default:
		return Info, true
	}
}

// waits says that a person, or somebody behind a webhook, is waited for.
func waits(d *rollout.Decision) bool {
	if d.To != rollout.Waiting || d.Action == "approve" {
		return false
	}
	return d.Reason == "gate" || d.Reason == "person"
}

// lately is how long the same is not said again.
const lately = 10 * time.Minute

// repeats knows what was said. What a backend that comes and goes brings about is said once; what a person did always is.
type repeats struct{ said map[sameness]time.Time }

// sameness is what two decisions that say the same have in common.
type sameness struct {
	attempt, action, reason string
	to                      rollout.Phase
	step                    int
}

func samenessOf(d *rollout.Decision) sameness {
	return sameness{d.Attempt, d.Action, d.Reason, d.To, d.Step}
}

func (r *repeats) lately(e *rollout.Event) bool {
	d := &e.Decision
	at, ok := r.said[samenessOf(d)]
	return ok && d.Actor == "analysis" && d.At.Sub(at).Abs() < lately
}

func (r *repeats) note(e *rollout.Event) {
	if r.said == nil {
		r.said = map[sameness]time.Time{}
	}
	for k, at := range r.said {
		if e.Decision.At.Sub(at) > lately {
			delete(r.said, k)
		}
	}
	r.said[samenessOf(&e.Decision)] = e.Decision.At
}
