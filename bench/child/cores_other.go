//go:build !linux

package child

// Cores are those this process may use; unknown here.
func Cores() []int { return nil }

// Pinned calls start.
func Pinned(_ []int, start func() error) error { return start() }
