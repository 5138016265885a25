package metrics

// Cohort says how a request came to its backend. Only Drawn requests are compared between backends: pinned users are other people.
type Cohort uint8

// The cohorts of a backend's requests.
const (
	Drawn  Cohort = iota // by sticky hash or weight
	Pinned               // by a rule
	Other                // override, fallback, later attempts: exported, never judged
	NumCohorts
)
