package rollout

import (
	"fmt"
	"time"

	"sluice/analysis"
)

// AB is an A/B test: a fixed split until one of the two versions is proven better, or for MaxDuration.
type AB struct {
	// Metric that decides: error-rate or conversion-rate.
	Metric string
	// MaxDuration at the split; then a person decides.
	MaxDuration time.Duration
	// Promote gives the winner everything; else a person is asked.
	Promote bool
}

// ABStatus is how an A/B test stands: values in percent, Evidence that the canary is better and StableEvidence that stable is.
type ABStatus struct {
	Metric         string   `json:"metric"`
	Winner         string   `json:"winner,omitempty"` // canary or stable
	Value          float64  `json:"value"`
	StableValue    float64  `json:"stableValue"`
	Samples        uint64   `json:"samples"`
	StableSamples  uint64   `json:"stableSamples"`
	Evidence       float64  `json:"evidence"`
	StableEvidence float64  `json:"stableEvidence"`
	EvidenceLimit  float64  `json:"evidenceLimit"`
	MaxDuration    Duration `json:"maxDuration"`
}

// WinnerGate is what approve names to give the winner of an A/B test everything.
const WinnerGate = "winner"

// winner of the attempt's A/B test; "" before it is known.
func (s *State) winner() string {
	if s.AB == nil {
		return ""
	}
	return s.AB.Winner
}

// duel notes how the A/B test stands, and ends the attempt where stable has won and nobody is to be asked.
func (m *machine) duel(r *Rollout) (done bool) {
	if r.AB == nil || m.in.Report == nil || m.in.Report.Duel == nil {
		return false
	}
	d := m.in.Report.Duel
	v := &d.Verdict
	m.AB = &ABStatus{
		Metric: r.AB.Metric, Winner: d.Winner, Value: v.Value, StableValue: v.StableValue, Samples: v.Samples, StableSamples: v.StableSamples,
		Evidence: d.Evidence, StableEvidence: v.Evidence, EvidenceLimit: d.Limit, MaxDuration: Duration(r.AB.MaxDuration),
	}
	if r.AB.Promote && d.Winner == analysis.StableWins && m.Phase == Progressing {
		m.rollback(r.AB.Metric, fmt.Sprintf("Stable wins the A/B test %s.", m.result()))
		return true
	}
	return false
}

// splitting says that the A/B test goes on: no winner is known, and there is time.
func (s *State) splitting(r *Rollout) bool {
	return s.winner() == "" && time.Duration(s.Held) < r.AB.MaxDuration
}

// result is what the winner has won by, in words.
func (m *machine) result() string {
	a := m.AB
	evidence := a.Evidence
	if a.Winner == analysis.StableWins {
		evidence = a.StableEvidence
	}
	return fmt.Sprintf("by %s after %s, the canary at %s of %s, stable at %s of %s; "+
		"two equal versions would show evidence this strong in at most 1 of %s tests", a.Metric, span(time.Duration(m.Held)),
		percent(a.Value), thousands(a.Samples), percent(a.StableValue), thousands(a.StableSamples), thousands(uint64(evidence)))
}

// settled is the decision to stop at the end of an A/B test, for a person.
func (m *machine) settled() string {
	switch m.winner() {
	case analysis.StableWins:
		return fmt.Sprintf("Stable wins the A/B test %s. Approving %s ends it so, promote gives the canary everything.", m.result(), WinnerGate)
	case analysis.CanaryWins:
		return fmt.Sprintf("The canary wins the A/B test %s. Approving %s gives it everything, abort leaves stable.", m.result(), WinnerGate)
	}
	return fmt.Sprintf("The A/B test is over without a winner by %s after %s. Approving %s gives the canary everything all the same, abort leaves stable.",
		m.plan.Rollout.AB.Metric, span(time.Duration(m.Held)), WinnerGate)
}
