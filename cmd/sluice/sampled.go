package main

import (
	"fmt"
	"strconv"

	"sluice/rollout"
)

// sampledRow is a sampled check in the table of checks. In place of evidence it has its failures in a row: it has no bound on false alarms.
func sampledRow(c rollout.Verdict, verdict string) []string {
	of := "-"
	if c.RowLimit > 0 {
		of = strconv.FormatUint(c.RowLimit, 10)
	}
	return []string{
		c.Name, verdict, canaryValue(c), stableValue(c), c.Bound(),
		strconv.FormatUint(c.Samples, 10), "-", fmt.Sprintf("%d in a row", c.Row), of,
	}
}

// sampledText is a sampled check on the screen.
func sampledText(c rollout.Verdict) string {
	text := fmt.Sprintf("%s, %s", canaryValue(c), c.Bound())
	if c.StableSamples > 0 {
		text = fmt.Sprintf("canary %s, stable %s, %s", canaryValue(c), stableValue(c), c.Bound())
	}
	if c.Reason != "" {
		text += ", " + c.Reason
	}
	return text + ", " + c.Counted()
}
