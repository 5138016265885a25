package router

import (
	"slices"
	"sync/atomic"

	"sluice/metrics"
	"sluice/request"
)

// Conversion is what begins the visit of a user on a route, and what converts it.
type Conversion struct {
	// Visit is what a request must fulfil to begin one.
	Visit request.Condition
	// Goal is what a request must fulfil whose answer converts its user; nil is none. Status are the answers that do, empty all below 400.
	Goal   *request.Condition
	Status []int
	// Header of an answer that converts too, in lower case; "" is none. It goes no further.
	Header string
	// Visits are where both are counted; empty while there is none.
	Visits *atomic.Pointer[metrics.Visits]
}

// Reached says whether an answer to a request of the goal converts.
func (c *Conversion) Reached(status int) bool {
	if len(c.Status) == 0 {
		return status < 400
	}
	return slices.Contains(c.Status, status)
}
