package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// screen is a terminal that shows one frame at a time. A frame is written over the one before, in one write and only where it is another,
// so nothing flickers.
type screen struct {
	out   io.Writer
	size  func() (width, height int)
	shown string
}

// newScreen is the terminal behind w; nil when w is none. end gives it back.
func newScreen(w io.Writer) *screen {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	size := func() (int, int) {
		s, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
		if err != nil {
			return 0, 0
		}
		return int(s.Col), int(s.Row)
	}
	if width, _ := size(); width == 0 {
		return nil
	}
	_, _ = io.WriteString(f, hideCursor+clearAll)
	return &screen{out: f, size: size}
}

// Control sequences (ECMA-48; DECTCEM for the cursor).
const (
	home       = "\x1b[H"
	clearAll   = "\x1b[H\x1b[2J"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
)

func (s *screen) draw(text string) {
	width, height := s.size()
	if next := frame(text, width, height); next != s.shown {
		s.shown = next
		_, _ = io.WriteString(s.out, next)
	}
}

func (s *screen) end() { _, _ = io.WriteString(s.out, showCursor) }

// frame is a text cut to what a terminal of this size shows: a line that wraps, or one below the last, would move the rest.
func frame(text string, width, height int) string {
	var b strings.Builder
	b.WriteString(home)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if most := max(height-1, 1); len(lines) > most {
		lines = append(lines[:most-1], "…")
	}
	for _, line := range lines {
		b.WriteString(cut(line, width) + clearLine + "\n")
	}
	return b.String() + clearBelow
}
