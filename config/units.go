package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Percent is a share in basis points: 10000 is 100 %.
type Percent uint32

// Full is 100 %.
const Full Percent = 10000

// String is the share as the file writes it: "5%", "0.05%".
func (p Percent) String() string { return p.number() + "%" }

func (p Percent) number() string { return strconv.FormatFloat(float64(p)/100, 'f', -1, 64) }

// The parsers below turn a scalar's text into a value. Their errors go on after the quoted text: `"5m" is no number …`.

// parsePercent reads "5%", "0.05%" and a bare "5". A bare number between 0 and 1 may be a share or a percentage, so it is neither.
func parsePercent(s string) (Percent, error) {
	digits, hasSign := strings.CutSuffix(s, "%")
	whole, fraction, hasPoint := strings.Cut(digits, ".")
	if !isDigits(whole) || hasPoint && !isDigits(fraction) {
		return 0, errors.New("is no percentage; write it like 5% or 0.25%")
	}
	if len(fraction) > 2 {
		return 0, errors.New("is too exact: a percentage has at most two decimals, like 33.33%")
	}
	n, err := strconv.ParseUint(whole, 10, 16)
	if err != nil || n > 100 {
		return 0, errors.New("is more than 100%")
	}
	cents, _ := strconv.ParseUint((fraction + "00")[:2], 10, 8)
	p := Percent(n*100 + cents)
	if p > Full {
		return 0, errors.New("is more than 100%")
	}
	if !hasSign && p > 0 && p < 100 {
		return 0, fmt.Errorf("is ambiguous; write %s or %s", p, p*100)
	}
	return p, nil
}

// parseDuration reads Go's durations that are not negative: "500ms", "1h30m", "0".
func parseDuration(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil && s[0] != '-' && s[0] != '+' {
		return d, nil
	}
	if isDigits(s) {
		return 0, fmt.Errorf("has no unit; write %ss, %sm or %sms", s, s, s)
	}
	if days, ok := strings.CutSuffix(s, "d"); ok && isDigits(days) {
		if n, err := strconv.Atoi(days); err == nil && n < 36500 {
			return 0, fmt.Errorf("has the unit d, which is not known; write %dh", n*24)
		}
	}
	return 0, errors.New("is no duration; write it like 500ms, 10s, 10m or 1h30m")
}

// positive refuses zero.
func positive(parse func(string) (time.Duration, error)) func(string) (time.Duration, error) {
	return func(s string) (time.Duration, error) {
		d, err := parse(s)
		if err == nil && d == 0 {
			return 0, errors.New("must be longer than 0")
		}
		return d, err
	}
}

// sizeUnits are bytes a unit, longest suffix first.
var sizeUnits = []struct {
	name  string
	bytes uint64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"B", 1}}

// parseSize reads "64KiB" into bytes.
func parseSize(s string) (int64, error) { return parseBytes(s, "") }

// parseRate reads "500B/s" into bytes per second.
func parseRate(s string) (int64, error) { return parseBytes(s, "/s") }

func parseBytes(s, per string) (int64, error) {
	if s == "0" {
		return 0, nil
	}
	wrong := fmt.Errorf("is no size; write it like 500B%s, 64KiB%s or 1MiB%s", per, per, per)
	if isDigits(s) {
		return 0, fmt.Errorf("has no unit; write %sB%s", s, per)
	}
	body, ok := strings.CutSuffix(s, per)
	if !ok {
		return 0, wrong
	}
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(body, u.name)
		if !ok || !isDigits(digits) {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > math.MaxInt64/u.bytes {
			return 0, errors.New("is too large")
		}
		return int64(n * u.bytes), nil
	}
	for _, decimal := range []string{"k", "kB", "KB", "K", "m", "MB", "M", "g", "GB", "G"} {
		if digits, ok := strings.CutSuffix(body, decimal); ok && isDigits(digits) {
			return 0, fmt.Errorf("has a unit that is not known; did you mean %s%siB%s?", digits, strings.ToUpper(decimal[:1]), per)
		}
	}
	return 0, wrong
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, errors.New("is neither true nor false")
	}
}

// parseCount reads a whole number, at least least.
func parseCount(least int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.ParseUint(s, 10, 31)
		if !isDigits(s) || err != nil {
			return 0, errors.New("is no whole number between 0 and 2147483647")
		}
		if int(n) < least {
			return 0, fmt.Errorf("must be at least %d", least)
		}
		return int(n), nil
	}
}

func parseRequests(s string) (uint64, error) {
	n, err := parseCount(0)(s)
	return uint64(n), err
}

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
