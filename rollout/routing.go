package rollout

// RoutingOf is how the route's traffic is divided in a state: nothing else has a say.
func RoutingOf(p *Plan, s *State) Routing {
	r := Routing{Route: p.Route, Seq: s.Seq, Salt: p.Route, PairWeight: Full}
	if p.Rollout == nil {
		r.Stable, r.Canary = p.pair()
		r.fix(p, p.weights(s))
		return r
	}
	r.Stable, r.Canary = s.Stable.Backend, s.Canary.Backend
	if s.Manual != nil {
		r.fix(p, s.Manual)
		return r
	}
	r.Further = p.further(p.Weights, r.Stable, r.Canary)
	if !s.active() {
		return r
	}
	r.CanaryWeight, r.Step = s.share(), s.Step
	if !s.unbegun() {
		r.Step = max(r.Step, 1) // a weight that is in no step has been given by one
	}
	r.Trial = !s.off()
	if p.Rollout.atOnce() { // before the switch only an override, or a copy, reaches the canary
		r.Copies = r.Trial && s.Weight == 0
		r.Trial = r.Trial && s.Weight > 0
	}
	if !p.Rollout.SaltRoute {
		r.Salt = s.Attempt
	}
	return r
}

// pair names the two backends that share one draw on a route without a rollout, so that users move one way between them.
func (p *Plan) pair() (stable, canary string) {
	if len(p.Backends) == 0 {
		return "", ""
	}
	stable = p.Backends[0].Name
	if p.has("stable") {
		stable = "stable"
	}
	if stable != "canary" && p.has("canary") {
		return stable, "canary"
	}
	for _, b := range p.Backends {
		if b.Name != stable {
			return stable, b.Name
		}
	}
	return stable, ""
}

// weights in force on a route without a rollout.
func (p *Plan) weights(s *State) map[string]Weight {
	switch {
	case s.Manual != nil:
		return s.Manual
	case p.Weights != nil:
		return p.Weights
	default:
		stable, _ := p.pair()
		return map[string]Weight{stable: Full}
	}
}

// fix divides by weights that add up to Full.
func (r *Routing) fix(p *Plan, weights map[string]Weight) {
	r.Further = p.further(weights, r.Stable, r.Canary)
	if pair := weights[r.Stable] + weights[r.Canary]; pair > 0 {
		r.CanaryWeight, r.PairWeight = weights[r.Canary], pair
	}
}

func (p *Plan) further(weights map[string]Weight, stable, canary string) []Share {
	var out []Share
	for _, b := range p.Backends {
		if w := weights[b.Name]; w > 0 && b.Name != stable && b.Name != canary {
			out = append(out, Share{Backend: b.Name, Weight: w})
		}
	}
	return out
}

// Share of all traffic that the backend gets, between 0 and 1, rules left aside.
func (r *Routing) Share(backend string) float64 {
	rest := float64(Full)
	for _, f := range r.Further {
		if f.Backend == backend {
			return float64(f.Weight) / float64(Full)
		}
		rest -= float64(f.Weight)
	}
	canary := 0.0
	if r.PairWeight > 0 {
		canary = float64(r.CanaryWeight) / float64(r.PairWeight)
	}
	switch backend {
	case r.Canary:
		return rest / float64(Full) * canary
	case r.Stable:
		return rest / float64(Full) * (1 - canary)
	default:
		return 0
	}
}

// same says that two routings send every request to the same place.
func (r *Routing) same(o *Routing) bool {
	if len(r.Further) != len(o.Further) {
		return false
	}
	for i := range r.Further {
		if r.Further[i] != o.Further[i] {
			return false
		}
	}
	return r.Stable == o.Stable && r.Canary == o.Canary && r.CanaryWeight == o.CanaryWeight && r.PairWeight == o.PairWeight &&
		r.Salt == o.Salt && r.Trial == o.Trial && r.Step == o.Step && r.Copies == o.Copies
}

// rises says that the second routing is bolder: it has to be safe on disk before it is applied. Bolder is more traffic for the backend
// on trial, or for any other that does not have the stable role afterwards, and more rules that lead to the canary.
func rises(before, after *Routing) bool {
	const rounding = 1e-9
	more := func(backend string) bool {
		return backend != "" && after.Share(backend) > before.Share(backend)+rounding
	}
	if before.Trial && more(before.Canary) || more(after.Canary) {
		return true
	}
	for _, f := range after.Further {
		if more(f.Backend) {
			return true
		}
	}
	return after.Trial && (!before.Trial || after.Step > before.Step)
}
