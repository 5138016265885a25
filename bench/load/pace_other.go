//go:build !linux

package load

import "time"

func sharpen() {}

func finely(d time.Duration) { time.Sleep(d) }
