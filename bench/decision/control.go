package decision

import "time"

// Controls are many short attempts in which the canary is stable: how many are rolled back says whether alpha is kept.
func Controls() []Scenario {
	short := func(s Scenario, name string, rate float64) Scenario {
		s.Name, s.Rate, s.Pinned, s.Duration = name, rate, true, time.Minute
		return s
	}
	all := clustered(100, "", always)
	kinds := clustered(100, "", logUniform)
	latency := slower(200, 1, 1) // at this rate some halves of seconds are blocks of their own, and some are too small
	latency.Worse = false
	return []Scenario{
		short(healthy(200, 0.01), "A/A 1 %", 200),
		short(healthy(200, 0.05), "A/A 5 %", 200),
		short(lessShare(200), "A/A 1 %, a fifth of its share", 200),
		short(latency, "A/A latency", 200),
		short(all, "A/A sticky, users that always fail", 100),
		short(kinds, "A/A sticky, users of all kinds", 100),
	}
}

// Strict is Sluice without margins: what is left is the bound itself.
func Strict() Maker {
	m := sluice()
	m.Name, m.Deviations = "Sluice, no margin", "maxRatio 1: a canary that is equal is at the edge of the null"
	m.New = func(s *Scenario) Policy {
		r := analysisRules(s)
		for i := range r.Rules {
			r.Rules[i].MaxRatio = 1
		}
		return newSluice(s, r)
	}
	return m
}
