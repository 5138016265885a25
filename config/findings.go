package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding refuses the configuration.
type Severity uint8

// The severities.
const (
	Error   Severity = iota // the configuration is refused
	Warning                 // it loads, and someone should look
)

// String is the word in messages: "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Finding is one mistake or warning.
type Finding struct {
	// File is the path as it was given, or a flag ("--weight") without a file.
	File string
	// Line and Column count from 1, columns in characters; both are 0 for what has no place.
	Line, Column int
	// Severity of the finding.
	Severity Severity
	// Path is the key path, like "routes[0].weights"; "" is the whole file.
	Path string
	// Message begins with the path, names the value and says what would be right; one line.
	Message string
}

// String is `file:line:col: error: message`.
func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s: %s", f.File, f.Severity, f.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.Severity, f.Message)
}

// Findings are all mistakes and warnings of a configuration, in the order of the file.
type Findings []Finding

// Err is nil without errors; else its text is a line for each error. Warnings are not in it.
func (fs Findings) Err() error {
	var lines []string
	for _, f := range fs {
		if f.Severity == Error {
			lines = append(lines, f.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}

// Warnings are the findings that refuse nothing.
func (fs Findings) Warnings() Findings {
	var out Findings
	for _, f := range fs {
		if f.Severity == Warning {
			out = append(out, f)
		}
	}
	return out
}

// sorted orders by place and leaves out repetitions, which an anchor used twice brings.
func (fs Findings) sorted() Findings {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	seen := map[Finding]bool{}
	return slices.DeleteFunc(fs, func(f Finding) bool {
		twice := seen[f]
		seen[f] = true
		return twice
	})
}
