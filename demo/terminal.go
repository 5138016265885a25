//go:build unix

package demo

import (
	"os"

	"golang.org/x/sys/unix"
)

// Terminal says how wide a terminal f is and whether it may have colours; width 0 is no terminal. NO_COLOR (no-color.org) is heeded.
func Terminal(f *os.File) (width int, colour bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 0, false
	}
	return int(size.Col), os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
