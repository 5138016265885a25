package selector

import "strconv"

// Reason is what decided where a request went.
type Reason uint8

// The reasons, in the order in which they are asked. Override is not given out by Pick, and Fallback is set by who
// finds the chosen backend unavailable.
const (
	Override Reason = iota
	Internal
	Beta
	Segment
	Match
	Sticky
	Weight
	Fallback

	// NumReasons is how many there are, for arrays by reason.
	NumReasons = 8
)

// String is the reason's name in metrics, headers and explanations.
func (r Reason) String() string {
	switch r {
	case Override:
		return "override"
	case Internal:
		return "internal"
	case Beta:
		return "beta"
	case Segment:
		return "segment"
	case Match:
		return "match"
	case Sticky:
		return "sticky"
	case Weight:
		return "weight"
	case Fallback:
		return "fallback"
	default:
		return "reason(" + strconv.Itoa(int(r)) + ")"
	}
}
