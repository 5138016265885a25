package rollout

import (
	"fmt"
	"strings"
)

func refuse(format string, args ...any) error { return &Refused{Reason: fmt.Sprintf(format, args...)} }

func invalid(format string, args ...any) error { return &Invalid{Reason: fmt.Sprintf(format, args...)} }

// command does what a person asks, or says why not. Nothing is judged here, so a fault of the judge never stops an abort.
func (m *machine) command(c *Command) error {
	if c.Verb == "set-weight" {
		return m.setWeight(c)
	}
	verb, ok := map[string]func(*Command) error{
		"start": m.startCommand, "pause": m.pauseCommand, "resume": m.resumeCommand, "approve": m.approveCommand,
		"promote": m.promoteCommand, "abort": m.abortCommand, "retry": m.retryCommand, "undo": m.undoCommand,
	}[c.Verb]
	switch {
	case !ok:
		return invalid("unknown command %q: use start, pause, resume, approve, promote, abort, retry, undo or set-weight", c.Verb)
	case m.plan.Rollout == nil:
		return refuse("route %s has no rollout: only set-weight changes its weights", m.plan.Route)
	case c.Verb == "approve" && (c.Attempt == "" || c.Step == nil || c.Gate == ""):
		return invalid("approve needs attempt, step and gate, so that it opens only what was looked at")
	case c.Attempt != "" && c.Attempt != m.Attempt:
		return refuse("stale: the command is for attempt %s, the present one is %s: look at the status and decide again",
			c.Attempt, orNone(m.Attempt))
	case c.Step != nil && *c.Step != m.Step:
		return refuse("stale: the command is for step %d, the rollout is at step %d: look at the status and decide again", *c.Step, m.Step)
	}
	return verb(c)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// wrongPhase is the answer to a command that has no meaning now.
func (m *machine) wrongPhase(verb, allowed string) error {
	now := string(m.Phase)
	if m.Phase == Paused {
		now = fmt.Sprintf("Paused(%s)", m.Reason)
	}
	return refuse("%s is not possible in %s: %s", verb, now, allowed)
}

func (m *machine) startCommand(c *Command) error {
	lost := m.pausedFor(ReasonStateLost)
	if !m.resting() && !lost {
		return m.wrongPhase("start", "it begins an attempt where none is under way")
	}
	version := m.plan.version(&m.State, m.Canary.Backend)
	if c.Version != "" {
		version = c.Version
	}
	switch {
	case version == "":
		return invalid("%s has no version: give one with --version, or in the file", m.Canary.Backend)
	case !m.startable(version):
		return refuse("version %s is in service already, on %s: give %s a new one", version, m.Stable.Backend, m.Canary.Backend)
	case m.Phase == Succeeded && c.Version == "" && version == m.Left:
		return refuse("%s still has version %s, which was taken out of service: undo gives it the traffic back, --version %s tries it anew",
			m.Canary.Backend, version, version)
	case (m.Phase == Failed || m.Phase == Aborted) && version == m.Canary.Version:
		return refuse("version %s was tried and is %s: use retry to try it again", version, m.Phase)
	}
	if c.Version != "" {
		m.give(m.Canary.Backend, version)
	}
	m.start("start", c.Actor, c.Comment, version)
	return nil
}

// give notes a version that the file does not say.
func (m *machine) give(backend, version string) {
	given := map[string]Given{backend: {Version: version, File: m.plan.fileVersion(backend)}}
	for b, g := range m.Given {
		if b != backend {
			given[b] = g
		}
	}
	m.Given = given
}

func (m *machine) pauseCommand(c *Command) error {
	if m.Phase == Paused || !m.active() {
		return m.wrongPhase("pause", "it stops an attempt that is Waiting, Progressing or Baking")
	}
	d := m.asked("pause", c, ReasonUser)
	m.pause(ReasonUser)
	m.end(d, fmt.Sprintf("Paused%s at %s: the step's clock stops, judging goes on.", by(c), m.shown()))
	return nil
}

func (m *machine) resumeCommand(c *Command) error {
	switch {
	case m.Phase != Paused:
		return m.wrongPhase("resume", "it ends a pause")
	case m.pausedFor(ReasonStateLost):
		return m.wrongPhase("resume", "there is nothing to go back to; use start or abort")
	case m.ledOut("resume", c):
		return nil
	case m.pausedFor(ReasonRolesUnclear):
		d := m.asked("resume", c, ReasonRolesUnclear)
		m.Stable.Version = m.plan.version(&m.State, m.Stable.Backend)
		m.lift(ReasonRolesUnclear)
		m.end(d, fmt.Sprintf("Resumed%s: %s on %s is taken for the version in service.", by(c), m.Stable.Version, m.Stable.Backend))
		return nil
	default:
		return m.wrongPhase("resume", "it resumes by itself when its reason is gone")
	}
}

// ledOut ends the newest pause that a person may end; what made it may make it again.
func (m *machine) ledOut(action string, c *Command) bool {
	for _, reason := range m.Pauses {
		switch reason {
		case ReasonInsufficient: // the gate, or the evidence, is waited for as long again
			m.Waited, m.Counted = 0, m.Held
		case ReasonUser, ReasonCheckFailed:
		default:
			continue
		}
		d := m.asked(action, c, reason)
		m.lift(reason)
		if reason == ReasonCheckFailed {
			m.Asked = ""
		}
		m.end(d, fmt.Sprintf("Resumed%s at %s.", by(c), m.shown()))
		return true
	}
	return false
}

func (m *machine) promoteCommand(c *Command) error {
	baking := m.base() == Baking
	switch {
	case !m.active() || m.pausedFor(ReasonStateReadOnly):
		return m.wrongPhase("promote", "it moves an attempt that is Waiting, Progressing or Paused")
	case !m.in.CanaryUp || m.pausedFor(ReasonCanaryUnavailable):
		return refuse("%s is unavailable: it can't be promoted until it is healthy again", m.Canary.Backend)
	case baking && !c.Full:
		return m.wrongPhase("promote", "the bake is the last step; use promote --full to end it now")
	}
	r := m.plan.Rollout
	d := m.asked("promote", c, ReasonUser)
	for _, reason := range []string{ReasonUser, ReasonCheckFailed, ReasonInsufficient, ReasonStableUnhealthy} {
		if m.pausedFor(reason) {
			m.lift(reason)
		}
	}
	m.Asked = ""
	m.Fast = m.Fast || c.Full
	next := m.Step + 1
	if c.Full {
		next = r.bakeStep()
	}
	said := func() string {
		return fmt.Sprintf("Promoted%s to %s, without waiting for hold or evidence.", by(c), m.shown())
	}
	if baking {
		m.succeed(d, fmt.Sprintf("Promoted%s to 100%% before the bake was over: %s is in service on %s.",
			by(c), m.Canary.Version, m.Canary.Backend))
		return nil
	}
	m.enter(next, d, said)
	return nil
}

func (m *machine) abortCommand(c *Command) error {
	switch {
	case m.base() == RollingBack || m.base() == Aborted:
		return nil // the canary is off the traffic already
	case m.pausedFor(ReasonStateLost):
		m.Canary.Version = m.plan.version(&m.State, m.Canary.Backend)
	case !m.active():
		return m.wrongPhase("abort", "no attempt is under way")
	}
	d := m.asked("abort", c, ReasonUser)
	at := m.shown()
	m.leave(OutcomeAborted, ReasonUser)
	m.end(d, fmt.Sprintf("Aborted%s at %s: all traffic is back on %s.", by(c), at, m.Stable.name()))
	return nil
}

func (m *machine) retryCommand(c *Command) error {
	version := m.plan.version(&m.State, m.Canary.Backend)
	tried := m.Phase == Failed || m.Phase == Aborted || m.Phase == Idle && m.failed(version)
	switch {
	case !tried:
		return m.wrongPhase("retry", "it tries a version again that Failed or was Aborted")
	case !m.startable(version):
		return refuse("version %s is in service already, on %s", version, m.Stable.Backend)
	}
	m.start("retry", c.Actor, c.Comment, version)
	return nil
}

func (m *machine) undoCommand(c *Command) error {
	switch {
	case m.Phase != Succeeded:
		return m.wrongPhase("undo", "it takes a promotion back")
	case m.plan.version(&m.State, m.Canary.Backend) != m.Canary.Version:
		return refuse("%s no longer has the version before, %s", m.Canary.Backend, m.Canary.Version)
	case !m.in.CanaryUp:
		return refuse("%s is unavailable: the traffic can't go back to it", m.Canary.Backend)
	}
	d := m.asked("undo", c, ReasonUser)
	m.Stable, m.Canary = m.Canary, m.Stable
	m.Manual = nil
	m.leave(OutcomeAborted, ReasonUser)
	m.end(d, fmt.Sprintf("Promotion taken back%s: all traffic is on %s again.", by(c), m.Stable.name()))
	return nil
}

func (m *machine) setWeight(c *Command) error {
	var sum Weight
	for name, w := range c.Weights {
		if !m.plan.has(name) {
			return invalid("route %s has no backend %q", m.plan.Route, name)
		}
		sum += min(w, Full+1)
	}
	if sum != Full {
		return invalid("weights have to add up to 100%%, these are %s", sum)
	}
	if m.plan.Rollout != nil && !m.resting() {
		return m.wrongPhase("set-weight", "it needs a rollout at rest")
	}
	d := m.asked("set-weight", c, ReasonUser)
	manual := map[string]Weight{}
	for name, w := range c.Weights {
		if w > 0 {
			manual[name] = w
		}
	}
	m.Manual, m.FileWeights = manual, m.plan.fixed()
	m.end(d, fmt.Sprintf("Weights set%s: %s.", by(c), m.plan.list(manual)))
	return nil
}

// list writes weights in the file's order.
func (p *Plan) list(weights map[string]Weight) string {
	var parts []string
	for _, b := range p.Backends {
		parts = append(parts, fmt.Sprintf("%s %s", b.Name, weights[b.Name]))
	}
	return strings.Join(parts, ", ")
}

// asked begins the decision of a person.
func (m *machine) asked(action string, c *Command, reason string) Decision {
	d := m.begin(action, c.Actor, reason)
	d.Comment = c.Comment
	return d
}
