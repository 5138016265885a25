// The dialog before a command. It names the attempt and the step it was opened for and sends them along, so that a page which has been
// left open can't decide about something newer: the proxy refuses that, and the dialog shows the newer state.

import {el, show} from './dom.js';
import {post, routePath, token} from './api.js';
import {percent, named} from './format.js';
import {effect, headline} from './words.js';

const nameKept = 'sluice-actor';

let open = null;

/** confirm opens the dialog for a verb; done is called with the state after it. */
export function confirm(route, verb, done) {
  const r = route.rollout;
  const fields = {
    comment: el('input', {id: 'comment', maxlength: 1000, autocomplete: 'off'}),
    actor: el('input', {id: 'actor', maxlength: 100, autocomplete: 'username', value: localStorage.getItem(nameKept) || ''}),
    version: el('input', {id: 'version', maxlength: 100, autocomplete: 'off', placeholder: 'as in the file'}),
    full: el('input', {id: 'full', type: 'checkbox'}),
  };
  if (verb === 'promote' && r.phase === 'Baking') Object.assign(fields.full, {checked: true, disabled: true});
  const title = `${verb[0].toUpperCase()}${verb.slice(1)} ${route.name}?`;
  const note = el('div.note', {role: 'alert'});
  const yes = el('button', {type: 'submit', class: verb === 'abort' ? 'danger' : 'first', id: 'yes'}, verb[0].toUpperCase() + verb.slice(1));
  const no = el('button', {type: 'button', id: 'no'}, 'Cancel');
  const form = el('form', null,
    el('h2', {id: 'asked'}, title),
    el('p', {id: 'effect'}, effect(verb, r)),
    el('dl.named', null, facts(r, verb).map(([k, v]) => [el('dt', null, k), el('dd', null, v)])),
    verb === 'promote' && r.phase !== 'Baking' && el('p', null, fields.full, el('label', {for: 'full'}, ` All the way: ${named(r.canary)} gets everything, without the steps between`)),
    verb === 'start' && field('Version', fields.version),
    field('Why (for the journal)', fields.comment),
    !token.get() && field('Your name (for the journal)', fields.actor),
    note, el('p.buttons', null, no, yes));
  const dialog = el('dialog', {'aria-labelledby': 'asked', 'aria-describedby': 'effect'}, form);
  document.body.append(dialog);
  no.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    open = null;
    dialog.remove();
    document.querySelector(`[data-verb="${verb}"]`)?.focus();
  });
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    yes.disabled = true;
    try {
      const after = await post(`${routePath(route.name)}/rollout/${verb}`, body(verb, r, fields));
      dialog.close();
      done(after);
    } catch (problem) {
      refused(note, problem);
      form.classList.toggle('refused', problem.status === 409);
      if (problem.status !== 409) yes.disabled = false;
      else yes.hidden = true;
      no.textContent = 'Close';
      no.focus();
      if (problem.body?.rollout) done(problem.body.rollout);
    }
  });
  open = {route: route.name, r, note, yes};
  dialog.showModal();
  (verb === 'abort' ? yes : fields.comment).focus();
}

/** moved tells an open dialog that the route has gone on. */
export function moved(route) {
  const now = route.rollout;
  if (!open || open.route !== route.name || !now || open.yes.hidden) return;
  const was = open.r;
  if (now.attempt === was.attempt && now.step === was.step && now.phase === was.phase) return;
  show(open.note, el('p', null, 'It has gone on since this was opened. Now: ', el('b', null, now.phase), `, ${headline(now)}.`));
}

function facts(r, verb) {
  if (verb === 'start') return [['Now', `${r.phase}, ${headline(r)}`]];
  return [['Attempt', r.attempt || 'none'], ['Step', `${r.step} of ${r.steps} (${percent(r.weight)})`],
    ...(verb === 'approve' ? [['Gate', r.gate]] : []), ['State', r.phase + (r.reason ? ` (${r.reason})` : '')]];
}

function body(verb, r, fields) {
  const out = {};
  if (verb !== 'start') Object.assign(out, {attempt: r.attempt, step: r.step});
  if (verb === 'approve') out.gate = r.gate;
  if (verb === 'promote' && fields.full.checked) out.full = true;
  if (verb === 'start' && fields.version.value.trim()) out.version = fields.version.value.trim();
  if (fields.comment.value.trim()) out.comment = fields.comment.value.trim();
  const name = fields.actor.value.trim();
  if (name) localStorage.setItem(nameKept, name);
  out.actor = name ? `ui:${name}` : 'ui';
  return out;
}

function refused(note, problem) {
  const now = problem.body?.rollout;
  const lead = problem.status === 409 ? 'Refused: ' : problem.status === 403 ? 'Not allowed: ' : 'That did not work: ';
  show(note, el('p', null, el('b', null, lead), problem.message),
    now && el('p', null, 'The state now: ', el('b', null, now.phase + (now.reason ? ` (${now.reason})` : '')), `, ${headline(now)}.`));
}

const field = (label, input) => el('p.field', null, el('label', {for: input.id}, label), input);
