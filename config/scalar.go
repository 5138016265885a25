package config

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// one reads a value that a parser understands; its error goes on after the quoted text.
func one[T any](d *decoder, to *T, parse func(string) (T, error)) func(value) {
	return called(d, to, parse, func(v value, text string) string { return quoteSource(v.node.Value, text) })
}

// called is one whose error calls the value what name says.
func called[T any](d *decoder, to *T, parse func(string) (T, error), name func(v value, text string) string) func(value) {
	return func(v value) {
		text, ok := d.scalar(v)
		if !ok {
			return
		}
		if d.record != nil {
			d.record.scalar(v.path, fmt.Sprintf("%T", *to), wordsOf(parse))
		}
		x, err := parse(text)
		if err != nil {
			d.errorf(v.path, "%s %v", name(v, text), err)
			return
		}
		*to = x
	}
}

// list reads a list of such values; it replaces a default.
func list[T any](d *decoder, to *[]T, parse func(string) (T, error)) func(value) {
	return func(v value) {
		*to = nil
		d.each(v, func(_ int, entry value) {
			var x T
			before := len(d.found)
			one(d, &x, parse)(entry)
			if len(d.found) == before {
				*to = append(*to, x)
			}
		})
	}
}

// some is list, and an empty list is an error: it would match nothing, or everything, and nobody could tell which was meant.
func some[T any](d *decoder, to *[]T, parse func(string) (T, error)) func(value) {
	return func(v value) {
		list(d, to, parse)(v)
		if v.node.Kind == yaml.SequenceNode && len(v.node.Content) == 0 {
			d.errorf(v.path, "the list is empty; name at least one, or leave the key out")
		}
	}
}

// maybe reads a struct into a pointer that is nil when the key is left out.
func maybe[T any](to **T, initial T, read func(value, *T)) func(value) {
	return func(v value) {
		*to = &initial
		read(v, *to)
	}
}

// into reads a struct that has its defaults already.
func into[T any](to *T, read func(value, *T)) func(value) {
	return func(v value) { read(v, to) }
}

// listOf reads a list of structs, each beginning with the defaults.
func listOf[T any](d *decoder, to *[]T, initial func() T, read func(value, *T)) func(value) {
	return func(v value) {
		*to = nil
		d.each(v, func(i int, entry value) {
			*to = append(*to, initial())
			read(entry, &(*to)[i])
		})
	}
}

func zero[T any]() T { var t T; return t }

// quoteSource shows what was read and, where variables were filled in, what is written.
func quoteSource(written, text string) string {
	if written == text {
		return quote(text)
	}
	return fmt.Sprintf("%s (from %s)", quote(text), quote(written))
}

// parseText takes any text of one line that is not empty.
func parseText(s string) (string, error) {
	if s == "" {
		return "", errors.New("is empty")
	}
	return s, printable(s)
}

func printable(s string) error {
	if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		return errors.New("holds a control character or a line end")
	}
	return nil
}

// parseVersion keeps the text as it is; it becomes a label of metrics.
func parseVersion(s string) (string, error) {
	if len(s) > 128 {
		return "", errors.New("is longer than 128 bytes")
	}
	return parseText(s)
}

// oneOf takes one of the words; what is promised but not built yet says so.
func oneOf(words []string, notYet ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		switch {
		case s == whichWords:
			return "", wordList(words)
		case slices.Contains(words, s):
			return s, nil
		case slices.Contains(notYet, s):
			return "", fmt.Errorf("is not built yet; so far: %s", strings.Join(words, ", "))
		default:
			return "", errors.New("is not known" + suggestion(s, words))
		}
	}
}

var (
	routeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	token     = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // RFC 9110, section 5.6.2
	domain    = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)
)

func parseRouteName(s string) (string, error) {
	if routeName.MatchString(s) {
		return s, nil
	}
	if low := strings.ToLower(s); routeName.MatchString(low) {
		return "", fmt.Errorf("has capital letters; did you mean %q?", low)
	}
	return "", errors.New("is no route name; write at most 63 of a-z, 0-9 and -, not beginning with -")
}

func parseName(s string) (string, error) {
	if !plainName.MatchString(s) {
		return "", errors.New("is no name; write at most 63 letters, digits, '.', '_' and '-', beginning with a letter or digit")
	}
	return s, nil
}

func parseToken(s string) (string, error) {
	if !token.MatchString(s) {
		return "", errors.New("is no name of a header or cookie; write letters, digits and -")
	}
	return s, nil
}

// parsePrefix reads a network like 10.0.0.0/8.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err == nil && p == p.Masked() && !p.Addr().Is4In6() {
		return p, nil
	}
	if err == nil && !p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("has bits behind its length; did you mean %s?", p.Masked())
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" && !a.Is4In6() {
		return netip.Prefix{}, fmt.Errorf("is one address; did you mean %s/%d?", a, a.BitLen())
	}
	return netip.Prefix{}, errors.New("is no network; write it like 10.0.0.0/8 or 2001:db8::/32")
}
