package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Role is what the holder of a token may do.
type Role string

// The roles. Who operates may read too.
const (
	Read    Role = "read"
	Operate Role = "operate"
)

// Token lets its holder in.
type Token struct {
	// Name is the actor of what its holder changes; "" leaves the actor to the caller.
	Name   string
	Role   Role
	Secret string
}

// holder is a token without its secret.
type holder struct {
	name   string
	role   Role
	digest [sha256.Size]byte
}

// CheckTokens refuses secrets that two tokens share, and none at an address that others can reach.
func (s *Server) CheckTokens(tokens []Token) error { return checkTokens(tokens, s.listener.Addr()) }

// SetTokens replaces the tokens by others that CheckTokens lets pass.
func (s *Server) SetTokens(tokens []Token) { s.guard.setTokens(tokens) }

func (g *guard) setTokens(tokens []Token) {
	holders := make([]holder, 0, len(tokens))
	for _, t := range tokens {
		holders = append(holders, holder{name: t.Name, role: t.Role, digest: sha256.Sum256([]byte(t.Secret))})
	}
	g.holders.Store(&holders)
}

// caller is whose token the request shows, or the reason why it is not answered. All digests are compared, so that neither a token nor
// its length shows in the time taken. Without any token everybody operates, under the name they give.
func (g *guard) caller(r *http.Request) (holder, *Problem) {
	holders := *g.holders.Load()
	if len(holders) == 0 {
		return holder{role: Operate}, nil
	}
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	digest := sha256.Sum256([]byte(strings.TrimSpace(shown)))
	found := -1
	for i := range holders {
		if subtle.ConstantTimeCompare(digest[:], holders[i].digest[:]) == 1 {
			found = i
		}
	}
	if found < 0 || !strings.EqualFold(scheme, "Bearer") {
		return holder{}, problem(http.StatusUnauthorized, "this admin API needs a token: Authorization: Bearer TOKEN (sluice: --token-file)")
	}
	return holders[found], nil
}

func (h *holder) may(e *endpoint) *Problem {
	if e.changes && h.role != Operate {
		return problem(http.StatusForbidden, "token %q may read only: this needs one with the role operate", h.name)
	}
	return nil
}

type holderKey struct{}

func withHolder(r *http.Request, h holder) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), holderKey{}, h))
}

// actorOf is who the journal names: the token's holder, else who the caller says to be.
func actorOf(r *http.Request, said string) string {
	if h, ok := r.Context().Value(holderKey{}).(holder); ok && h.name != "" {
		return h.name
	}
	if said == "" {
		return "api"
	}
	return said
}

func checkTokens(tokens []Token, at net.Addr) error {
	if len(tokens) == 0 && !private(at) {
		const refusal = "admin API on %s: others can reach this address and there is no token: set admin.tokenFile or admin.tokens, or use 127.0.0.1 or unix:PATH"
		return fmt.Errorf(refusal, at)
	}
	for i, t := range tokens {
		if t.Secret == "" {
			return fmt.Errorf("admin token %q is empty", t.Name)
		}
		for _, other := range tokens[:i] {
			if other.Secret == t.Secret {
				return fmt.Errorf("admin tokens %q and %q are the same: whose it is can't be told, give each its own", other.Name, t.Name)
			}
		}
	}
	return nil
}
