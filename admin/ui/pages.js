// The other pages: endpoints, explain, config.

import {el, show, head, scroll} from './dom.js';
import {get, text, post} from './api.js';
import {percent, count, figure} from './format.js';

export function endpoints(routes) {
  return [el('h1', null, 'Endpoints'), routes.length ? el('div.card', null, scroll('Endpoints', el('table', null,
    head('Route', 'Backend', 'Version', '#Weight', 'Endpoint', 'Health', '#In flight', '#Requests', '#Errors'),
    el('tbody', null, routes.flatMap((route) => route.backends.flatMap((b) => {
      const list = b.endpoints.length ? b.endpoints : [null];
      return list.map((e, i) => el('tr', null,
        el('th', {scope: 'row'}, route.name), el('td', null, b.name), el('td', null, b.version || '–'), el('td.num', null, percent(b.weight)),
        el('td', null, e ? e.url : 'none'),
        el('td', null, e ? el('span.verdict', {class: e.healthy ? 'pass' : 'fail'}, e.healthy ? '✓ healthy' : '✗ unhealthy') : '–'),
        el('td.num', null, e ? count(e.inFlight) : '–'),
        el('td.num', null, i ? '' : count(b.requests)), el('td.num', null, i ? '' : `${count(b.errors)} (${figure(b.errorRate)} %)`)));
    })))))) : el('p', null, 'This proxy has no routes.')];
}

/** explain asks where a request would go. The form is made once and stays. */
export function explain(place) {
  const input = (id, value, more) => el('input', {id, value, autocomplete: 'off', spellcheck: 'false', ...more});
  const url = input('url', '', {required: true, placeholder: 'http://shop.example.com/checkout'});
  const method = input('method', 'GET', {maxlength: 16});
  const from = input('from', '', {placeholder: '10.0.0.9'});
  const headers = el('textarea', {id: 'headers', rows: 4, spellcheck: 'false', placeholder: 'Cookie: session=abc\nX-User: alice@example.com'});
  const answer = el('div', {'aria-live': 'polite'});
  const field = (label, node, hint) => el('p.field', null, el('label', {for: node.id}, label, hint && el('small', null, ` ${hint}`)), node);
  const form = el('form.card', null, field('URL', url), field('Method', method), field('Headers', headers, 'one a line'),
    field('From', from, 'the client’s address'), el('p.buttons', null, el('button.first', {type: 'submit'}, 'Explain')));
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    try {
      const body = {method: method.value.trim() || 'GET', url: url.value.trim(), headers: parsed(headers.value)};
      if (from.value.trim()) body.from = from.value.trim();
      show(answer, explained(await post('/api/v1/explain', body)));
    } catch (problem) {
      show(answer, el('p.card.note', null, problem.message));
    }
  });
  show(place, el('h1', null, 'Explain'),
    el('p', null, 'Where would this request go, and why? Nothing is sent and nothing is counted.'), form, answer);
}

function parsed(lines) {
  const out = {};
  for (const line of lines.split('\n').map((l) => l.trim()).filter(Boolean)) {
    const at = line.indexOf(':');
    if (at < 1) throw new Error(`“${line}” is no header: write Name: value`);
    out[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return out;
}

function explained(x) {
  if (!x.route) return el('p.card.note', null, `No route matches. ${x.detail || ''}`);
  return el('section.card', {'aria-label': 'Answer'}, el('p.headline', null, `${x.route} → ${x.backend}`),
    el('dl.named', null, el('dt', null, 'Reason'), el('dd', null, x.reason), el('dt', null, 'Detail'), el('dd', null, x.detail)));
}

/** config shows the file in force, and what the last reload changed. */
export async function config(place) {
  show(place, el('h1', null, 'Configuration'), el('p', null, 'Reading…'));
  try {
    const now = await text('/api/v1/config?format=yaml');
    let before = null;
    try {
      if ((await get('/api/v1/routes')).routes.some((r) => r.generation > 1)) before = await text('/api/v1/config?before=true&format=yaml');
    } catch (problem) {
      if (problem.status !== 404) throw problem;
    }
    show(place, el('h1', null, 'Configuration'),
      el('p', null, 'As it was read last, secrets hidden, comments gone.'),
      before === null ? el('p.faint', null, 'There was no reload since the process started.') : changes(before, now),
      el('section.card', null, el('h2', null, 'In force'), scroll('Configuration', el('pre', null, now))));
  } catch (problem) {
    show(place, el('h1', null, 'Configuration'), el('p.card.note', null, problem.message));
  }
}

function changes(before, now) {
  const lines = difference(before.trimEnd().split('\n'), now.trimEnd().split('\n'));
  if (!lines.some(([mark]) => mark !== ' ')) return el('p.faint', null, 'The last reload changed nothing here.');
  return el('section.card', null, el('h2', null, 'What the last reload changed'), scroll('Difference', el('pre.diff', null,
    around(lines).map(([mark, line]) => el(mark === '+' ? 'ins' : mark === '-' ? 'del' : 'span', null, `${mark} ${line}\n`)))));
}

/** difference is by lines: what is alike at both ends, and the longest common sequence of what is between. */
export function difference(a, b) {
  let start = 0;
  let end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const x = a.slice(start, a.length - end);
  const y = b.slice(start, b.length - end);
  const same = (list) => list.map((l) => [' ', l]);
  const middle = x.length * y.length > 4e6 ? [...x.map((l) => ['-', l]), ...y.map((l) => ['+', l])] : common(x, y);
  return [...same(a.slice(0, start)), ...middle, ...same(a.slice(a.length - end))];
}

function common(x, y) {
  const best = Array.from({length: x.length + 1}, () => new Uint16Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i--) {
    for (let j = y.length - 1; j >= 0; j--) best[i][j] = x[i] === y[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
  }
  const out = [];
  let i = 0;
  let j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) {
      out.push([' ', x[i]]);
      i++;
      j++;
    } else if (j >= y.length || i < x.length && best[i + 1][j] >= best[i][j + 1]) out.push(['-', x[i++]]);
    else out.push(['+', y[j++]]);
  }
  return out;
}

/** around keeps three lines about each change. */
function around(lines) {
  const near = (i) => lines.slice(Math.max(0, i - 3), i + 4).some(([mark]) => mark !== ' ');
  return lines.flatMap((line, i) => near(i) ? [line] : i && near(i - 1) ? [[' ', '…']] : []);
}
