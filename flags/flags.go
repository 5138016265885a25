// Package flags answers feature flags: which variant a user has is which backend the proxy would send that user's requests to.
//
// It makes a request out of what an application says of a user, and asks the route's own selector in the table that is in force: the same
// rules, the same draw, the same fallback. It counts nothing and keeps nothing. Start at Evaluate; admin/ofrep speaks the protocol.
package flags

import (
	"encoding/json"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"sluice/router"
	"sluice/selector"
)

// Flag is a feature flag.
type Flag struct {
	Key   string
	Route string
	// Variants are the values, JSON, by the backend's name; there is one for each backend of the route.
	Variants map[string]json.RawMessage
}

// Evaluation is what a flag is for a user.
type Evaluation struct {
	// Variant is the backend's name.
	Variant string
	Value   json.RawMessage
	// Reason is what decided, as requests have it. Certain says that neither the user's key nor a draw had a say.
	Reason  selector.Reason
	Certain bool
}

// NoKey is the error where a draw decides and the application says not who the user is.
type NoKey struct{ Flag, Route string }

func (e *NoKey) Error() string {
	return fmt.Sprintf("flag %q: route %q is split by user; set targetingKey in the context to the key that its requests have", e.Flag, e.Route)
}

// Evaluate says what the flag is for a user under the table. The error is *NoKey, or says that the table has no such route.
func Evaluate(t *router.Table, f *Flag, c *Context) (Evaluation, error) {
	r := t.Route(f.Route)
	if r == nil || len(r.Backends) == 0 {
		return Evaluation{}, fmt.Errorf("flag %q: there is no route %q with backends now; ask again after the reload", f.Key, f.Route)
	}
	v := view{context: c, sticky: r.Selector.Sticky()}
	user := c.user()
	choice, certain := r.Selector.Certain(&v, user)
	if !certain {
		if c.TargetingKey == "" {
			return Evaluation{}, &NoKey{Flag: f.Key, Route: f.Route}
		}
		// Where the route has no key of its own its requests are drawn afresh each time; a flag stays what it was for a user.
		h := xxhash.Sum64String(c.TargetingKey)
		choice = r.Selector.Pick(&v, user, selector.Draw{Hi: h, Lo: h})
	}
	out := Evaluation{Reason: choice.Reason, Certain: certain}
	if serving, ok := r.Serving(choice.Backend); ok && serving != choice.Backend {
		choice.Backend, out.Reason = serving, selector.Fallback
	}
	out.Variant = r.Backends[choice.Backend].Name()
	out.Value = f.Variants[out.Variant]
	if out.Value == nil {
		return Evaluation{}, fmt.Errorf("flag %q: there is no variant for backend %q now; ask again after the reload", f.Key, out.Variant)
	}
	return out, nil
}
