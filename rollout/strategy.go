package rollout

// atOnce says that the strategy gives the canary nothing and then everything.
func (r *Rollout) atOnce() bool { return r.Strategy == BlueGreen || r.Strategy == Mirror }

// endGate is the gate before this weight that the strategy itself sets, whoever decides otherwise; "" is none.
func (r *Rollout) endGate(before int) string {
	switch {
	case before != r.bakeStep():
		return ""
	case r.AB != nil:
		return WinnerGate
	case r.Strategy == Mirror:
		return PersonGate
	}
	return ""
}

// onCopies says that the attempt is at a step that is judged on copies of requests.
func (r *Rollout) onCopies(s *State) bool {
	return s.active() && !s.unbegun() && s.base() != Baking && s.Step >= 1 && s.Step <= len(r.Steps) && r.Steps[s.Step-1].Copies
}
