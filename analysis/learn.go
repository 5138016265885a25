package analysis

// Learn takes in what stable did before the attempt, in the second that ends with the tick. It is no bet, only a better start: the margin
// that follows stable's history, and the bets, come from it.
func (a *Assessor) Learn(s *State, stable Tally, latency *Latencies, tick int64) {
	a.fit(s)
	second := floorDiv(tick, ticksASecond)
	for i := range s.Tests {
		t := &s.Tests[i]
		if t.Trials != nil && a.rules.Rules[i].Metric == ErrorRate && stable.sane() {
			t.Trials.learn(stable, second)
		}
		if latency == nil {
			continue
		}
		if t.Order != nil {
			t.Order.learn(&latency.Stable, a.odds[i].compare, second)
		}
		if t.LimitOrder != nil {
			t.LimitOrder.learn(&latency.Stable, a.odds[i].limit, second)
		}
	}
}
