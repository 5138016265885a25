package config

import (
	"errors"
	"time"
)

// Outlier leaves an endpoint out for a while whose requests fail in a row; never the last one.
type Outlier struct {
	// ConsecutiveErrors so many failures in a row; more on a backend of which many requests have always failed. Default 5.
	ConsecutiveErrors int
	// EjectFor is how long it is left out; twice as long the next time, up to 32 times. Default 30s.
	EjectFor time.Duration
	// MaxEjected is the most of the endpoints that are left out; one may be in any case. Default 50 %.
	MaxEjected Percent
}

func defaultOutlier() Outlier {
	return Outlier{ConsecutiveErrors: 5, EjectFor: 30 * time.Second, MaxEjected: 5000}
}

func (d *decoder) outlier(v value, o *Outlier) {
	d.object(v, keys{
		"consecutiveErrors": one(d, &o.ConsecutiveErrors, parseCount(1)),
		"ejectFor":          one(d, &o.EjectFor, positive(parseDuration)),
		"maxEjected":        one(d, &o.MaxEjected, parsePercent),
	})
}

// parseService reads the name of a gRPC service.
func parseService(s string) (string, error) {
	if len(s) > 120 {
		return "", errors.New("is longer than 120 bytes")
	}
	return parseText(s)
}
