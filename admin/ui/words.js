// Sentences: what a rollout does, and why it holds.

import {seconds, span, about, count, named, percent} from './format.js';

/** tone is the colour of a phase; the words say it too. */
export const tone = {
  Idle: 'calm', Waiting: 'wait', Progressing: 'go', Paused: 'wait', Baking: 'go', Succeeded: 'good', RollingBack: 'bad', Failed: 'bad',
  Aborted: 'bad', Superseded: 'calm',
};

export const active = (r) => ['Waiting', 'Progressing', 'Paused', 'Baking'].includes(r.phase);

/** canaryShare is the canary's weight in force: the rollout's own while it runs. */
export function headline(r) {
  const step = r.step ? `step ${r.step} of ${r.steps}` : `before step 1 of ${r.steps}`;
  switch (r.phase) {
    case 'Waiting': case 'Progressing': case 'Paused':
      return `${percent(r.weight)} on ${named(r.canary)}, ${step}`;
    case 'Baking': return `${percent(r.weight)} on ${named(r.canary)}, the bake`;
    case 'Succeeded': return `${named(r.stable)} is in service`;
    case 'RollingBack': return `Everyone is back on ${named(r.stable)}; ${named(r.canary)} finishes its last requests`;
    case 'Failed': return `Rolled back: everyone is on ${named(r.stable)}`;
    case 'Aborted': return `Aborted: everyone is on ${named(r.stable)}`;
    case 'Superseded': return 'A newer version took this attempt’s place';
    default: return r.stable?.backend ? `${named(r.stable)} is in service, nothing on trial` : 'Nothing on trial';
  }
}

const pauses = {
  User: 'A person paused it. Resume goes on from here.',
  Insufficient: 'The numbers did not become enough in time.',
  CheckFailed: 'A check failed, and a person decides: approve waives it, abort takes the canary back.',
  CanaryUnavailable: 'The canary has no healthy endpoint. It goes on by itself when one is back.',
  StableUnavailable: 'Stable has no healthy endpoint. It goes on by itself when one is back.',
  StableUnhealthy: 'Stable is as bad as the canary: the trouble lies elsewhere. It goes on by itself when stable is well.',
  StateLost: 'The state was lost: start begins anew, abort keeps everyone on stable.',
  StateReadOnly: 'The state can’t be written. It goes on by itself when the disk takes it again.',
  RolesUnclear: 'Which version is in service is unclear: resume takes the present stable for it.',
};

export function needed(r, rate) {
  const n = r.requestsNeeded;
  if (!n) return '';
  const when = rate > 0 ? about(n / rate) : 'and none come now';
  return `needs ${count(n)} more request${n === 1 ? '' : 's'} to the canary, ${when}`;
}

export const left = (r) => Math.max(0, seconds(r.holdNeeded) - seconds(r.held));

/** why says why it stands where it does. rate is the canary's requests a second. */
export function why(r, rate) {
  const failing = (r.checks || []).filter((c) => c.verdict === 'fail').map((c) => c.name);
  const undecided = (r.checks || []).filter((c) => c.verdict === 'insufficient').map((c) => c.name);
  const more = needed(r, rate);
  if (r.stateError) return `The state can’t be written: ${r.stateError}`;
  if (r.phase === 'Paused') {
    const gate = r.gate && r.reason !== 'CheckFailed' ? ` Approve (${r.gate}) goes on without.` : '';
    return (pauses[r.reason] || `Paused: ${r.reason}.`) + (failing.length ? ` Failing: ${failing.join(', ')}.` : '') + gate;
  }
  switch (r.waitingFor) {
    case 'hold': return `Holds for another ${span(left(r))}` + (more ? `; ${more}.` : failing.length ? `. Failing: ${failing.join(', ')}.` : '.');
    case 'requests': return more ? more[0].toUpperCase() + more.slice(1) + '.' : 'Needs more requests to the canary.';
    case 'evidence': return undecided.length ? `Not decided yet: ${undecided.join(', ')}.` : failing.length ? `Failing: ${failing.join(', ')}.` : 'The evidence is not enough yet.';
    case 'gate': case 'person':
      return `Waits for a person to approve ${r.gate || 'it'}` + (seconds(r.expiresIn) ? `, ${span(seconds(r.expiresIn))} more.` : '.');
    case 'webhook': return `Waits for the webhook ${r.gate || ''}.`;
    case 'health': return `Waits for a healthy endpoint of ${r.canary?.backend || 'the canary'}.`;
  }
  return r.lastDecision?.sentence || 'No attempt yet: one begins when the canary has a new version.';
}

/** verbs are the commands that this state takes, the first being what a person most likely wants. */
export function verbs(r) {
  if (active(r)) {
    const out = [];
    if (r.gate) out.push('approve');
    if (r.phase === 'Paused') {
      if (['User', 'Insufficient', 'CheckFailed', 'RolesUnclear'].includes(r.reason)) out.push('resume');
      if (r.reason === 'StateLost') out.push('start');
    } else out.push('pause');
    if (!['StateLost', 'StateReadOnly', 'CanaryUnavailable'].includes(r.reason)) out.push('promote');
    return [...out, 'abort'];
  }
  if (r.phase === 'Succeeded') return ['undo'];
  if (r.phase === 'Failed' || r.phase === 'Aborted') return ['retry'];
  if (r.phase === 'RollingBack') return [];
  return ['start'];
}

/** effect says what a command will do, for the dialog. */
export function effect(verb, r) {
  const canary = named(r.canary);
  const stable = named(r.stable);
  const next = r.plan?.[r.step];
  switch (verb) {
    case 'approve': return r.phase === 'Paused' && r.reason === 'CheckFailed'
      ? `The failing check ${r.gate} is left out for the rest of this attempt, and the rollout goes on.`
      : `Opens ${r.gate}, and the rollout goes on as planned.`;
    case 'promote': return r.phase === 'Baking' ? `Ends the bake: ${canary} gets everything now.`
      : `Goes to ${next ? percent(next.weight) : 'the next step'} now, without waiting for hold, evidence or a gate.`;
    case 'pause': return `Stays at ${percent(r.weight)}. The step’s clock stops; a failing check still rolls back.`;
    case 'resume': return `Goes on at ${percent(r.weight)}.`;
    case 'abort': return `All traffic goes back to ${stable} at once. The version ${r.canary?.version || ''} is not tried again by itself.`;
    case 'retry': return `Tries ${canary} again, from the first step.`;
    case 'undo': return `Takes the promotion back: all traffic goes to ${canary}, the version before.`;
    case 'start': return `Begins an attempt with ${r.canary?.backend || 'the canary'}.`;
  }
}
