package main

import (
	"fmt"
	"strings"
	"time"

	"sluice/config"
)

// planInWords is a rollout's plan as people read it: "5 % 10m → 25 % 10m → bake 10m; at least 30m and 200 requests".
func planInWords(r config.Rollout) string {
	var parts []string
	least, requests := r.Bake, uint64(0)
	for _, s := range r.Steps {
		parts = append(parts, strings.Replace(s.Weight.String(), "%", " %", 1)+" "+shortDuration(s.Hold))
		least += s.Hold
		requests += s.MinRequests
	}
	last := "100 %"
	if r.Bake > 0 {
		last = "bake " + shortDuration(r.Bake)
	}
	parts = append(parts, last)
	return fmt.Sprintf("%s; at least %s and %d requests", strings.Join(parts, " → "), shortDuration(least), requests)
}

// shortDuration leaves out what is zero: 1h, 1h30m, 90s as 1m30s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
