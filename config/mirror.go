package config

// Mirror copies requests to another backend. Its answers go nowhere, and no request waits for them.
type Mirror struct {
	// To gets the copies: "stable" or "canary" (the roles) with a rollout, else a backend. Required.
	To string
	// Percent of the requests that go elsewhere. Default 100 %.
	Percent Percent
	// BodyBytes is the longest request body that is copied. Default 64KiB.
	BodyBytes int64
	// Methods that are copied. Default GET, HEAD.
	Methods []string
}

func defaultMirror() Mirror {
	return Mirror{Percent: Full, BodyBytes: 64 << 10, Methods: []string{"GET", "HEAD"}}
}

func (d *decoder) mirror(v value, m *Mirror) {
	d.object(v, keys{
		"to":        one(d, &m.To, parseName),
		"percent":   one(d, &m.Percent, parsePercent),
		"bodyBytes": one(d, &m.BodyBytes, parseSize),
		"methods":   some(d, &m.Methods, oneOf([]string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"})),
	})
	d.required(v, "to", "like mirror: {to: canary}")
}

// mirrorRules checks where copies lead.
func (d *decoder) mirrorRules(r *Route, path string) {
	at := path + ".mirror"
	if r.Mirror == nil || r.Redirect != nil || d.broken(at) {
		return
	}
	d.targetRule(r, path, at+".to", r.Mirror.To)
}
