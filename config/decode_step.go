package config

import (
	"errors"
	"fmt"
	"time"

	"gopkg.in/yaml.v3"
)

// fileStep is an entry of `steps`: a weight, or a stop between two of them.
type fileStep struct {
	Step
	stop *Stop
}

// step is a weight alone, or a map of one of three kinds.
func (d *decoder) step(v value, s *fileStep) {
	if v.node.Kind != yaml.MappingNode {
		one(d, &s.Weight, parsePercent)(v)
		return
	}
	kind, ok := d.stepKind(v)
	if !ok {
		return
	}
	switch kind {
	case "gate":
		s.stop = &Stop{OnExpire: "pause"}
		d.object(v, keys{
			"gate":     one(d, &s.stop.Gate, parseGate),
			"expires":  one(d, &s.stop.Expires, positive(parseDuration)),
			"onExpire": one(d, &s.stop.OnExpire, oneOf([]string{"pause"})),
			"webhook":  maybe(&s.stop.Webhook, GateWebhook{Interval: 10 * time.Second}, d.gateWebhook),
		})
		if d.has(v.path+".onExpire") && !d.has(v.path+".expires") {
			d.errorf(v.path+".onExpire", "says nothing without expires; write expires: 24h, or remove it")
		}
	case "pause":
		s.stop = &Stop{}
		d.object(v, keys{"pause": one(d, &s.stop.Pause, positive(parseDuration))})
	default:
		d.object(v, keys{
			"setWeight":   one(d, &s.Weight, parsePercent),
			"hold":        one(d, &s.Hold, parseDuration),
			"minRequests": one(d, &s.MinRequests, parseRequests),
		})
		d.required(v, "setWeight", "like setWeight: 5%, or make it a gate or a pause")
	}
}

// stepKind is the key that says what a step is. Two of them would be two steps, and are an error.
func (d *decoder) stepKind(v value) (kind string, ok bool) {
	for _, p := range d.pairs(v) {
		if p.name != "gate" && p.name != "pause" && p.name != "setWeight" {
			continue
		}
		if kind != "" && p.name != kind {
			d.add(Error, placeAt(p.key), p.value.path, "a step is a weight, a gate or a pause, and %s is there already; write two steps", kind)
			return kind, false
		}
		kind = p.name
	}
	return kind, true
}

// parseGate keeps apart the names that approve uses for what is no gate of the plan.
func parseGate(s string) (string, error) {
	switch s {
	case "person", "evidence":
		return "", errors.New("is what approve calls a step in manual mode or missing evidence; choose another name")
	}
	return parseName(s)
}

// divide takes the file's steps apart into weights and the stops between them.
func (r *Rollout) divide(steps []fileStep) {
	for _, s := range steps {
		if s.stop != nil {
			s.stop.Before = len(r.Steps)
			r.Stops = append(r.Stops, *s.stop)
			continue
		}
		r.Steps = append(r.Steps, s.Step)
	}
}

// stopPath is the path of Stops[i] in the file.
func (r *Rollout) stopPath(path string, i int) string {
	return fmt.Sprintf("%s.steps[%d]", path, r.Stops[i].Before+i)
}

// stepPath is the path of Steps[i] in the file, where the stops count too.
func (r *Rollout) stepPath(path string, i int) string {
	at := i
	for _, s := range r.Stops {
		if s.Before <= i {
			at++
		}
	}
	return fmt.Sprintf("%s.steps[%d]", path, at)
}
