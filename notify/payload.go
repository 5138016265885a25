package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	"sluice/rollout"
)

// namespace fills Flagger's field: there is no such thing here.
const namespace = "default"

// payload is the body of a webhook: Flagger's fields first, by which its receivers work unchanged, then ours.
type payload struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"` // in Flagger's words
	Checksum  string            `json:"checksum"`
	Metadata  map[string]string `json:"metadata,omitempty"`

	ID      string        `json:"id"`
	Type    string        `json:"type"`
	Route   string        `json:"route"`
	Attempt string        `json:"attempt"`
	Step    int           `json:"step"`
	Weight  float64       `json:"weight"`
	Rollout rollout.Phase `json:"rolloutPhase"`
	Gate    string        `json:"gate,omitempty"`
	Stable  rollout.Role  `json:"stable"`
	Canary  rollout.Role  `json:"canary"`
	// Decision that is told of.
	Decision *rollout.Decision `json:"decision,omitempty"`
}

// asking is the body of a question.
func asking(h *Hook, gate string, q rollout.Question, s *rollout.Status) payload {
	p := payload{
		Name: s.Route, Namespace: namespace, Phase: flaggerPhase(s.Phase), Checksum: checksum(s), Metadata: h.Metadata,
		ID: fmt.Sprintf("%s/%d/%s%s", q.Attempt, q.Step, h.Name, gate), Type: h.Type, Gate: gate,
		Route: s.Route, Attempt: s.Attempt, Step: s.Step, Weight: s.Weight.Percent(), Rollout: s.Phase, Stable: s.Stable, Canary: s.Canary,
	}
	if h.Type == string(rollout.ConfirmPromotion) {
		p.Phase = "WaitingPromotion"
	}
	return p
}

// telling is the body about a decision.
func telling(h *Hook, e *rollout.Event, s *rollout.Status) payload {
	d := &e.Decision
	p := payload{
		Name: d.Route, Namespace: namespace, Phase: flaggerPhase(d.To), Checksum: checksum(s), Metadata: maps.Clone(h.Metadata),
		ID: e.ID, Type: h.Type, Route: d.Route, Attempt: d.Attempt, Step: d.Step, Weight: d.WeightTo.Percent(), Rollout: d.To,
		Stable: s.Stable, Canary: s.Canary, Decision: d,
	}
	if h.Type != EventHook {
		return p
	}
	if p.Metadata == nil {
		p.Metadata = map[string]string{}
	}
	kind := "Normal"
	if level, ok := severityOf(d); ok && level > Info {
		kind = "Warning"
	}
	p.Metadata["eventMessage"], p.Metadata["eventType"] = d.Sentence, kind
	p.Metadata["timestamp"] = strconv.FormatInt(d.At.UnixMilli(), 10)
	return p
}

// checksum tells what is on trial from what was before.
func checksum(s *rollout.Status) string {
	sum := sha256.Sum256([]byte(s.Route + "\x00" + s.Stable.Version + "\x00" + s.Canary.Version))
	return hex.EncodeToString(sum[:8])
}

// flaggerPhase is the phase in the words that Flagger's receivers know.
func flaggerPhase(p rollout.Phase) string {
	switch p {
	case rollout.Idle:
		return "Initialized"
	case rollout.Paused:
		return "Waiting"
	case rollout.Baking:
		return "Promoting"
	case rollout.RollingBack, rollout.Aborted, rollout.Superseded:
		return "Failed"
	default: // Waiting, Progressing, Succeeded, Failed
		return string(p)
	}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("bug: a message is no JSON: " + err.Error())
	}
	return b
}

// cloudEvent are the headers of CloudEvents 1.0 in HTTP's binary mode; the body is the data.
func cloudEvent(e *rollout.Event) map[string]string {
	return map[string]string{
		"ce-specversion": "1.0", "ce-id": e.ID, "ce-type": "sluice.rollout." + e.Decision.Action,
		"ce-source": "/sluice/routes/" + e.Decision.Route, "ce-subject": e.Decision.Attempt,
		"ce-time": e.Decision.At.UTC().Format(time.RFC3339Nano),
	}
}
