package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plan is each rollout in words, one line a rollout in the file's order:
// `checkout: 5 % 10m → 25 % 10m → 50 % 10m → bake 10m; at least 40m and 300 requests`.
func (c *Config) Plan() []string {
	var lines []string
	for i := range c.Routes {
		if r := &c.Routes[i]; r.Rollout != nil {
			line := r.Name + ": " + r.Rollout.InWords()
			if r.Rollout.StepsCompleted {
				line += " (the step 100 % was added at the end)"
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// InWords is the plan of one rollout: `5 % 10m → gate qa → 25 % 10m → bake 10m; at least 30m and 200 requests, 1 gate opened by a person`.
func (r *Rollout) InWords() string {
	var parts []string
	var least time.Duration
	var requests uint64
	switch {
	case r.Copies != nil:
		part := "copies"
		if r.Copies.Hold > 0 {
			part += " " + inWords(r.Copies.Hold)
		}
		parts = append(parts, part)
		least, requests = r.Copies.Hold, r.Copies.MinRequests
	case r.atOnce():
		parts = append(parts, "preview")
	}
	for i, s := range r.Steps {
		parts = append(parts, r.stopsInWords(i)...)
		part := s.Weight.number() + " %"
		if r.ABTest != nil {
			part += " until a winner by " + r.ABTest.Metric + ", " + inWords(r.ABTest.MaxDuration) + " at most"
		}
		if s.Hold > 0 {
			part += " " + inWords(s.Hold)
		}
		parts = append(parts, part)
		least += s.Hold
		requests += s.MinRequests
	}
	parts = append(parts, r.stopsInWords(len(r.Steps))...)
	for _, s := range r.Stops {
		least += s.Pause
	}
	if r.ABTest != nil && r.ABTest.OnWinner == "ask" {
		parts = append(parts, "a person")
	}
	if r.Strategy == "mirror" && !slices.ContainsFunc(r.Stops, func(s Stop) bool { return s.Gate != "" }) && r.Decision != "manual" {
		parts = append(parts, "a person")
	}
	if r.Bake > 0 {
		parts = append(parts, "bake "+inWords(r.Bake))
	} else {
		parts = append(parts, "100 %")
	}
	line := strings.Join(parts, " → ") + "; at least " + inWords(least+r.Bake)
	if requests > 0 {
		line += fmt.Sprintf(" and %d requests", requests)
	}
	if gates := r.gates(); gates != "" {
		line += ", " + gates
	}
	return line
}

// stopsInWords are the gates and pauses before a weight.
func (r *Rollout) stopsInWords(before int) []string {
	var parts []string
	for _, s := range r.Stops {
		switch {
		case s.Before != before:
		case s.Gate == "":
			parts = append(parts, "pause "+inWords(s.Pause))
		case s.Expires > 0:
			parts = append(parts, fmt.Sprintf("gate %s (expires in %s)", s.Gate, inWords(s.Expires)))
		default:
			parts = append(parts, "gate "+s.Gate)
		}
	}
	return parts
}

// gates says what of a person's time the plan takes.
func (r *Rollout) gates() string {
	n := 0
	for _, s := range r.Stops {
		if s.Gate != "" && s.Webhook == nil {
			n++
		}
	}
	switch {
	case r.Decision == "manual":
		return "each step approved by a person"
	case n == 1:
		return "1 gate opened by a person"
	case n > 1:
		return fmt.Sprintf("%d gates opened by a person", n)
	default:
		return ""
	}
}

// inWords is a duration without the units that are zero: "10m", "1h30m".
func inWords(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
