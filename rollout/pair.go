package rollout

// Pair is who was compared in the latest attempt: who had the traffic, and who was on trial. After a success the roles are exchanged,
// and the attempt's numbers are still about this pair.
func (s *Status) Pair() (stable, onTrial Role) {
	if s.Phase == Succeeded {
		return s.Canary, s.Stable
	}
	return s.Stable, s.Canary
}
