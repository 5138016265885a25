package rollout

import (
	"fmt"

	"sluice/analysis"
)

// ratio tells people, once an attempt, that the canary does not get the share that was drawn for: then who gets it is no accident any more, and
// nothing that is compared can be trusted. It rolls nothing back: what is wrong is the division, not the canary.
func (m *machine) ratio() {
	q := m.in.Report.Ratio
	if q == nil {
		return
	}
	if m.RatioEvidence = q.Evidence(); m.RatioEvidence < analysis.AlarmingRatio || m.RatioTold {
		return
	}
	m.RatioTold = true
	m.end(m.begin("hold", actorAnalysis, ReasonSampleRatio), fmt.Sprintf("The canary got %s of %s draws at %s: draws at random would be so far off "+
		"in at most 1 of %s attempts. What is compared may be different people: look for what chooses between the versions beside the proxy.",
		percent(q.Share()), thousands(q.All), Weight(q.Weight), thousands(uint64(min(m.RatioEvidence, 1e9)))))
}
