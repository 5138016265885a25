package metrics

// Cohort says how a request came to its backend. Only Drawn requests are compared between backends: pinned users are other people.
type Cohort uint8

// The cohorts of a backend's requests.
const (
	Drawn  Cohort = iota // by sticky hash or weight
	Pinned               // by a rule
	Other                // override, fallback, later attempts, copies: exported, never judged
	NumCohorts

	// Mimic is a drawn request of stable that plays the canary (Meter.Mimics). It is counted in as Mimic and is read as Drawn wherever
	// nobody asks for mimics.
	Mimic = NumCohorts

	numCells = NumCohorts + 1
)

// as is the cohort that a cell is read as.
func (c Cohort) as() Cohort {
	if c == Mimic {
		return Drawn
	}
	return c
}

// judged says that the cohort counts for or against its backend.
func (c Cohort) judged() bool { return c < numJudged || c == Mimic }
