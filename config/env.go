package config

import (
	"fmt"
	"strings"
)

// expand fills in ${VAR}, ${VAR:-default} and ${VAR:?message}. A variable that is set but empty counts as set only for the
// plain form, as in a shell. What is filled in is not looked at again. The error says what is wrong, without a path.
func expand(s string, env func(string) (string, bool)) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("has a ${ without its }; write ${VAR}, ${VAR:-default} or ${VAR:?message}")
		}
		text, err := variable(inner, env)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		s = after
	}
}

func variable(inner string, env func(string) (string, bool)) (string, error) {
	name, rest, hasRest := strings.Cut(inner, ":")
	if !isVariable(name) || hasRest && !strings.HasPrefix(rest, "-") && !strings.HasPrefix(rest, "?") {
		return "", fmt.Errorf("has %q, which is not known; write ${VAR}, ${VAR:-default} or ${VAR:?message}", "${"+inner+"}")
	}
	text, set := env(name)
	switch {
	case !hasRest && !set:
		return "", fmt.Errorf("needs the environment variable %s, which is not set; set it or write ${%s:-default}", name, name)
	case !hasRest || text != "":
		return text, nil
	case rest[0] == '-':
		return rest[1:], nil
	case rest == "?":
		return "", fmt.Errorf("needs the environment variable %s, which is empty or not set", name)
	default:
		return "", fmt.Errorf("needs the environment variable %s: %s", name, rest[1:])
	}
}

func isVariable(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
