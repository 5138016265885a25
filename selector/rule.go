package selector

import (
	"bytes"
	"net/netip"
	"strconv"

	"sluice/identity"
	"sluice/request"
)

// Target is where a rule leads: a backend by its index in the route, or a role, which follows the traffic.
type Target int

// The roles, resolved through Split.Stable and Split.Canary.
const (
	ToStable Target = -1
	ToCanary Target = -2
)

// UserList is the users of a beta list. It never changes.
type UserList struct{ users map[string]struct{} }

// NewUserList makes a list of user keys; case counts, and an empty key is left out.
func NewUserList(users []string) *UserList {
	l := &UserList{users: make(map[string]struct{}, len(users))}
	for _, u := range users {
		if u != "" {
			l.users[u] = struct{}{}
		}
	}
	return l
}

// Contains says whether the user is on the list; nobody is on a nil list.
func (l *UserList) Contains(user []byte) bool {
	if l == nil {
		return false
	}
	_, ok := l.users[string(user)]
	return ok
}

// Rule sends the requests it takes to one backend. It takes those that fulfil every kind of condition that is set;
// a rule without any takes nothing.
type Rule struct {
	// Name keeps a percentage's users the same when rules move; without one the rule's place does.
	Name string
	// Reason that its choices carry: Internal, Beta, Segment or Match.
	Reason Reason
	// EmailDomains and CIDRs are one kind: the user's address is in one of the domains exactly, whatever its case, or
	// the client's address in one of the prefixes.
	EmailDomains []string
	CIDRs        []netip.Prefix
	// Users holds the trusted keys of a beta list.
	Users *UserList
	// Segments of which the user must be in one; case counts.
	Segments []string
	// Match is a condition on the request; the zero Condition takes all.
	Match *request.Condition
	// To is where it leads.
	To Target
	// Percent of the users it takes, in basis points; 10000 is all, 0 none. The rest go on to the next rule.
	Percent uint32
	// FromStep is the first step of a trial at which a rule to the canary is in force.
	FromStep int
	// Measure counts its requests as pinned; without it nothing judges them.
	Measure bool
}

// rule is a Rule with the salt of its percentage.
type rule struct {
	Rule
	salt uint64
}

func newRule(route string, index int, r Rule) rule {
	name := r.Name
	if name == "" {
		name = "#" + strconv.Itoa(index)
	}
	return rule{Rule: r, salt: saltOf("rule\x00"+name, route)}
}

// asks says whether the rule depends on who the user is.
func (r *Rule) asks() bool {
	return len(r.EmailDomains) > 0 || r.Users != nil || len(r.Segments) > 0 || r.Percent < fullWeight
}

// takes says whether the rule's conditions hold, its percentage aside.
func (r *rule) takes(v request.View, u *identity.User) bool {
	some := false
	if len(r.EmailDomains) > 0 || len(r.CIDRs) > 0 {
		if !inDomain(r.EmailDomains, u.Email) && (len(r.CIDRs) == 0 || !request.Contains(r.CIDRs, v.Client())) {
			return false
		}
		some = true
	}
	if r.Users != nil {
		if !r.Users.Contains(u.Trusted) {
			return false
		}
		some = true
	}
	if len(r.Segments) > 0 {
		if !inSegment(r.Segments, u.Segment) {
			return false
		}
		some = true
	}
	if r.Match != nil {
		return r.Match.Match(v)
	}
	return some
}

// percentDraw is the rule's own draw of the user, independent of the rollout's. A user without a sticky key is known
// by the identity's, and else drawn afresh.
func (r *rule) percentDraw(k key, u *identity.User) uint64 {
	if !k.sticky && len(u.Key) > 0 {
		return mix(hashKey(u.Key) ^ r.salt)
	}
	return mix(k.hash ^ r.salt)
}

// inDomain compares what follows the last @: in a quoted local part earlier ones may stand (RFC 5322, section 3.4.1).
func inDomain(domains []string, email []byte) bool {
	at := bytes.LastIndexByte(email, '@')
	if at < 1 {
		return false
	}
	for _, d := range domains {
		if equalFold(email[at+1:], d) {
			return true
		}
	}
	return false
}

// equalFold compares ASCII without case. Unicode folding would take characters such as the Kelvin sign for letters.
func equalFold(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// inSegment looks for one of the segments in the comma list.
func inSegment(segments []string, list []byte) bool {
	for more := len(list) > 0; more; {
		var one []byte
		one, list, more = bytes.Cut(list, []byte{','})
		one = bytes.TrimSpace(one)
		for _, s := range segments {
			if string(one) == s {
				return true
			}
		}
	}
	return false
}
