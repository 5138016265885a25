package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

var webhookTypes = []string{
	"confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "post-rollout", "rollback", "event",
}

func (d *decoder) webhook(v value, w *Webhook) {
	d.object(v, keys{
		"type":           one(d, &w.Type, oneOf(webhookTypes)),
		"url":            secret(d, &w.URL, parseCallURL),
		"timeout":        one(d, &w.Timeout, parsePatience),
		"retries":        one(d, &w.Retries, parseRetries),
		"metadata":       func(v value) { d.metadata(v, &w.Metadata) },
		"secretFile":     one(d, &w.SecretFile, parseText),
		"allowLinkLocal": one(d, &w.AllowLinkLocal, parseBool),
	})
	d.required(v, "type", "like type: pre-rollout")
	d.required(v, "url", "like url: http://ci.example.com/smoke")
	if v := v.path; d.has(v+".retries") && w.Type != "pre-rollout" && w.Type != "rollout" && !d.broken(v) {
		d.errorf(v+".retries", "says nothing with type: %s, which is asked, or told, again and again; remove it", w.Type)
	}
}

func (d *decoder) metadata(v value, to *map[string]string) {
	*to = map[string]string{}
	for _, p := range d.pairs(v) {
		if text, ok := d.scalar(p.value); ok {
			d.record.scalar(p.value.path, "string", nil)
			(*to)[p.name] = text
		}
	}
}

func (d *decoder) gateWebhook(v value, w *GateWebhook) {
	d.object(v, keys{
		"url":      secret(d, &w.URL, parseCallURL),
		"interval": one(d, &w.Interval, parsePatience),
	})
	d.required(v, "url", "like url: http://ci.example.com/approved")
}

func (d *decoder) alert(v value, a *Alert) {
	d.object(v, keys{
		"type":     one(d, &a.Type, oneOf([]string{"slack", "teams", "discord", "alertmanager", "webhook"})),
		"url":      secret(d, &a.URL, parseCallURL),
		"severity": one(d, &a.Severity, oneOf([]string{"info", "warn", "error"})),
	})
	d.required(v, "type", "like type: slack")
	d.required(v, "url", `like url: "${SLACK_URL}"`)
}

// secret is one for a value that no message may show.
func secret(d *decoder, to *string, parse func(string) (string, error)) func(value) {
	return called(d, to, parse, func(value, string) string { return "the URL" })
}

// parseCallURL reads an address that is called. Its errors don't quote it: what is in it may be a secret.
func parseCallURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "", errors.New("is empty")
	case err != nil || printable(s) != nil:
		return "", errors.New("is none; write it like https://ci.example.com/hook")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("must begin with http:// or https://")
	case u.Hostname() == "":
		return "", errors.New("has no host; write it like https://ci.example.com/hook")
	case u.Fragment != "" || strings.Contains(s, "#"):
		return "", errors.New("has a #, which is never sent; remove it and what follows")
	}
	return s, nil
}

// parsePatience bounds what is waited for.
func parsePatience(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && (d < 10*time.Millisecond || d > time.Hour) {
		return 0, errors.New("must be between 10ms and 1h")
	}
	return d, err
}

func parseRetries(s string) (int, error) {
	n, err := parseCount(0)(s)
	if err == nil && n > 20 {
		return 0, errors.New("is more than 20")
	}
	return n, err
}

// parsePublicURL reads where people reach the page; links are made by adding to it.
func parsePublicURL(s string) (string, error) {
	s, err := parseCallURL(s)
	if err != nil {
		return "", err
	}
	if u, _ := url.Parse(s); u.RawQuery != "" || u.User != nil {
		return "", errors.New("has a query or a user; write it like https://sluice.ops.example")
	}
	return strings.TrimRight(s, "/"), nil
}

// HookName is what messages call webhook i, and what approve names: its type, with a number from the second of a type on.
func (r *Rollout) HookName(i int) string {
	n := 1
	for _, w := range r.Webhooks[:i] {
		if w.Type == r.Webhooks[i].Type {
			n++
		}
	}
	if n == 1 {
		return r.Webhooks[i].Type
	}
	return fmt.Sprintf("%s-%d", r.Webhooks[i].Type, n)
}

// webhookRules: approve names a webhook that fails like a check or a gate, so that no name may mean two of them.
func (d *decoder) webhookRules(r *Rollout, path string) {
	if r.Decision != "hybrid" {
		return
	}
	for i, w := range r.Webhooks {
		name := r.HookName(i)
		check := slices.ContainsFunc(r.Analysis.Checks, func(c Check) bool { return c.Name == name })
		gate := slices.ContainsFunc(r.Stops, func(s Stop) bool { return s.Gate == name })
		if (w.Type == "pre-rollout" || w.Type == "rollout") && (check || gate) {
			d.errorf(fmt.Sprintf("%s.webhooks[%d]", path, i), "a check or a gate has its name, %s, and approve could mean either; rename that one", quote(name))
		}
	}
}
