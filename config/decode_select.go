package config

import (
	"errors"
	"strings"

	"gopkg.in/yaml.v3"
)

func (d *decoder) rule(v value, r *Rule) {
	d.object(v, keys{
		"name":     one(d, &r.Name, parseName),
		"internal": maybe(&r.Internal, Internal{}, d.internal),
		"beta":     maybe(&r.Beta, Beta{}, d.beta),
		"segment":  func(v value) { d.segment(v, &r.Segment) },
		"match":    maybe(&r.Match, Condition{}, d.condition),
		"to":       one(d, &r.To, parseName),
		"percent":  one(d, &r.Percent, parsePercent),
		"fromStep": one(d, &r.FromStep, parseCount(0)),
		"measure":  one(d, &r.Measure, parseBool),
	})
	d.required(v, "to", "like to: canary")
	if v.node.Kind == yaml.MappingNode && !d.hasAny(v.path, "internal", "beta", "segment", "match") {
		d.errorf(v.path, "the rule takes nobody; write one of internal, beta, segment, match")
	}
}

func (d *decoder) hasAny(path string, names ...string) bool {
	for _, name := range names {
		if d.has(path + "." + name) {
			return true
		}
	}
	return false
}

func (d *decoder) internal(v value, i *Internal) {
	d.object(v, keys{
		"emailDomains": some(d, &i.EmailDomains, parseEmailDomain),
		"cidrs":        some(d, &i.CIDRs, parsePrefix),
	})
	if v.node.Kind == yaml.MappingNode && !d.hasAny(v.path, "emailDomains", "cidrs") {
		d.errorf(v.path, "takes nobody; write emailDomains or cidrs")
	}
}

func (d *decoder) beta(v value, b *Beta) {
	d.object(v, keys{
		"users":     list(d, &b.Users, parseText),
		"usersFile": one(d, &b.UsersFile, parseText),
	})
	if v.node.Kind == yaml.MappingNode && len(b.Users) == 0 && !d.has(v.path+".usersFile") && !d.broken(v.path) {
		d.errorf(v.path, "takes nobody; write users or usersFile")
	}
}

func (d *decoder) segment(v value, in *[]string) {
	d.object(v, keys{"in": some(d, in, parseSegment)})
	d.required(v, "in", "like in: [free-tier]")
}

// parseSegment refuses what could never match: a header's segments are a comma list, spaces around them left out.
func parseSegment(s string) (string, error) {
	if strings.Contains(s, ",") || strings.TrimSpace(s) != s {
		return "", errors.New("holds a comma or spaces at its ends; write one segment an entry")
	}
	return parseText(s)
}
