package config

import (
	"errors"
	"strings"
	"time"
)

// parseTTL reads a cookie's life; Max-Age has whole seconds.
func parseTTL(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && d < time.Second {
		return 0, errors.New("must be at least 1s")
	}
	return d, err
}

// parseCookieDomain reads the Domain attribute; "" is none.
func parseCookieDomain(s string) (string, error) {
	if s != "" && !domain.MatchString(strings.ToLower(strings.TrimPrefix(s, "."))) {
		return "", errors.New("is no domain; write it like example.com")
	}
	return s, nil
}

// parseCookiePath reads the Path attribute, which a ; would end.
func parseCookiePath(s string) (string, error) {
	if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, ";") {
		return "", errors.New("must begin with / and hold no semicolon")
	}
	return s, printable(s)
}
