package main

import (
	"fmt"

	"sluice/rollout"
)

// describeTest is how an A/B test stands, in one line.
func describeTest(a *rollout.ABStatus) string {
	winner := a.Winner
	if winner == "" {
		winner = "none yet"
	}
	return fmt.Sprintf("A/B test by %s: winner %s, canary %s%% of %d, stable %s%% of %d, evidence %s for the canary and %s for stable of %s",
		a.Metric, winner, number(a.Value), a.Samples, number(a.StableValue), a.StableSamples, number(a.Evidence), number(a.StableEvidence),
		number(a.EvidenceLimit))
}
