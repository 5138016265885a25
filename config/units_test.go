package config

import (
	"testing"
	"time"
)

func TestAPercentageIsReadExactlyOrRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want Percent
		ok   bool
	}{
		{"5%", 500, true},
		{"5", 500, true},
		{"0", 0, true},
		{"0%", 0, true},
		{"0.01%", 1, true},
		{"0.5%", 50, true},
		{"33.33%", 3333, true},
		{"1.5", 150, true},
		{"100%", Full, true},
		{"100.00", Full, true},
		{"007%", 700, true},
		{"0.5", 0, false},
		{"0.01", 0, false},
		{"100.01%", 0, false},
		{"101", 0, false},
		{"99999999999999999999%", 0, false},
		{"33.333%", 0, false},
		{".5%", 0, false},
		{"5.%", 0, false},
		{"-5%", 0, false},
		{"+5%", 0, false},
		{"1e1%", 0, false},
		{"5 %", 0, false},
		{"5%%", 0, false},
		{"%", 0, false},
		{"", 0, false},
	} {
		got, err := parsePercent(c.text)
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("parsePercent(%q) = %d, %v; want %d, ok %v", c.text, got, err, c.want, c.ok)
		}
	}
}

func TestEveryPercentageIsReadBackAsWritten(t *testing.T) {
	t.Parallel()
	for p := Percent(0); p <= Full; p++ {
		if got, err := parsePercent(p.String()); err != nil || got != p {
			t.Fatalf("parsePercent(%q) = %d, %v; want %d", p, got, err, p)
		}
	}
}

func TestADurationNeedsAUnitAndIsNeverNegative(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "500ms": 500 * time.Millisecond, "1h30m": 90 * time.Minute, "1.5s": 1500 * time.Millisecond,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "-5s", "+5s", "5 s", "5d", "5sec", "9999999h", "-0s"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", text, got)
		}
	}
}

func TestASizeNeedsABinaryUnit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "1B": 1, "64KiB": 65536, "10MiB": 10 << 20, "1GiB": 1 << 30, "8388607TiB": 8388607 << 40,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("parseSize(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "64KB", "64K", "-1B", "1.5KiB", "8388608TiB", "99999999999999999999B", "1 B", "1B/s"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %v, want an error", text, got)
		}
	}
	if got, err := parseRate("500B/s"); err != nil || got != 500 {
		t.Errorf("parseRate(500B/s) = %v, %v; want 500", got, err)
	}
}

func TestASuggestionIsNearOrAbsent(t *testing.T) {
	t.Parallel()
	known := []string{"address", "name", "limits", "warn", "fast"}
	for got, want := range map[string]string{
		"adress": "address", "adresse": "address", "addrses": "address", "nmae": "name", "NAME": "name", "warning": "warn",
		"fats": "fast", "tls": "", "x": "", "": "", "retry": "",
	} {
		if best := nearest(got, known); best != want {
			t.Errorf("nearest(%q) = %q, want %q", got, best, want)
		}
	}
}
