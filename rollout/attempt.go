package rollout

import (
	"fmt"
	"slices"
	"time"
)

// crockford is the alphabet of ULIDs.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// attemptID is a ULID: 48 bits of milliseconds and 80 random bits as 26 characters that sort by time.
func attemptID(now time.Time, random [2]uint64) string {
	var id [26]byte
	ms := uint64(max(now.UnixMilli(), 0))
	for i := 9; i >= 0; i-- {
		id[i] = crockford[ms&31]
		ms >>= 5
	}
	for half, bits := range random { // 40 bits of each
		for i := range 8 {
			id[10+8*half+i] = crockford[bits&31]
			bits >>= 5
		}
	}
	return string(id[:])
}

// start begins an attempt with the version on the free backend.
func (m *machine) start(action, actor, comment, version string) {
	d := m.begin(action, actor, "")
	d.Comment, d.Checks = comment, nil // those of the attempt before
	m.Attempt = attemptID(m.in.Now, m.in.Random)
	d.Attempt = m.Attempt
	m.Outcome, m.Reason, m.Back, m.Pauses, m.Fast, m.Outages, m.Manual = "", "", "", nil, false, 0, nil
	m.Canary.Version, m.Config = version, m.plan.policy()
	m.StartedAt, m.Step, m.Weight = m.in.Now, 0, 0
	m.Phase, m.Waivers, m.Asked = Waiting, nil, ""
	m.Evidence, m.AB, m.RatioTold, m.RatioEvidence = &Evidence{}, nil, false, 0
	m.renew()
	if actor != actorConfig { // who starts it by hand wants its first step
		m.Approvals = []Approval{{Gate: PersonGate, Actor: actor, At: m.in.Now}}
	}
	i, stop, ok := m.nextStop(m.plan.Rollout)
	hook, hooked := m.nextHook(m.plan.Rollout)
	switch {
	case ok:
		d.Reason = stop.kind()
		m.stand(i, stop)
		m.end(d, fmt.Sprintf("Started %s on %s: before its first traffic, %s.", version, m.Canary.Backend, stop.inWords()))
	case !m.in.CanaryUp:
		d.Reason = "health"
		m.end(d, fmt.Sprintf("Started %s on %s: it waits for a healthy endpoint before its first traffic.", version, m.Canary.Backend))
	case hooked:
		d.Reason = ReasonWebhook
		m.await(hook)
		m.end(d, fmt.Sprintf("Started %s on %s: before its first traffic, waiting for webhook %s.", version, m.Canary.Backend, hook.Name))
	default:
		m.enter(1, d, m.started)
	}
}

// enter begins step k; the one after the last is the bake. The sentence is made when the new weight is known.
func (m *machine) enter(k int, d Decision, sentence func() string) {
	r := m.plan.Rollout
	phase, weight := Baking, max(m.Weight, Full-r.BakeStable)
	switch {
	case k < r.bakeStep():
		phase, weight = Progressing, r.Steps[k-1].Weight
	case r.Bake <= 0:
		m.succeed(d, m.promoted())
		return
	}
	m.Step, m.Weight = k, weight
	if m.Phase == Paused {
		m.Back = phase
	} else {
		m.Phase = phase
	}
	m.renew()
	m.end(d, sentence())
}

// renew begins the clock and the numbers of a weight.
func (m *machine) renew() {
	m.StepStartedAt, m.Held, m.Age = m.in.Now, 0, 0
	m.Checks, m.Requests, m.Needed, m.NeededTime = nil, 0, 0, 0
	m.Counted, m.Unproven, m.Warned = 0, false, false
	m.leaveStops()
}

func (m *machine) advance(r *Rollout) {
	why, reason, how := m.passed(r), "", ""
	if r.AB != nil {
		why = "the canary wins the A/B test " + m.result()
	}
	if m.Unproven {
		reason, how = ReasonInsufficient, " without enough evidence"
	}
	m.enter(m.Step+1, m.begin("advance", actorAnalysis, reason), func() string {
		to := m.shown().String()
		if m.base() == Baking {
			to += ", the bake"
		}
		return fmt.Sprintf("Advanced to %s%s: %s.", to, how, why)
	})
}

// succeed exchanges the roles: the one in service is stable.
func (m *machine) succeed(d Decision, sentence string) {
	m.Phase, m.Back, m.Pauses, m.Reason = Succeeded, "", nil, ""
	m.Outcome = Promoted
	if m.Fast {
		m.Outcome = FastPromoted
	}
	m.remember(m.Canary.Version)
	m.Stable, m.Canary = m.Canary, m.Stable
	m.Left = m.Canary.Version
	m.Step, m.Weight, m.Evidence = m.plan.Rollout.bakeStep(), Full, nil
	m.StepStartedAt, m.Held, m.Age, m.Unproven, m.Asked = m.in.Now, 0, 0, false, ""
	m.leaveStops()
	m.end(d, sentence)
}

func (m *machine) rollback(reason, sentence string) {
	d := m.begin("rollback", actorAnalysis, reason)
	m.leave(RolledBack, reason)
	m.end(d, sentence)
}

// leave takes the canary off the traffic for good. Weight and outcome are set at once, the phase lasts until its requests are done.
func (m *machine) leave(o Outcome, reason string) {
	m.Phase, m.Back, m.Pauses = RollingBack, "", nil
	m.Outcome, m.Reason, m.Weight, m.Away = o, reason, 0, 0
	m.Unproven, m.Asked, m.Evidence = false, "", nil
	m.leaveStops()
	if o != OutcomeSuperseded {
		m.remember(m.Canary.Version)
	}
}

func (m *machine) remember(version string) {
	tried := append(slices.Clone(m.Tried), Trial{Version: version, Attempt: m.Attempt, Outcome: m.Outcome, At: m.in.Now})
	m.Tried = tried[max(0, len(tried)-maxTried):]
}

// takeBack gives the traffic back to the file's stable backend, which has the promoted version now.
func (m *machine) takeBack() {
	d := m.begin("promote", actorConfig, ReasonPromotedVersion)
	m.Stable, m.Canary = m.Canary, m.Stable
	m.Stable.Version = m.Canary.Version
	m.Canary.Version = m.plan.version(&m.State, m.Canary.Backend)
	m.toIdle()
	m.end(d, fmt.Sprintf("%s has the version in service, %s, and takes the traffic back from %s.",
		m.Stable.Backend, m.Stable.Version, m.Canary.Backend))
}

// idle forgets the attempt that ended, for another version.
func (m *machine) idle(version string) {
	d := m.begin("reload", actorConfig, ReasonNewVersion)
	m.toIdle()
	m.Canary.Version = version
	next := "it waits for a start"
	if m.failed(version) {
		next = "it failed here before, only retry tries it again"
	}
	m.end(d, fmt.Sprintf("%s has version %s: %s.", m.Canary.Backend, version, next))
}

func (m *machine) toIdle() {
	m.Phase, m.Back, m.Pauses, m.Reason, m.Outcome, m.Attempt = Idle, "", nil, "", "", ""
	m.Step, m.Weight, m.StartedAt, m.Checks, m.Requests = 0, 0, time.Time{}, nil, 0
	m.renew()
}
