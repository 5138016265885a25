package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Conversion is what counts as a conversion of a user on a route.
type Conversion struct {
	// Visit is what a request must fulfil to begin a user's visit. The zero Condition is every request. Default: every request.
	Visit Condition
	// Goal converts the visit's user; nil is none. Default nil.
	Goal *Goal
	// ResponseHeader of a backend's answer that does too; "" is none. Default "".
	ResponseHeader string
	// Within is the age at which a visit is closed. Default 30m.
	Within time.Duration
}

// Goal is a request with its answer.
type Goal struct {
	// Condition that the request must fulfil.
	Condition
	// Status of the answer, one of these; empty is every one below 400. Default: empty.
	Status []int
}

const (
	defaultWithin = 30 * time.Minute
	// leastWithin is as long as a block of visits; mostWithin is what visits are remembered for at most.
	leastWithin = 100 * time.Millisecond
	mostWithin  = 90 * 24 * time.Hour
)

func (d *decoder) conversion(v value, c *Conversion) {
	d.object(v, keys{
		"visit":          into(&c.Visit, d.condition),
		"goal":           maybe(&c.Goal, Goal{}, d.goal),
		"responseHeader": one(d, &c.ResponseHeader, parseConversionHeader),
		"within":         one(d, &c.Within, parseWithin),
	})
}

func (d *decoder) goal(v value, g *Goal) {
	d.record.like(v.path, "routes[].match[]")
	table := d.conditionKeys(&g.Condition)
	table["status"] = some(d, &g.Status, parseAnswerStatus)
	d.object(v, table)
}

func parseAnswerStatus(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 200 || n > 599 {
		return 0, errors.New("is no status of an answer; write 200 to 599")
	}
	return n, nil
}

// parseConversionHeader reads a field that is ours to take away: none without which an answer would mean something else.
func parseConversionHeader(s string) (string, error) {
	if strings.EqualFold(s, "Sluice-Conversion") {
		return s, nil
	}
	return parseChangeable(s)
}

func parseWithin(s string) (time.Duration, error) {
	t, err := positive(parseDuration)(s)
	if err == nil && (t < leastWithin || t > mostWithin) {
		return 0, errors.New("is no age of a visit; write 100ms to 2160h")
	}
	return t, err
}

// conversionRules checks that users can be known, and that the check has something to look at.
func (d *decoder) conversionRules(c *Config, r *Route, path string) {
	at := path + ".conversion"
	if r.Conversion != nil {
		d.conditionRules(c, &r.Conversion.Visit, at+".visit")
		if g := r.Conversion.Goal; g != nil {
			d.conditionRules(c, &g.Condition, at+".goal")
		}
		if len(r.Sticky.By) == 0 && r.Redirect == nil && !d.broken(path+".sticky") {
			d.errorf(at, "counts users, and without sticky nobody knows who a request is from; write sticky: {by: cookie}")
		}
	}
	if r.Rollout == nil || r.Conversion != nil || d.broken(at) {
		return
	}
	const mend = "nothing says what a conversion is; write on the route conversion: {visit: {path: {prefix: /}}, goal: {path: {exact: /done}}}"
	for i, c := range r.Rollout.Analysis.Checks {
		if c.Metric == "conversion-rate" {
			d.errorf(fmt.Sprintf("%s.rollout.analysis.checks[%d].metric", path, i), mend)
		}
	}
	if a := r.Rollout.ABTest; a != nil && a.Metric == "conversion-rate" {
		d.errorf(path+".rollout.abTest.metric", mend)
	}
}

// conversionWarnings: a visit that takes longer than a step is judged after it, or never.
func (d *decoder) conversionWarnings(r *Route, path string) {
	if r.Conversion == nil || !slices.ContainsFunc(r.Rollout.Analysis.Checks, func(c Check) bool { return c.Metric == "conversion-rate" }) {
		return
	}
	within, at := r.Conversion.Within, path+".conversion"
	if d.has(at + ".within") {
		at += ".within"
	}
	all, shortest := r.Rollout.Bake, r.Rollout.Bake
	for _, s := range r.Rollout.Steps {
		all, shortest = all+s.Hold, min(shortest, s.Hold)
	}
	for _, s := range r.Rollout.Stops {
		all += s.Pause
	}
	switch {
	case within >= all:
		d.warnf(at, "%s is not shorter than the whole rollout, %s: no visit is closed before it is over, and conversion-rate judges nothing; hold or bake longer",
			inWords(within), inWords(all))
	case within > shortest:
		d.warnf(at, "%s is longer than a hold or bake of %s: who comes in such a step is judged after it; hold and bake longer, or set a shorter within",
			inWords(within), inWords(shortest))
	}
}
