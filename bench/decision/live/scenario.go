package live

import "time"

// Scenario is how the two versions behave.
type Scenario struct {
	Name string
	// Equal says that the canary is as good as stable: a rollback is a false one. Otherwise every attempt has to end in one.
	Equal bool
	// Target is the median of the seconds to rollback that is aimed at.
	Target float64
	// Most is how long an attempt is watched.
	Most time.Duration

	stable, canary behaviour
}

// behaviour of a backend: the share of failures, which come at once, and the median of the other answers' latency.
type behaviour struct {
	errors float64
	median time.Duration
}

// usual latency: lognormal, its 99th percentile 3.2 times the median.
const (
	usual = 5 * time.Millisecond
	sigma = 0.5
)

// Scenarios are all there are, the equal ones last.
func Scenarios() []Scenario {
	const most = 60 * time.Second
	return []Scenario{
		{Name: "errors .1 to 5 %", Target: 8, Most: most, stable: behaviour{0.001, usual}, canary: behaviour{0.05, usual}},
		{Name: "all errors", Target: 1.5, Most: most, stable: behaviour{0.001, usual}, canary: behaviour{1, usual}},
		{Name: "four times slower", Target: 5, Most: most, stable: behaviour{0.001, usual}, canary: behaviour{0.001, 4 * usual}},
		{Name: "A/A, 1 % errors", Equal: true, Most: 12 * time.Second, stable: behaviour{0.01, usual}, canary: behaviour{0.01, usual}},
	}
}
