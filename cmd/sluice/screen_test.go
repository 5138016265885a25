package main

import (
	"strings"
	"testing"
)

// terminal counts writes.
type terminal struct {
	text   strings.Builder
	writes int
}

func (t *terminal) Write(b []byte) (int, error) {
	t.writes++
	return t.text.Write(b)
}

func TestAFrameIsWrittenOverTheOneBeforeAndOnlyWhereItIsAnother(t *testing.T) {
	t.Parallel()
	out := new(terminal)
	s := &screen{out: out, size: func() (int, int) { return 20, 10 }}
	s.draw("one\ntwo\n")
	s.draw("one\ntwo\n")
	s.draw("three\n")
	want := "\x1b[Hone\x1b[K\ntwo\x1b[K\n\x1b[J" + "\x1b[Hthree\x1b[K\n\x1b[J"
	if got := out.text.String(); got != want || out.writes != 2 {
		t.Errorf("%d writes: %q, want 2: %q", out.writes, got, want)
	}
	if strings.Contains(want, "\x1b[2J") {
		t.Error("the screen is cleared between two frames: it flickers")
	}
}

func TestAFrameNeverWrapsOrScrolls(t *testing.T) {
	t.Parallel()
	got := frame("0123456789äöü\na\nb\nc\nd\n", 10, 4)
	if want := "\x1b[H012345678…\x1b[K\na\x1b[K\n…\x1b[K\n\x1b[J"; got != want {
		t.Errorf("frame = %q, want %q", got, want)
	}
}
