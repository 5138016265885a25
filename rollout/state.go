package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/analysis"
)

// stateFormat of the documents that this program writes and reads.
const stateFormat = 1

// maxTried bounds the versions that are remembered.
const maxTried = 50

// State is all that a route's rollout remembers. It is a value: Step makes a new one, and lists and maps in it are replaced, never
// written to.
type State struct {
	Format int `json:"format"`
	// Seq rises with every decision.
	Seq     uint64  `json:"seq"`
	Attempt string  `json:"attempt,omitempty"`
	Phase   Phase   `json:"phase"`
	Outcome Outcome `json:"outcome,omitempty"`
	// Reason of a pause, a rollback or an abort.
	Reason string `json:"reason,omitempty"`
	// Pauses are the reasons of a pause, the newest first; Back is the phase it interrupted, with its own reason.
	Pauses     []string `json:"pauses,omitempty"`
	Back       Phase    `json:"back,omitempty"`
	BackReason string   `json:"backReason,omitempty"`
	// Stable has the traffic, Canary is the other role: on trial, or free.
	Stable Role `json:"stable"`
	Canary Role `json:"canary"`
	// Config is the digest of the policy that Step and Weight were chosen under.
	Config string `json:"config,omitempty"`
	// Step counts the weights from 1, the bake is the last; 0 is before the first, or a weight that is in no step.
	Step int `json:"step"`
	// Weight of the canary, where no pause takes it off the traffic. Succeeded keeps 100 %, the roles are exchanged then.
	Weight Weight `json:"weight"`
	// Fast says that a person skipped steps.
	Fast bool `json:"fast,omitempty"`
	// Outages counts how often the canary was unavailable in this attempt.
	Outages       int       `json:"outages,omitempty"`
	StartedAt     time.Time `json:"startedAt,omitzero"`
	StepStartedAt time.Time `json:"stepStartedAt,omitzero"`
	// Held counts towards the step's hold, Age since the step began whatever happened, Away since the canary was taken off.
	Held Duration `json:"held"`
	Age  Duration `json:"age"`
	Away Duration `json:"away,omitempty"`
	// Checks are the last verdicts, Requests the canary's judged requests of the step; Needed are about how many more it needs, which take
	// about NeededTime. They are for people and decide nothing after a restart.
	Checks     []Verdict `json:"checks,omitempty"`
	Requests   uint64    `json:"requests"`
	Needed     uint64    `json:"needed,omitempty"`
	NeededTime Duration  `json:"neededTime,omitempty"`
	// Evidence of a running attempt. The loop alone reads it and writes to it; it is the same for all states of an attempt.
	Evidence *Evidence `json:"evidence,omitempty"`
	// Clean says that the process which wrote this ended in good order, and nothing that it judged is missing.
	Clean bool      `json:"clean,omitempty"`
	Last  *Decision `json:"last,omitempty"`
	// Tried are the versions that were on trial, the newest last.
	Tried []Trial `json:"tried,omitempty"`
	// Left is the version that the last promotion took out of service: where it still is on the free backend it is not new.
	Left string `json:"left,omitempty"`
	// Given are versions that `start --version` set, by backend.
	Given map[string]Given `json:"given,omitempty"`
	// AtStop says that the attempt stands at a stop before the next weight, for Waited; Passed counts the stops that are behind.
	AtStop bool     `json:"atStop,omitempty"`
	Passed int      `json:"passed,omitempty"`
	Waited Duration `json:"waited,omitempty"`
	// Approvals of gates since the last change of weight, Waivers are the checks that a person left out of this attempt.
	Approvals []Approval `json:"approvals,omitempty"`
	Waivers   []string   `json:"waivers,omitempty"`
	// Hook is the webhook that is waited for; Answers were given at this weight.
	Hook    string   `json:"hook,omitempty"`
	Answers []Answer `json:"answers,omitempty"`
	// Asked is the failing check that a person is asked about.
	Asked string `json:"asked,omitempty"`
	// Unproven says that this step goes on without evidence, as a person or the plan said so. Warned says that its lack was told of.
	Unproven bool `json:"unproven,omitempty"`
	Warned   bool `json:"warned,omitempty"`
	// Counted is Held when the windows of the numbers began.
	Counted Duration `json:"counted,omitempty"`
	// AB is how the attempt's A/B test stands.
	AB *ABStatus `json:"ab,omitempty"`
	// RatioTold says that people were told that the canary's share is not the one that was drawn for; RatioEvidence is for people.
	RatioTold     bool    `json:"ratioTold,omitempty"`
	RatioEvidence float64 `json:"ratioEvidence,omitempty"`
	// Undelivered events, the oldest first.
	Undelivered []Event `json:"undelivered,omitempty"`
	// Manual weights by backend, in force while the file's own are those of FileWeights.
	Manual      map[string]Weight `json:"manual,omitempty"`
	FileWeights string            `json:"fileWeights,omitempty"`
}

// Evidence is what the judge has found in an attempt.
type Evidence struct {
	// Ripe is the age at which blocks of arrivals are judged; 0 is not known yet.
	Ripe  Duration       `json:"ripe"`
	State analysis.State `json:"state"`
	// Samples of the sampled checks, in the plan's order.
	Samples []analysis.Samples  `json:"samples,omitempty"`
	Duel    *analysis.DuelState `json:"duel,omitempty"` // of an A/B test
	// Ratio is whether the canary gets the share that it should.
	Ratio *analysis.Ratio `json:"ratio,omitempty"`
}

// Trial is how an attempt with a version ended.
type Trial struct {
	Version string    `json:"version"`
	Attempt string    `json:"attempt,omitempty"`
	Outcome Outcome   `json:"outcome"`
	At      time.Time `json:"at"`
}

// Given is a version that a command set. It holds while the file says File.
type Given struct {
	Version string `json:"version"`
	File    string `json:"file"`
}

// The reasons of a pause.
const (
	ReasonUser              = "User"
	ReasonInsufficient      = "Insufficient"
	ReasonCheckFailed       = "CheckFailed"
	ReasonStableUnhealthy   = "StableUnhealthy"
	ReasonCanaryUnavailable = "CanaryUnavailable"
	ReasonStableUnavailable = "StableUnavailable"
	ReasonStateLost         = "StateLost"
	ReasonStateReadOnly     = "StateReadOnly"
	ReasonRolesUnclear      = "RolesUnclear"
)

// The reasons of a rollback or an abort, beside the names of checks and User.
const (
	ReasonAbortOn         = "abort-on"
	ReasonUnreachable     = "unreachable"
	ReasonUnavailable     = "canary-unavailable"
	ReasonConfigRemoved   = "ConfigRemoved"
	ReasonNewVersion      = "NewVersion"
	ReasonPromotedVersion = "PromotedVersion"
)

// ReasonSampleRatio is what people are told for when the canary's share of the draws is not the configured one.
const ReasonSampleRatio = "SampleRatio"

// base is the phase without regard to a pause.
func (s *State) base() Phase {
	if s.Phase == Paused {
		return s.Back
	}
	return s.Phase
}

// active says that an attempt runs: it can be paused, judged and rolled back.
func (s *State) active() bool {
	switch s.base() {
	case Waiting, Progressing, Baking:
		return true
	}
	return false
}

// unbegun says that the attempt has not had its first traffic yet.
func (s *State) unbegun() bool { return s.base() == Waiting && s.Weight == 0 && s.Step == 0 }

// resting says that nothing is under way or unclear.
func (s *State) resting() bool {
	switch s.Phase {
	case Idle, Succeeded, Failed, Aborted, Superseded:
		return true
	}
	return false
}

func (s *State) pausedFor(reason string) bool { return slices.Contains(s.Pauses, reason) }

// off says that a pause takes the canary off the traffic.
func (s *State) off() bool {
	return s.pausedFor(ReasonCanaryUnavailable) || s.pausedFor(ReasonStateLost) || s.pausedFor(ReasonStateReadOnly)
}

// share is the canary's weight in force. A promoted version has the stable role, so it is 0 after a success.
func (s *State) share() Weight {
	if !s.active() || s.off() {
		return 0
	}
	return s.Weight
}

// shown is the weight that people see: of the version that is or was on trial, or the one that they set.
func shown(p *Plan, s *State) Weight {
	switch {
	case p.Rollout == nil || s.Manual != nil:
		return RoutingOf(p, s).CanaryWeight
	case s.base() == Succeeded:
		return s.Weight
	default:
		return s.share()
	}
}

// failed says that an attempt with the version ended badly here.
func (s *State) failed(version string) bool {
	return slices.ContainsFunc(s.Tried, func(t Trial) bool {
		return t.Version == version && (t.Outcome == RolledBack || t.Outcome == OutcomeAborted)
	})
}

func decodeState(b []byte) (State, error) {
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("read rollout state: %w", err)
	}
	if s.Format != stateFormat {
		return State{}, fmt.Errorf("read rollout state: format is %d, this program reads %d", s.Format, stateFormat)
	}
	if s.Weight > Full || s.Phase == "" {
		return State{}, errors.New("read rollout state: a weight is above 100% or the phase is missing")
	}
	return s, nil
}

func (s *State) encode() ([]byte, error) { return json.Marshal(s) }
