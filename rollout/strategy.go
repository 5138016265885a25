package rollout

// atOnce says that the strategy gives the canary nothing and then everything.
func (r *Rollout) atOnce() bool { return r.Strategy == BlueGreen || r.Strategy == Mirror }

// asksAtEnd says that a person has to open the way to this weight, whoever decides otherwise.
func (r *Rollout) asksAtEnd(before int) bool { return r.Strategy == Mirror && before == r.bakeStep() }

// onCopies says that the attempt is at a step that is judged on copies of requests.
func (r *Rollout) onCopies(s *State) bool {
	return s.active() && !s.unbegun() && s.base() != Baking && s.Step >= 1 && s.Step <= len(r.Steps) && r.Steps[s.Step-1].Copies
}
