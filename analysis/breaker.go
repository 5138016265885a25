package analysis

// enoughUnreachable is how many requests in a row make a canary unreachable.
const enoughUnreachable = 3

// Trips says that the circuit breaker is to open: the canary reached the error rate, and stable has less than half of it. A stable
// without requests in the window is no excuse for the canary. It is outside every bound on false alarms, and meant for a canary that is
// plainly broken.
func (a *AbortOn) Trips(e *Evidence) bool {
	c, s := e.Canary.Abort, e.Stable.Abort
	return c.Requests >= max(a.MinRequests, 1) && percent(c.Errors, c.Requests) >= a.ErrorRate &&
		(s.Requests == 0 || percent(s.Errors, s.Requests) < a.ErrorRate/2)
}

// Unreachable says that three canary requests of the step in a row found no connection while stable's last one did.
func Unreachable(e *Evidence) bool {
	// The row is older than the step where the step has not seen as many failures itself.
	return e.Canary.Unreachable >= enoughUnreachable && e.Canary.Errors >= enoughUnreachable && e.Stable.Unreachable == 0
}

func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}
