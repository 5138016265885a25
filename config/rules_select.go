package config

import "fmt"

func (d *decoder) selectRules(c *Config, r *Route, path string) {
	first := map[string]int{}
	for i := range r.Select {
		rule := &r.Select[i]
		at := fmt.Sprintf("%s.select[%d]", path, i)
		if j, twice := first[rule.Name]; twice && rule.Name != "" {
			d.errorf(at+".name", "%s is the name of select[%d] too; the draws of percent need names of their own", quote(rule.Name), j)
		}
		first[rule.Name] = i
		if rule.Match != nil {
			d.conditionRules(c, rule.Match, at+".match")
		}
		if rule.To != "" {
			d.targetRule(r, path, at+".to", rule.To)
		}
		d.sourceRules(&c.Identity, rule, at)
		d.fromStepRule(r, rule, path, at)
	}
}

// sourceRules checks that what a rule asks for can be known: plain cookies, query and address serve stickiness only.
func (d *decoder) sourceRules(id *Identity, rule *Rule, at string) {
	if d.broken("identity") {
		return
	}
	if rule.Internal != nil && len(rule.Internal.EmailDomains) > 0 && !isTrusted(id.Email) {
		d.errorf(at+".internal.emailDomains",
			"nothing says who the user is; set identity.email, like [{header: X-User-Email}], and identity.trust, or [{jwt: email}]")
	}
	if rule.Beta != nil && !isTrusted(id.Key) {
		d.errorf(at+".beta",
			"nothing that can be believed says who the user is; set identity.key to a header, like [{header: X-User-Id}], and identity.trust, or to [{jwt: sub}]")
	}
	if len(rule.Segment) > 0 && !isTrusted(id.Segment) {
		d.errorf(at+".segment",
			"nothing says which segments a user is in; set identity.segment, like [{header: X-User-Segment}], and identity.trust, or [{jwt: plan}]")
	}
}

func isTrusted(sources []Source) bool {
	for _, s := range sources {
		if s.Header != "" || s.JWT != "" {
			return true
		}
	}
	return false
}

// fromStepRule refuses a fromStep that says nothing, and one that never comes.
func (d *decoder) fromStepRule(r *Route, rule *Rule, path, at string) {
	at += ".fromStep"
	if !d.has(at) || d.broken(path+".rollout") {
		return
	}
	switch {
	case r.Rollout == nil:
		d.errorf(at, "counts the steps of a rollout, which this route does not have; remove it")
	case rule.To != "canary":
		d.errorf(at, "is about rules that lead to the canary; remove it")
	case rule.FromStep > len(r.Rollout.Steps)+1:
		d.errorf(at, "%d never comes: the rollout has %d steps with the 100%% one", rule.FromStep, len(r.Rollout.Steps)+1)
	}
}
