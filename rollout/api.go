package rollout

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"sluice/analysis"
)

// Weight is a share in basis points: 10000 is everything. In JSON it is percent as a number (0.05 is 5 basis points).
type Weight uint32

// Full is the whole of a share.
const Full Weight = 10000

// Percent is the weight in percent.
func (w Weight) Percent() float64 { return float64(w) / 100 }

// String is the weight as people write it: "5%", "0.05%".
func (w Weight) String() string { return strconv.FormatFloat(w.Percent(), 'f', -1, 64) + "%" }

// MarshalJSON writes percent as a number.
func (w Weight) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, w.Percent(), 'f', -1, 64), nil
}

// UnmarshalJSON reads percent as a number, between 0 and 100 with at most two decimals.
func (w *Weight) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var p float64
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	points := math.Round(p * 100)
	switch {
	case !(p >= 0 && p <= 100):
		return fmt.Errorf("%s is not between 0 and 100 percent", b)
	case math.Abs(p*100-points) > 1e-6:
		return fmt.Errorf("%s is too exact: a weight has at most two decimals", b)
	}
	*w = Weight(points)
	return nil
}

// Duration is a time.Duration that JSON shows as Go writes it: "10m0s".
type Duration time.Duration

// MarshalText writes the duration as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Plan is what the configuration says of one route with two or more backends. It is plain data; a reload brings a new one.
type Plan struct {
	// Route is the route's name.
	Route string
	// Backends of the route by name, in the file's order.
	Backends []Backend
	// Weights of the file's `weights`, by backend; nil when it has none. With a rollout only further backends stand here.
	Weights map[string]Weight
	// Digest stands for everything in the file about the route's backends that is not here, such as their endpoints: when it changes,
	// the windows of a running attempt restart. It may be "".
	Digest string
	// Conversion stands for what the file says of conversions, "" for nothing: when it changes, open visits are dropped.
	Conversion string
	// Rollout is nil on a route without one: then only set-weight changes anything.
	Rollout *Rollout
	// Receivers says that somebody is to be told of events: they go to the state's outbox.
	Receivers bool
}

// Backend is one version of the service.
type Backend struct{ Name, Version string }

// Rollout is the plan for bringing a canary into service.
type Rollout struct {
	// Stable and Canary name the backends in the two roles at first; the roles follow the traffic.
	Stable, Canary string
	// Strategy is Canary, BlueGreen or Mirror; "" is Canary.
	Strategy string `json:",omitempty"`
	// AB is the A/B test of strategy ABTest, which has one step; else nil.
	AB *AB `json:",omitempty"`
	// Steps before the bake, weights rising strictly, all below 100 %.
	Steps []Step
	// Bake is how long the 100 % step is watched, with BakeStable kept on stable meanwhile.
	Bake       time.Duration
	BakeStable Weight
	// Stops between the weights, in the order in which they are passed.
	Stops []Stop
	// Hooks are the webhooks that are asked, in the order in which they are.
	Hooks []Hook `json:",omitempty"`
	// Decision is Auto, Manual or Hybrid; "" is Auto.
	Decision string
	// OnInsufficient is OnWait, OnPause, OnPromote or OnRollback; "" is OnWait.
	OnInsufficient string
	// AutoStart starts an attempt when the canary has a version that never failed here.
	AutoStart bool
	// Interval between two looks.
	Interval time.Duration
	// Rules judge the attempt, and Sampled do by numbers from outside.
	Rules   analysis.Rules
	Sampled analysis.SampledRules `json:",omitzero"`
	// AbortOn is the circuit breaker; nil is off.
	AbortOn *analysis.AbortOn
	// AutoRollback is false when a failed check only shows (rollback.auto: false).
	AutoRollback bool
	// DrainTimeout bounds RollingBack; DrainImmediate ends it without waiting for requests in flight.
	DrainTimeout   time.Duration
	DrainImmediate bool
	// MaxWait is how long a step waits for enough evidence beyond its hold before OnInsufficient says what happens, and how long a canary
	// may be unavailable before it is rolled back; 0 is 30 minutes.
	MaxWait time.Duration
	// Timeout of the route's requests: none is waited for longer before it counts as failed; 0 is none.
	Timeout time.Duration
	// SampleRatio tells people when the canary's share of what is drawn is not the configured one. It is no part of what an attempt was
	// promised.
	SampleRatio bool `json:"-"`
	// SaltRoute draws the same users in every attempt (salt: route).
	SaltRoute bool
}

// The strategies (Rollout.Strategy): by steps; nothing and then everything; judged on copies until a person gives it everything; a fixed
// split until one of the two is proven better.
const (
	Canary    = "canary"
	BlueGreen = "blueGreen"
	Mirror    = "mirror"
	ABTest    = "abTest"
)

// Who decides (Rollout.Decision).
const (
	Auto   = "auto"
	Manual = "manual"
	Hybrid = "hybrid"
)

// Step is one element of a plan: a weight with its hold and its least number of canary requests.
type Step struct {
	Weight      Weight
	Hold        time.Duration
	MinRequests uint64
	// Copies says that the step is judged on copies of requests; its weight is 0, and it is the first.
	Copies bool `json:",omitempty"`
}

// Routing is how a route's traffic is divided: a pure function of plan and state. App turns it into a selector.Split.
type Routing struct {
	Route string
	// Seq orders routings of one route; an older one than the newest seen is dropped.
	Seq uint64
	// Stable and Canary name the backends in the roles; Canary is "" where there is no second role.
	Stable, Canary string
	// CanaryWeight of PairWeight goes to the canary, the rest of it to stable; together they are what Further leaves. PairWeight is Full
	// in a rollout, and what the two weights add up to where the weights are fixed, so that no weight is rounded.
	CanaryWeight, PairWeight Weight
	// Further backends' shares of all traffic, in the file's order.
	Further []Share
	// Salt of the draw between the roles.
	Salt string
	// Trial and Step gate the rules that lead to the canary.
	Trial bool
	Step  int
	// Copies says that the canary gets copies of requests, where the strategy is about those.
	Copies bool
}

// Share is a backend's part of all traffic.
type Share struct {
	Backend string
	Weight  Weight
}

// Phase of a rollout.
type Phase string

// The phases (rollout.md).
const (
	Idle        Phase = "Idle"
	Waiting     Phase = "Waiting"
	Progressing Phase = "Progressing"
	Paused      Phase = "Paused"
	Baking      Phase = "Baking"
	Succeeded   Phase = "Succeeded"
	RollingBack Phase = "RollingBack"
	Failed      Phase = "Failed"
	Aborted     Phase = "Aborted"
	Superseded  Phase = "Superseded"
)

// Outcome is how an attempt ended; "" while it runs.
type Outcome string

// The outcomes.
const (
	Promoted          Outcome = "Promoted"
	FastPromoted      Outcome = "FastPromoted"
	RolledBack        Outcome = "RolledBack"
	OutcomeAborted    Outcome = "Aborted"
	OutcomeSuperseded Outcome = "Superseded"
)

// Command is what a person asks for. Its JSON is the body of the admin API's POST; the verb is in the path.
type Command struct {
	Verb    string            `json:"-"` // start pause resume approve promote abort retry undo set-weight
	Attempt string            `json:"attempt,omitempty"`
	Step    *int              `json:"step,omitempty"`
	Gate    string            `json:"gate,omitempty"`
	Full    bool              `json:"full,omitempty"`
	Version string            `json:"version,omitempty"`
	Weights map[string]Weight `json:"weights,omitempty"`
	Comment string            `json:"comment,omitempty"`
	Actor   string            `json:"actor,omitempty"`
}

// Status is the rollout object of the admin API.
type Status struct {
	Route          string    `json:"route"`
	Strategy       string    `json:"strategy,omitempty"` // where it is not canary
	Attempt        string    `json:"attempt"`
	Phase          Phase     `json:"phase"`
	Outcome        Outcome   `json:"outcome"`
	Reason         string    `json:"reason"`
	Step           int       `json:"step"`  // counts the weights from 1; the bake is the last
	Steps          int       `json:"steps"` // with the bake
	Weight         Weight    `json:"weight"`
	Stable         Role      `json:"stable"`
	Canary         Role      `json:"canary"`
	StartedAt      time.Time `json:"startedAt,omitzero"`
	StepStartedAt  time.Time `json:"stepStartedAt,omitzero"`
	Held           Duration  `json:"held"`
	HoldNeeded     Duration  `json:"holdNeeded"`
	RequestsNeeded uint64    `json:"requestsNeeded"`       // about, if the canary is as good as stable
	TimeNeeded     Duration  `json:"timeNeeded,omitempty"` // about how long these take
	WaitingFor     string    `json:"waitingFor"`
	// Gate is what approve has to name now; "" where nothing waits for an approval. ExpiresIn is how long the gate goes on waiting.
	Gate      string   `json:"gate,omitempty"`
	ExpiresIn Duration `json:"expiresIn,omitempty"`
	// Webhook is the one that is waited for.
	Webhook string `json:"webhook,omitempty"`
	// ABTest is how an A/B test stands.
	ABTest *ABStatus `json:"abTest,omitempty"`
	// Waived are the checks that a person left out of this attempt.
	Waived       []string  `json:"waived,omitempty"`
	Checks       []Verdict `json:"checks"`
	LastDecision *Decision `json:"lastDecision"`
	// AAEvidenceMax is the judge's largest evidence of the last 24 hours against stable's own requests, of which a part plays the canary:
	// over 20 its assumptions do not hold for this route. 0 is none yet.
	AAEvidenceMax float64 `json:"aaEvidenceMax"`
	// SampleRatioEvidence is that the canary's share of what was drawn in this attempt is not the configured one; from 1000 on people are
	// told. 0 is none.
	SampleRatioEvidence float64 `json:"sampleRatioEvidence,omitempty"`
	// Plan is what the file says now, by step.
	Plan []PlanStep `json:"plan,omitempty"`
	// StateError is why the state can't be written now; "" when it can.
	StateError string `json:"stateError,omitempty"`
	// StateHeld says that it is kept all the same, where room was set aside: a restart goes on from it.
	StateHeld bool `json:"stateHeld,omitempty"`
}

// Verdict is a check with its numbers; it is analysis's, shown as it is.
type Verdict = analysis.Verdict

// Role is who has one of the two roles.
type Role struct {
	Backend string `json:"backend"`
	Version string `json:"version"`
}

// Decision is one entry of the journal: what was done, why, on which numbers.
type Decision struct {
	Seq        uint64    `json:"seq"` // of the state that it led to: rises on one route
	At         time.Time `json:"at"`
	Route      string    `json:"route"`
	Attempt    string    `json:"attempt"`
	Action     string    `json:"action"`
	Actor      string    `json:"actor"`
	From       Phase     `json:"from"`
	To         Phase     `json:"to"`
	WeightFrom Weight    `json:"weightFrom"`
	WeightTo   Weight    `json:"weightTo"`
	Step       int       `json:"step"`
	Outcome    Outcome   `json:"outcome,omitempty"` // of the attempt, once it is known
	Reason     string    `json:"reason"`
	Sentence   string    `json:"sentence"`
	Comment    string    `json:"comment,omitempty"`
	Winner     string    `json:"winner,omitempty"` // of an A/B test, canary or stable, once it is known
	Checks     []Verdict `json:"checks,omitempty"`
}

// Refused is a command or a reload that can't be done in the present state: status 409, exit 5.
type Refused struct{ Reason string }

func (e *Refused) Error() string { return e.Reason }

// Invalid is a command that can't be understood: status 400, exit 2.
type Invalid struct{ Reason string }

func (e *Invalid) Error() string { return e.Reason }
