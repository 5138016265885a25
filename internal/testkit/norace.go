//go:build !race

package testkit

// Race says that the race detector is on: everything is several times slower.
const Race = false
