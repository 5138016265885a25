package config

import (
	"fmt"
	"slices"
)

// rules checks what is about more than one key. It runs on what could be read, also after errors, so that all mistakes are
// named at once; a rule leaves out what is broken already.
func (d *decoder) rules(c *Config) {
	d.listenerRules(c)
	d.acmeRules(c)
	if c.State.Dir == "" && !d.broken("state") {
		d.errorf("state.dir",
			"there is no default here: neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set; write state: {dir: /var/lib/sluice}")
	}
	d.tokenRules(&c.Admin)
	d.jwtRules(&c.Identity)
	if c.Admin.TokenFile == "" && len(c.Admin.Tokens) == 0 && !isLoopback(c.Admin.Address) && !d.broken("admin") {
		d.errorf("admin.address", "%s can be reached from other machines; set admin.tokenFile or admin.tokens, or use 127.0.0.1 or unix:PATH",
			quote(c.Admin.Address))
	}
	first := map[string]int{}
	for i := range c.Routes {
		r := &c.Routes[i]
		path := fmt.Sprintf("routes[%d]", i)
		if j, twice := first[r.Name]; twice && r.Name != "" {
			d.errorf(path+".name", "%s is the name of routes[%d] too; names are unique", quote(r.Name), j)
		} else {
			first[r.Name] = i
		}
		d.routeRules(c, r, path)
	}
	d.flagRules(c)
}

func (d *decoder) tokenRules(a *Admin) {
	names := map[string]int{}
	for i, t := range a.Tokens {
		if j, twice := names[t.Name]; twice && t.Name != "" {
			d.errorf(fmt.Sprintf("admin.tokens[%d].name", i), "%s is the name of admin.tokens[%d] too; the journal has to tell them apart", quote(t.Name), j)
		}
		names[t.Name] = i
	}
}

func (d *decoder) listenerRules(c *Config) {
	if len(c.Listeners) == 0 && !d.broken("listeners") {
		d.errorf("listeners", "the list is empty; leave the key out for one on :8080")
	}
	names, addresses := map[string]int{}, map[string]int{}
	for i, l := range c.Listeners {
		path := fmt.Sprintf("listeners[%d]", i)
		if d.broken(path) {
			continue
		}
		if j, twice := names[l.Name]; twice {
			d.errorf(path+".name", "%s is the name of listeners[%d] too; give it another", quote(l.Name), j)
		}
		names[l.Name] = i
		// Port 0 is another free port each time.
		if j, twice := addresses[l.Address]; twice && !hasPortZero(l.Address) {
			d.errorf(path+".address", "%s is the address of listeners[%d] too; give it another", quote(l.Address), j)
		}
		addresses[l.Address] = i
		d.protocolRules(&c.Listeners[i], path)
	}
	if i, twice := addresses[c.Admin.Address]; twice && !hasPortZero(c.Admin.Address) {
		d.errorf("admin.address", "%s is the address of listeners[%d] too; the operators' port is one of its own", quote(c.Admin.Address), i)
	}
}

// protocolRules checks that what is spoken goes with TLS, or with its absence.
func (d *decoder) protocolRules(l *Listener, path string) {
	switch {
	case l.TLS == nil && slices.Contains(l.Protocols, "h2"):
		d.errorf(path+".protocols", `"h2" is agreed on in a TLS handshake, so it needs tls; without, write "h2c"`)
	case l.TLS != nil && slices.Contains(l.Protocols, "h2c"):
		d.errorf(path+".protocols", `"h2c" is HTTP/2 without TLS; with tls, write "h2"`)
	case l.TLS != nil && l.RedirectToTLS:
		d.errorf(path+".redirectToTLS", "is for a plain listener, this one has tls; remove the key")
	}
}

func hasPortZero(address string) bool { return len(address) > 1 && address[len(address)-2:] == ":0" }

func (d *decoder) routeRules(c *Config, r *Route, path string) {
	for i := range r.Match {
		d.conditionRules(c, &r.Match[i], fmt.Sprintf("%s.match[%d]", path, i))
	}
	if r.Rollout != nil {
		d.rolloutRules(r, path)
		d.strategyRules(r, path)
	}
	d.resourceRules(r, path)
	d.weightRules(r, path)
	d.againRules(r, path)
	d.mirrorRules(r, path)
	d.changeRules(r, path)
	d.stickyRules(c, &r.Sticky, path+".sticky")
	d.selectRules(c, r, path)
	d.conversionRules(c, r, path)
	if d.has(path+".fallback") && !d.broken(path+".fallback") {
		d.targetRule(r, path, path+".fallback", r.Fallback)
	}
}

// conditionRules checks that listeners exist.
func (d *decoder) conditionRules(c *Config, m *Condition, path string) {
	if d.broken("listeners") {
		return
	}
	var names []string
	for _, l := range c.Listeners {
		names = append(names, l.Name)
	}
	for _, name := range m.Listeners {
		if !slices.Contains(names, name) {
			d.errorf(path+".listeners", "there is no listener %s%s", quote(name), suggestion(name, names))
		}
	}
}

// targetRule checks where something leads: to a role where there are roles, else to a backend.
func (d *decoder) targetRule(r *Route, route, path, to string) {
	names := backendNames(r)
	switch {
	case r.Rollout == nil:
		if !slices.Contains(names, to) && !d.broken(route+".backends") {
			d.errorf(path, "there is no backend %s%s", quote(to), suggestion(to, names))
		}
	case to == "stable" || to == "canary":
	case to == r.Rollout.Stable:
		d.errorf(path, `%s: with a rollout this names a role, which follows the traffic; did you mean "stable"?`, quote(to))
	case to == r.Rollout.Canary:
		d.errorf(path, `%s: with a rollout this names a role, which follows the traffic; did you mean "canary"?`, quote(to))
	default:
		d.errorf(path, "%s: with a rollout this names a role; write stable or canary", quote(to))
	}
}

func backendNames(r *Route) []string {
	var names []string
	for _, b := range r.Backends {
		names = append(names, b.Name)
	}
	return names
}

func (d *decoder) stickyRules(c *Config, s *Sticky, path string) {
	if d.broken(path) {
		return
	}
	if slices.Contains(s.By, "header") && s.Header == "" {
		d.errorf(path+".by", "header needs sticky.header, the field to read")
	}
	if slices.Contains(s.By, "query") && s.Query == "" {
		d.errorf(path+".by", "query needs sticky.query, the parameter to read")
	}
	if slices.Contains(s.By, "identity") && len(c.Identity.Key) == 0 && !d.broken("identity") {
		d.errorf(path+".by", "identity needs identity.key, the headers or cookies that say who the user is")
	}
	if s.Cookie.SameSite == "None" && s.Cookie.Secure == "false" {
		d.errorf(path+".cookie.sameSite", `"None" needs secure: browsers drop such a cookie; set secure: true or sameSite: Lax`)
	}
}
