package request

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// textKind says which test a Text makes.
type textKind uint8

const (
	textNone textKind = iota // the zero Text: matches nothing
	textExact
	textPrefix
	textPathPrefix
	textRegex
	textPresent
)

// Text is a condition on one value: exactly one of exact, prefix, path prefix, regex and present. It is made by the
// constructors below; the zero Text matches nothing.
type Text struct {
	kind  textKind
	value string
	regex *regexp.Regexp
}

// Exact matches the value s and no other; case counts.
func Exact(s string) Text { return Text{kind: textExact, value: s} }

// Prefix matches values that begin with s, byte by byte.
func Prefix(s string) Text { return Text{kind: textPrefix, value: s} }

// PathPrefix matches a path by whole elements: "/checkout" takes "/checkout" and "/checkout/x" but not "/checkoutx".
// A slash at its end says nothing; "/" matches every path, also the "*" of OPTIONS.
func PathPrefix(s string) Text {
	return Text{kind: textPathPrefix, value: strings.TrimRight(s, "/")}
}

// Regex matches when the whole value matches the RE2 pattern. The error names a pattern that does not compile.
func Regex(pattern string) (Text, error) {
	// Compiled alone first: inside the group below, "a)|(b" would pass and mean something else.
	if _, err := regexp.Compile(pattern); err != nil {
		return Text{}, fmt.Errorf("compile regex %q: %w", pattern, err)
	}
	whole, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return Text{}, fmt.Errorf("compile regex %q: %w", pattern, err)
	}
	return Text{kind: textRegex, value: pattern, regex: whole}, nil
}

// Present matches every value that is there, an empty one too.
func Present() Text { return Text{kind: textPresent} }

// Literal is the value of an exact condition; false for the other kinds.
func (t Text) Literal() (string, bool) { return t.value, t.kind == textExact }

// PathLiteral is the value of a path prefix, without a slash at its end; false for the other kinds.
func (t Text) PathLiteral() (string, bool) { return t.value, t.kind == textPathPrefix }

// Match says whether the value v fulfils the condition. An absent value (nil) never does.
func (t Text) Match(v []byte) bool {
	if v == nil {
		return false
	}
	switch t.kind {
	case textExact:
		return string(v) == t.value
	case textPrefix:
		return hasPrefix(v, t.value)
	case textPathPrefix:
		return hasPathPrefix(v, t.value)
	case textRegex:
		return t.regex.Match(v)
	case textPresent:
		return true
	default:
		return false
	}
}

// String is the condition in words, for explanations: `prefix "/checkout"`.
func (t Text) String() string {
	switch t.kind {
	case textExact:
		return fmt.Sprintf("exact %q", t.value)
	case textPrefix:
		return fmt.Sprintf("prefix %q", t.value)
	case textPathPrefix:
		return fmt.Sprintf("prefix %q", t.value+"/")
	case textRegex:
		return fmt.Sprintf("regex %q", t.value)
	case textPresent:
		return "present"
	default:
		return "nothing"
	}
}

func hasPrefix(v []byte, prefix string) bool {
	return len(v) >= len(prefix) && string(v[:len(prefix)]) == prefix
}

// hasPathPrefix compares by elements; prefix has no slash at its end, so "/" has become "".
func hasPathPrefix(v []byte, prefix string) bool {
	if prefix == "" {
		return true
	}
	return hasPrefix(v, prefix) && (len(v) == len(prefix) || bytes.IndexByte(v[len(prefix):], '/') == 0)
}
