package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestALongLineIsFoldedBetweenItsParts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, between, want string }{
		{"short, as it is", ", ", "short, as it is"},
		{"", ", ", ""},
		{strings.Repeat("a", 70) + ", " + strings.Repeat("b", 20), ", ", strings.Repeat("a", 70) + ",\n  " + strings.Repeat("b", 20)},
		{strings.Repeat("a", 200), " ", strings.Repeat("a", 200)},
		{"at " + strings.Repeat("a", 200) + " it ended", " ", "at\n  " + strings.Repeat("a", 200) + "\n  it ended"},
	} {
		if got := fold(tt.line, tt.between, "  "); got != tt.want {
			t.Errorf("fold(%q) = %q, want %q", tt.line, got, tt.want)
		}
	}
	for _, line := range strings.Split(fold(strings.Repeat("wörter sind ", 60), " ", "    "), "\n") {
		if n := utf8.RuneCountInString(line); n > lineWidth {
			t.Errorf("a line of %d: %q", n, line)
		}
	}
}
