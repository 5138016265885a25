package rollout

// PlanStep is one element of a plan as people see it: a weight with what it needs, the stops before it, and the bake as the last.
type PlanStep struct {
	Weight      Weight   `json:"weight"`
	Hold        Duration `json:"hold"`
	MinRequests uint64   `json:"minRequests"`
	Bake        bool     `json:"bake,omitempty"`
	Copies      bool     `json:"copies,omitempty"` // judged on copies of requests
	// Gates are what approve has to name before this weight, in their order; a timed pause is not among them.
	Gates []string `json:"gates,omitempty"`
}

// shownPlan is the whole plan; entry i is step i+1.
func (r *Rollout) shownPlan() []PlanStep {
	out := make([]PlanStep, 0, r.bakeStep())
	for _, s := range r.Steps {
		out = append(out, PlanStep{Weight: s.Weight, Hold: Duration(s.Hold), MinRequests: s.MinRequests, Copies: s.Copies})
	}
	out = append(out, PlanStep{Weight: Full - r.BakeStable, Hold: Duration(r.Bake), Bake: true})
	for i := range out {
		for _, s := range r.stops(i + 1) {
			if s.Gate != "" {
				out[i].Gates = append(out[i].Gates, s.Gate)
			}
		}
	}
	return out
}
