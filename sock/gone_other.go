//go:build !linux

package sock

// Gone says that the connection is over in both directions; elsewhere than on Linux nobody is asked, since there an end may look the same.
func Gone(uintptr) bool { return false }
