// One route: who gets what, how the canary compares, why it holds, what can be done.

import {el, head, scroll} from './dom.js';
import {seconds, span, count, figure, percent, ok, latency, measured, clock, named} from './format.js';
import {tone, active, headline, why, left, verbs} from './words.js';

/** sides are the backends with their roles: stable, canary, then the others in the file's order. */
export function sides(route) {
  const r = route.rollout;
  const by = (name) => route.backends.find((b) => b.name === name);
  const stable = r && by(r.stable?.backend);
  const canary = r && (by(r.canary?.backend) || (route.backends.length === 2 && route.backends.find((b) => b !== stable)));
  const out = [];
  if (stable) out.push({role: 'stable', b: stable});
  if (canary) out.push({role: 'canary', b: canary});
  for (const b of route.backends) if (b !== stable && b !== canary) out.push({role: r ? 'other' : roleByPlace(route, b), b});
  return out;
}

const roleByPlace = (route, b) => ['stable', 'canary', 'other'][Math.min(2, route.backends.indexOf(b))];

export const badge = (r) => el('span.badge', {class: r ? tone[r.phase] || 'calm' : 'calm'},
  r ? (r.phase === 'Paused' && r.reason ? `Paused: ${r.reason}` : r.phase) : 'no rollout');

const inService = (route) => !route.rollout || !active(route.rollout);

/** picker lists the routes where there are several, those with an attempt under way first. */
export function picker(routes, chosen) {
  if (routes.length < 2) return null;
  const order = [...routes.filter((route) => !inService(route)), ...routes.filter(inService)];
  return el('nav.picker', {'aria-label': 'Routes'}, el('ul', null, order.map((route) => el('li', {'data-key': route.name},
    el('a', {href: `#/routes/${encodeURIComponent(route.name)}`, 'aria-current': route.name === chosen ? 'page' : null},
      el('span.name', null, route.name), badge(route.rollout),
      el('span.shares', null, sides(route).map(({role, b}) => `${percent(b.weight)} ${role === 'other' ? b.name : role}`).join(' · ')),
      bar(route))))));
}

const bar = (route) => el('span.bar.thin', {'aria-hidden': 'true'}, sides(route).map(({role, b}) =>
  el('span', {class: role, width: `${b.weight}%`})));

/** view is the whole of a route but for its charts: they have a place, and stay there as they are. */
export function view(route, decisions) {
  const r = route.rollout;
  const rate = r ? sides(route).find((s) => s.role === 'canary')?.b.recent?.rate : 0;
  return [
    el('section.hero', {'aria-label': 'State'},
      el('div.says', null,
        el('p.title', null, el('h1', null, route.name), badge(r)),
        r ? el('p.headline', null, headline(r)) : el('p.headline', null, 'Fixed weights: this route has no rollout'),
        r && el('p.why', {id: 'why'}, why(r, rate))),
      r && el('div.actions', {role: 'group', 'aria-label': 'Commands'}, verbs(r).map((verb) =>
        el('button', {type: 'button', 'data-verb': verb, 'data-key': verb, class: verb === 'abort' ? 'danger' : verb === 'approve' ? 'first' : ''},
          verb === 'approve' ? `Approve ${r.gate}` : verb[0].toUpperCase() + verb.slice(1) + '…')))),
    split(route),
    r && rail(r),
    el('div.columns', null,
      el('div', null, compare(route), r && checks(r)),
      el('section.charts', {'data-keep': true, 'data-key': 'charts'})),
    journal(decisions, r),
  ];
}

function split(route) {
  const all = sides(route);
  const some = all.some(({b}) => b.recent?.requests);
  const shares = all.filter(({b}) => b.recent).map(({role, b}) => [role, b, b.recent.share]);
  return el('section.split', {'aria-label': 'Split of the traffic'},
    el('div.bar', {'aria-hidden': 'true'}, all.map(({role, b}) => el('span', {class: role, width: `${b.weight}%`}))),
    el('div.bar.thin', {'aria-hidden': 'true'}, some ? shares.map(([role, , share]) => el('span', {class: role, width: `${share}%`})) : null),
    el('ul', null, all.map(({role, b}) => el('li', {class: role},
      el('span.swatch', {class: role, 'aria-hidden': 'true'}), el('b', null, percent(b.weight)), ' ', named({backend: b.name, version: b.version}),
      el('span.got', null, some && b.recent ? ` got ${share(b.recent.share)} of the last ${span(seconds(b.recent.window))}`
        : ' no requests lately')))));
}

const share = (n) => percent(n >= 1 ? +n.toFixed(1) : n);

function rail(r) {
  const plan = r.plan?.length ? r.plan : Array.from({length: r.steps}, () => ({}));
  const ended = ['Succeeded'].includes(r.phase);
  const on = active(r);
  return el('section', {'aria-label': 'Steps'}, el('ol.rail', null, plan.map((p, i) => {
    const n = i + 1;
    const stopped = ['RollingBack', 'Failed', 'Aborted'].includes(r.phase) && n === r.step;
    const state = stopped ? 'stopped' : ended || on && n < r.step ? 'done' : on && n === r.step ? 'now' : 'next';
    const part = state === 'now' && seconds(r.holdNeeded) ? Math.min(1, seconds(r.held) / seconds(r.holdNeeded)) : state === 'done' || stopped ? 1 : 0;
    return el('li', {class: state, 'aria-current': state === 'now' ? 'step' : null},
      el('span.track', {'aria-hidden': 'true'}, el('span', {width: `${part * 100}%`})),
      el('span.weight', null, p.weight === undefined ? `step ${n}` : percent(p.weight)), ' ',
      p.bake && el('span.kind', null, 'bake, '), p.gates?.length ? el('span.kind', null, `after ${p.gates.join(', ')}, `) : null,
      el('span.hold', null, state === 'done' ? 'done' : stopped ? 'ended here' : state === 'now' ? nowText(r) : p.hold ? holdText(p) : ''));
  })));
}

function nowText(r) {
  if (r.phase === 'Paused') return 'paused';
  if (r.phase === 'Waiting') return r.gate ? `waits for ${r.gate}` : 'waits';
  const s = left(r);
  return s ? `${span(s)} left` : 'held long enough';
}

const holdText = (p) => (seconds(p.hold) ? span(seconds(p.hold)) : 'no hold') + (p.minRequests ? `, ${count(p.minRequests)} requests` : '');

const rows = [
  ['Requests/s', (b) => figure(b.recent.rate)],
  ['OK', (b) => ok(b.recent)],
  ['p50', (b) => latency(b.recent.latency.p50), (b) => seconds(b.recent.latency.p50)],
  ['p95', (b) => latency(b.recent.latency.p95), (b) => seconds(b.recent.latency.p95)],
  ['p99', (b) => latency(b.recent.latency.p99), (b) => seconds(b.recent.latency.p99)],
];

function compare(route) {
  const all = sides(route);
  if (!all.every(({b}) => b.recent)) return el('section', null, el('h2', null, 'Now'), el('p', null, 'This proxy does not tell recent numbers.'));
  const two = all.length === 2;
  return el('section.card', null,
    el('h2', null, 'Side by side ', el('small', null, `last ${span(seconds(all[0].b.recent.window))}`)),
    scroll('Side by side', el('table.compare', null,
      el('thead', null, el('tr', null, el('td'), all.map(({role, b}) => el('th.num', {scope: 'col'},
        el('span.swatch', {class: role, 'aria-hidden': 'true'}), role === 'other' || !route.rollout ? b.name : role)),
      two && el('th.num.wide', {scope: 'col'}, 'difference'))),
      el('tbody', null, rows.map(([name, show, value]) => el('tr', null, el('th', {scope: 'row'}, name),
        all.map(({b}) => el('td.num', null, show(b))), two && el('td.num.faint.wide', null, difference(name, value, all))))))));
}

function difference(name, value, [{b: a}, {b}]) {
  if (!a.recent.requests || !b.recent.requests) return '–';
  if (name === 'OK') {
    const d = a.recent.errorRate - b.recent.errorRate;
    return d ? `${d > 0 ? '+' : '−'}${figure(Math.abs(d))} points` : 'none';
  }
  if (!value || !value(a) || !value(b)) return '';
  const d = (value(b) / value(a) - 1) * 100;
  return `${d < 0 ? '−' : '+'}${figure(Math.abs(d) < 1 ? 0 : Math.round(Math.abs(d)))} %`;
}

const verdictMark = {pass: '✓', fail: '✗', insufficient: '…'};

function checks(r) {
  return el('section.card', null, el('h2', null, 'Checks'), r.checks?.length ? scroll('Checks', el('table', null,
    head('Check', 'Verdict', '#Canary', '#Stable', '#Limit', '#Samples', 'Evidence'),
    el('tbody', null, r.checks.map((c) => el('tr', {'data-key': c.name},
      el('th', {scope: 'row'}, c.name, c.dryRun && el('small', null, ' dry run'), r.waived?.includes(c.name) && el('small', null, ' waived')),
      el('td', null, el('span.verdict', {class: c.verdict}, el('span', {'aria-hidden': 'true'}, (verdictMark[c.verdict] || '?') + ' '), c.verdict), c.sampled && c.reason && el('small', null, ` ${c.reason}`)),
      el('td.num', null, c.sampled && !c.samples ? '–' : side(c, c.value, c.valueAbove, c.low, c.high, c.late)),
      el('td.num', null, c.sampled && !c.stableSamples ? '–' : side(c, c.stableValue, c.stableAbove, c.stableLow, c.stableHigh, c.stableLate)),
      el('td.num', null, c.limit || c.sampled ? (c.atLeast ? '≥ ' : '') + measured(c.limit, c.unit) : '–'),
      el('td.num', null, count(c.samples), el('small', null, ` / ${count(c.stableSamples)}`)),
      el('td', null, evidence(c))))))) : el('p', null, active(r) ? 'Nothing was judged yet.' : 'Nothing is judged now.'));
}

/** side is one side's value: "> 500 ms" where so much has not ended, what of it has no answer yet, and where it may be (95 %). */
function side(c, value, above, low, high, late) {
  const ms = c.unit === 'ms';
  const between = high ? `${figure(low || 0)} to ${figure(high)}` : low ? `from ${figure(low)}` : '';
  return [ms && !value && !above ? '–' : (above ? '> ' : '') + measured(value, c.unit), late && !ms ? el('small', null, ` ${count(late)} late`) : null,
    between ? el('small.between', null, between) : null];
}

/** sampled is a plain rule over samples: failures in a row stand where others have evidence. */
function sampled(c) {
  const share = c.rowLimit ? Math.min(1, (c.row || 0) / c.rowLimit) : 0;
  return el('span.evidence', {title: 'Sampled: there is no bound on false alarms.'},
    el('span.gauge', {class: c.verdict === 'fail' ? 'over' : '', 'aria-hidden': 'true'}, el('span', {width: `${share * 100}%`})),
    `${count(c.row || 0)}${c.rowLimit ? ` of ${count(c.rowLimit)}` : ''} in a row`);
}

/** evidence is an e-value on a scale of powers: it grows by products. */
function evidence(c) {
  if (c.sampled) return sampled(c);
  if (!c.evidenceLimit) return el('span.faint', null, 'limit only');
  const share = Math.max(0, Math.min(1, Math.log1p(c.evidence || 0) / Math.log1p(c.evidenceLimit)));
  return el('span.evidence', null,
    el('span.gauge', {class: c.evidence >= c.evidenceLimit ? 'over' : '', 'aria-hidden': 'true'}, el('span', {width: `${share * 100}%`})),
    `${figure(c.evidence)} of ${figure(c.evidenceLimit)}`);
}

const actionTone = {rollback: 'bad', abort: 'bad', undo: 'bad', pause: 'wait', hold: 'wait', advance: 'go', start: 'go', promote: 'go', approve: 'go', resume: 'go', retry: 'go'};

function journal(decisions, r) {
  return el('section.card.journal', null, el('h2', null, 'Decisions'),
    decisions?.length ? el('ol', null, decisions.slice(0, 100).map((d) => el('li', {'data-key': `${d.at}${d.seq}`},
      el('time', {datetime: d.at, title: d.at}, clock(d.at)),
      el('span.badge', {class: actionTone[d.action] || 'calm'}, d.action),
      el('span.said', null, d.sentence, d.comment && el('q', null, d.comment)),
      el('span.actor', null, d.actor))))
      : el('p', null, decisions ? `No decision yet${r ? ': the first comes with the first attempt.' : '.'}` : 'Reading the journal…'));
}
