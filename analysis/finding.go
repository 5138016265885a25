package analysis

import "time"

// The standings of a check against stable.
const (
	ProvenWorse  = "proven worse"
	NotDecided   = "not decided"
	ProvenWithin = "proven within"
)

// The verdicts.
const (
	Pass         = "pass"
	Fail         = "fail"
	Insufficient = "insufficient"
)

// Verdict is what a check says, with its numbers and its evidence: the entry of `checks` in the admin API and the journal. Values are in Unit.
type Verdict struct {
	Name    string `json:"name"`
	Metric  string `json:"metric"`
	Unit    string `json:"unit"`    // percent | ms
	Verdict string `json:"verdict"` // pass | fail | insufficient
	// Reason is why the numbers are insufficient.
	Reason string `json:"reason,omitempty"`
	// Quantile that a latency's values are: "p95"; "" is the mean.
	Quantile      string  `json:"quantile,omitempty"`
	Value         float64 `json:"value"`
	StableValue   float64 `json:"stableValue"`
	Limit         float64 `json:"limit"` // 0 is none
	Samples       uint64  `json:"samples"`
	StableSamples uint64  `json:"stableSamples"`
	Bad           uint64  `json:"bad"`
	StableBad     uint64  `json:"stableBad"`
	// Late and StableLate are those of the bad that had no end when they were judged, LateAfter old: clients may still have got an answer.
	Late       uint64 `json:"late,omitempty"`
	StableLate uint64 `json:"stableLate,omitempty"`
	LateAfter  Age    `json:"lateAfter,omitempty"`
	// ValueAbove and StableAbove say that a latency is known from below only: so many have not ended that the value is at least that.
	ValueAbove  bool `json:"valueAbove,omitempty"`
	StableAbove bool `json:"stableAbove,omitempty"`
	// Evidence is the e-value nearest to its EvidenceLimit of those of the check: an equally good canary would show as much in at most 1 of
	// Evidence rollouts.
	Evidence      float64 `json:"evidence"`
	EvidenceLimit float64 `json:"evidenceLimit"`
	// HarmUpper is, in percentage points, how far the canary's rate may still be above HarmRatio times stable's (95 %); HarmLimit is what the
	// next step allows. All are 0 where nothing is to be proven.
	HarmUpper float64 `json:"harmUpper"`
	HarmLimit float64 `json:"harmLimit,omitempty"`
	HarmRatio float64 `json:"harmRatio,omitempty"`
	// Low and High enclose the canary's rate or its latency's quantile, in Unit (95 %, at any time), StableLow and StableHigh stable's. A mean
	// has none; a High of 0 is unknown.
	Low        float64 `json:"low,omitempty"`
	High       float64 `json:"high,omitempty"`
	StableLow  float64 `json:"stableLow,omitempty"`
	StableHigh float64 `json:"stableHigh,omitempty"`
	// Line is the largest rate that is within the margin of stable's, in percent.
	Line     float64 `json:"line,omitempty"`
	Standing string  `json:"standing,omitempty"`
	// OverLimit says that it was the absolute limit that failed.
	OverLimit bool `json:"overLimit,omitempty"`
	// Fault is why numbers of this window were left out, or the bets were given up, "" if neither was.
	Fault  string `json:"fault,omitempty"`
	DryRun bool   `json:"dryRun,omitempty"`
	// Optional says that advancing does not wait for what is missing here: other checks judge the step.
	Optional bool `json:"optional,omitempty"`
	// Sampled says that this is a plain rule over samples, without evidence and without a bound on false alarms: Samples had a value, Bad of
	// them failed, Row in a row. It fails at RowLimit in a row (0 is off), and with more than BadLimit in all (nil is off).
	Sampled  bool    `json:"sampled,omitempty"`
	Row      uint64  `json:"row,omitempty"`
	RowLimit uint64  `json:"rowLimit,omitempty"`
	BadLimit *uint64 `json:"badLimit,omitempty"`
	// AtLeast says that Limit is the smallest good value, not the largest.
	AtLeast bool `json:"atLeast,omitempty"`
}

// Age is a duration that JSON shows as Go writes it: "500ms".
type Age time.Duration

// MarshalText writes it as Go does.
func (a Age) MarshalText() ([]byte, error) { return []byte(time.Duration(a).String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Age) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*a = Age(d)
	return err
}

// The reasons of an insufficient verdict.
const (
	ReasonRequests  = "requests"             // fewer than minRequests
	ReasonEvidence  = "evidence"             // the harm of the next step is not bounded yet
	ReasonDoubt     = "doubt"                // some evidence against the canary, not enough to roll back
	ReasonLimit     = "limit"                // above the absolute limit, not proven
	ReasonNoStable  = "no stable traffic"    // nothing to compare with
	ReasonUnhealthy = "stable breaks it too" // the limit, not the canary
	ReasonFault     = "bad numbers"          // some of this look were left out
)

// Report is what the rules say after a look.
type Report struct {
	Findings []Verdict
	// Failed is the finding that rolls back, -1 if none does.
	Failed int
	// Pass says that every check that decides passes: the step is proven, its hold aside.
	Pass bool
	// StableUnhealthy says that stable breaks an absolute limit too.
	StableUnhealthy bool
	// Ratio is what the canary's share of the draws tells; nil where nobody asks.
	Ratio *Ratio
	// Duel is how the A/B test stands, where the attempt is one; else nil.
	Duel *DuelReport
	// RequestsNeeded is about how many more canary requests the step needs, if the canary is as good as stable.
	RequestsNeeded uint64
	// TimeNeeded is how long these take at the step's rate so far; 0 where none came.
	TimeNeeded time.Duration
	// Requests are the canary's judged ones since the windows began.
	Requests uint64
	// Faults are the blocks of this look that were not used, LastFault says why. A look with faults passes nothing.
	Faults    int
	LastFault string
}
