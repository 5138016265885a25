package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// describe says what a node is, for "… is needed".
func describe(n *yaml.Node) string {
	switch {
	case !knownTag(n):
		return fmt.Sprintf("the tag %s is not known here; remove it", quote(n.Tag))
	case n.Kind == yaml.MappingNode:
		return "is a map"
	case n.Kind == yaml.SequenceNode:
		return "is a list"
	case n.Kind == yaml.AliasNode:
		return "is an alias"
	case isNull(n):
		return "has no value"
	default:
		return quote(n.Value) + " is one value"
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// knownTag refuses tags that ask for a meaning (!env, !!binary); "5" may carry the one it has anyway.
func knownTag(n *yaml.Node) bool {
	if n.Style&yaml.TaggedStyle == 0 {
		return true
	}
	return slices.Contains([]string{"!!str", "!!int", "!!float", "!!bool", "!!map", "!!seq"}, n.Tag)
}

// quote shows a text in a message: on one line, and not without end.
func quote(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return fmt.Sprintf("%q…", string(r[:most]))
	}
	return fmt.Sprintf("%q", s)
}

// oneLine replaces what would break a line or a terminal; keys and parts of values stand in messages as they are written.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, s)
}
