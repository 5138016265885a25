package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"sluice/analysis"
)

// defaultMaxWait is Rollout.MaxWait where that is 0.
const defaultMaxWait = 30 * time.Minute

func (p *Plan) has(backend string) bool {
	return slices.ContainsFunc(p.Backends, func(b Backend) bool { return b.Name == backend })
}

// fileVersion is what the file says of the backend.
func (p *Plan) fileVersion(backend string) string {
	for _, b := range p.Backends {
		if b.Name == backend {
			return b.Version
		}
	}
	return ""
}

// version of the backend: what `start --version` gave it, until the file says something new.
func (p *Plan) version(s *State, backend string) string {
	file := p.fileVersion(backend)
	if g, ok := s.Given[backend]; ok && g.File == file {
		return g.Version
	}
	return file
}

// bakeStep is the number of the bake.
func (r *Rollout) bakeStep() int { return len(r.Steps) + 1 }

// at is the step that the state is in: its weight may be another one after a reload.
func (r *Rollout) at(s *State) Step {
	switch {
	case s.base() == Baking:
		return Step{Weight: Full - r.BakeStable, Hold: r.Bake}
	case len(r.Steps) == 0:
		return Step{}
	default:
		return r.Steps[min(max(s.Step, 1), len(r.Steps))-1]
	}
}

// next is the weight that the state's step has to be proven for, in hundredths of a percent: the bake counts as 100 %, and from there nothing
// more is proven.
func (r *Rollout) next(s *State) uint16 {
	switch {
	case s.base() == Baking:
		return 0
	case s.Step < len(r.Steps):
		return uint16(r.Steps[max(s.Step, 0)].Weight)
	default:
		return uint16(Full)
	}
}

func (r *Rollout) maxWait() time.Duration {
	if r.MaxWait > 0 {
		return r.MaxWait
	}
	return defaultMaxWait
}

// policy is the digest of what a running attempt was promised, versions apart.
func (p *Plan) policy() string { return digest(p.Digest, p.Rollout) }

// rules judge the attempts; none where the plan has no rollout.
func (p *Plan) rules() *analysis.Rules {
	if p.Rollout == nil {
		return &analysis.Rules{}
	}
	return &p.Rollout.Rules
}

// fixed is the digest of the file's weights.
func (p *Plan) fixed() string { return digest(p.Weights) }

func digest(parts ...any) string {
	b, err := json.Marshal(parts)
	if err != nil {
		panic("bug: a plan is no JSON: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
