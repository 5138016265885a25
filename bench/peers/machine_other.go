//go:build !linux

package peers

import (
	"errors"
	"time"
)

func cores() []int { return nil }

func pinned(_ []int, start func() error) error { return start() }

type usage struct {
	cpu time.Duration
	rss int64
}

func usageOf(int) (usage, error) {
	return usage{}, errors.New("the processor time of another process is read on Linux only")
}
