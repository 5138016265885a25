package config

import (
	"fmt"
	"time"
)

// Retry sends a request that failed again, to another endpoint of its backend where there is one. The first attempt is what is judged.
type Retry struct {
	// Attempts after the first. Default 0.
	Attempts int
	// RetryOn says which failures: connect-failure, refused-stream, 502, 503, 504. Default: all of them.
	RetryOn []string
	// PerTryTimeout is how long each attempt may take until its answer begins, 0 for no limit of its own. Default 2s.
	PerTryTimeout time.Duration
	// Budget is the most retries, as a share of the requests of the last ten seconds. Default 20 %.
	Budget Percent
	// Methods that are sent again. Default GET, HEAD, OPTIONS.
	Methods []string
}

// Rescue lets a backend answer an idempotent request that failed on the canary.
type Rescue struct {
	// To is who answers: "stable". Required.
	To string
	// BodyBytes is the longest request body that is kept for it. Default 64KiB.
	BodyBytes int64
}

func defaultRetry() Retry {
	return Retry{
		RetryOn:       []string{"connect-failure", "refused-stream", "502", "503", "504"},
		PerTryTimeout: 2 * time.Second, Budget: 2000, Methods: []string{"GET", "HEAD", "OPTIONS"},
	}
}

func (d *decoder) retry(v value, r *Retry) {
	d.object(v, keys{
		"attempts":      one(d, &r.Attempts, parseCount(0)),
		"retryOn":       some(d, &r.RetryOn, oneOf([]string{"connect-failure", "refused-stream", "502", "503", "504"})),
		"perTryTimeout": one(d, &r.PerTryTimeout, parseDuration),
		"budget":        one(d, &r.Budget, parsePercent),
		"methods":       some(d, &r.Methods, oneOf([]string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"})),
	})
	if most := 10; r.Attempts > most && !d.broken(v.path) {
		d.errorf(v.path+".attempts", "%d is more than %d; each is more work for a backend in trouble", r.Attempts, most)
	}
}

func (d *decoder) rescue(v value, r *Rescue) {
	d.object(v, keys{
		"to":        one(d, &r.To, oneOf([]string{"stable"})),
		"bodyBytes": one(d, &r.BodyBytes, parseSize),
	})
	d.required(v, "to", "like rescue: {to: stable}")
}

// againRules checks that there is a canary to be rescued from.
func (d *decoder) againRules(r *Route, path string) {
	if r.Rescue != nil && r.Rollout == nil && r.Redirect == nil && !d.broken(path) {
		d.errorf(fmt.Sprintf("%s.rescue", path), "is about requests that failed on a canary, and this route has no rollout; remove it, or write rollout: {preset: fast}")
	}
}
