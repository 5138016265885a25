package config

import (
	"strings"
)

// suggestion is ` did you mean "x"?` for the nearest known name, or what else would be right: a list of them all.
func suggestion(got string, known []string) string {
	if best := nearest(got, known); best != "" {
		return `; did you mean "` + best + `"?`
	}
	if len(known) == 0 {
		return ""
	}
	return "; known here: " + strings.Join(known, ", ")
}

// nearest is the known name a typist may have meant, "" when none is near: a third of the letters may be wrong, at most three.
func nearest(got string, known []string) string {
	best, least := "", min(3, (len(got)+1)/3)+1
	for _, name := range known {
		if d := distance(strings.ToLower(got), strings.ToLower(name), least); d < least {
			best, least = name, d
		}
	}
	for _, name := range known {
		// "warning" for "warn", "percentage" for "percent".
		if best == "" && min(len(got), len(name)) >= 4 && (strings.HasPrefix(got, name) || strings.HasPrefix(name, got)) {
			best = name
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with their neighbour (optimal string alignment);
// at or above the limit it may be any number not below the limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
