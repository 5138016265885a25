// The last hour in three charts: error rate, p99 and weight, with a mark for each decision.

import {el} from './dom.js';
import {seconds, figure, percent} from './format.js';
import {get, routePath} from './api.js';
import {sides} from './route.js';

const smooth = 5; // points: an error rate is of 10 s, as one of 2 s is mostly noise

const kinds = [
  {key: 'errors', title: 'Error rate', unit: ' %', of: errorRate},
  {key: 'p99', title: 'p99', unit: ' ms', of: (b) => b.p99.map((t) => (t ? seconds(t) * 1000 : null))},
  {key: 'weight', title: 'Weight', unit: ' %', of: (b) => b.weight, fixed: [0, 100]},
];

function errorRate(b) {
  return b.requests.map((_, i) => {
    let bad = 0;
    let all = 0;
    for (let j = Math.max(0, i - smooth + 1); j <= i; j++) {
      bad += b.errors[j] || 0;
      all += b.requests[j] || 0;
    }
    return all ? bad / all * 100 : null;
  });
}

/** colour is one of style.css's, as the present theme has it. */
function colour(name) {
  const probe = document.getElementById('spoken');
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

export class Charts {
  constructor() {
    this.minutes = 15;
    this.series = null;
    this.plots = [];
    this.node = el('section.charts', {'data-keep': true, 'data-key': 'charts', 'aria-label': 'The last hour'});
    new ResizeObserver(() => this.resize()).observe(this.node);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.rebuild());
  }

  /** load reads what is new of a route. */
  async load(name) {
    if (this.series?.route !== name) {
      this.series = null;
      this.drop();
    }
    const since = this.series?.at.at(-1);
    const fresh = await get(`${routePath(name)}/series${since ? `?since=${encodeURIComponent(since)}` : ''}`);
    const same = this.series && fresh.backends.map((b) => b.name).join() === this.series.backends.map((b) => b.name).join();
    if (!this.series || since && !same) this.series = since ? await get(`${routePath(name)}/series`) : fresh;
    else append(this.series, fresh);
  }

  draw(route, decisions) {
    this.route = route;
    this.decisions = decisions || [];
    const s = this.series;
    if (!s || s.route !== route.name || s.at.length < 2) {
      if (!this.empty) {
        this.drop();
        this.empty = true;
        this.node.replaceChildren(el('div.card', null, el('h2', null, 'The last hour'),
          el('p', null, 'The charts begin with the second reading, in a few seconds.')));
      }
      return;
    }
    const shape = JSON.stringify([s.route, s.backends.map((b) => b.name), sides(route).map((x) => [x.role, x.b.name])]);
    if (shape !== this.shape || !this.plots.length) this.build(shape);
    const at = s.at.map((t) => Date.parse(t) / 1000);
    const from = at.findIndex((t) => t > at.at(-1) - this.minutes * 60);
    for (const p of this.plots) {
      p.plot.setData([at.slice(from), ...p.order.map((b) => p.kind.of(s.backends[b]).slice(from))]);
      this.say(p, null);
    }
  }

  build(shape) {
    this.drop();
    this.shape = shape;
    const buttons = el('div.choice', {role: 'group', 'aria-label': 'Time shown'}, [5, 15, 60].map((m) =>
      el('button', {type: 'button', 'aria-pressed': String(m === this.minutes), 'data-minutes': m}, `${m} min`)));
    buttons.addEventListener('click', (e) => {
      const m = Number(e.target.dataset.minutes);
      if (!m) return;
      this.minutes = m;
      for (const b of buttons.children) b.setAttribute('aria-pressed', String(b === e.target));
      this.draw(this.route, this.decisions);
    });
    this.node.replaceChildren(buttons);
    const roles = sides(this.route);
    const order = roles.map((x) => this.series.backends.findIndex((b) => b.name === x.b.name)).filter((i) => i >= 0);
    for (const kind of kinds) {
      const said = el('small');
      const place = el('div.plot', {role: 'img'});
      this.node.append(el('div.card', null, el('h2', null, kind.title + ' ', said), place));
      const p = {kind, order, said, place, roles};
      p.plot = new globalThis.uPlot(this.options(p), [[], ...order.map(() => [])], place);
      this.plots.push(p);
    }
  }

  options(p) {
    const axis = {stroke: colour('faint'), grid: {stroke: colour('line'), width: 1}, ticks: {stroke: colour('line'), width: 1}, font: '11px system-ui'};
    const top = (u, min, max) => p.kind.fixed || [0, Math.max(max * 1.15, 1)];
    return {
      width: this.width(), height: 132, legend: {show: false}, padding: [8, 8, 0, 0],
      cursor: {sync: {key: 'sluice'}, y: false, drag: {x: false, y: false}, points: {size: 5}},
      scales: {x: {time: true, range: (u, min, max) => [Math.min(min, max - 60), max + 1]}, y: {range: top}},
      axes: [{...axis, space: 70, size: 26, values: (u, at) => at.map(hm)}, {...axis, size: 62, space: 28, values: (u, v) => v.map((n) => figure(n) + p.kind.unit)}],
      series: [{}, ...p.roles.map(({role}) => ({
        stroke: colour(role), width: role === 'canary' ? 2 : 1.5, dash: role === 'other' ? [4, 3] : undefined, spanGaps: false, points: {show: false},
        paths: p.kind.fixed ? globalThis.uPlot.paths.stepped({align: -1}) : undefined,
      }))],
      hooks: {draw: [(u) => this.marks(u)], setCursor: [(u) => this.say(p, u.cursor.idx)]},
    };
  }

  /** say writes the values under the cursor, or the newest. */
  say(p, i) {
    const data = p.plot?.data;
    if (!data || !data[0].length) return;
    const last = i === null || i === undefined;
    const at = last ? data[0].length - 1 : i;
    const words = p.roles.map(({role, b}, k) => `${role === 'other' || !this.route.rollout ? b.name : role} ${value(data[k + 1]?.[at], p.kind.unit)}`);
    p.said.textContent = (last ? '' : `${hms(data[0][at])} `) + words.join(', ');
    if (last) p.place.setAttribute('aria-label', `${p.kind.title} over time; now ${words.join(', ')}`);
  }

  marks(u) {
    const c = u.ctx;
    const {left, top, width, height} = u.bbox;
    c.save();
    c.lineWidth = devicePixelRatio;
    c.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const d of this.decisions) {
      const x = u.valToPos(Date.parse(d.at) / 1000, 'x', true);
      if (!(x >= left && x <= left + width)) continue;
      c.strokeStyle = colour(['rollback', 'abort', 'undo'].includes(d.action) ? 'bad' : ['pause', 'hold'].includes(d.action) ? 'wait' : 'faint');
      c.beginPath();
      c.moveTo(x, top);
      c.lineTo(x, top + height);
      c.stroke();
    }
    c.restore();
  }

  width() { return Math.max(200, Math.floor(this.node.clientWidth - 26)); }

  resize() {
    for (const p of this.plots) if (p.plot.width !== this.width()) p.plot.setSize({width: this.width(), height: 132});
  }

  rebuild() {
    if (!this.plots.length) return;
    this.drop();
    this.draw(this.route, this.decisions);
  }

  drop() {
    for (const p of this.plots) p.plot.destroy();
    this.plots = [];
    this.shape = '';
    this.empty = false;
  }
}

function append(all, fresh) {
  const most = 1800;
  const columns = (s) => [s.at, ...s.backends.flatMap((b) => [b.weight, b.requests, b.errors, b.p50, b.p95, b.p99])];
  const to = columns(all);
  columns(fresh).forEach((c, i) => {
    to[i].push(...c);
    if (to[i].length > most) to[i].splice(0, to[i].length - most);
  });
}

const value = (v, unit) => v === null || v === undefined ? '–' : unit === ' %' ? percent(v) : figure(v) + unit;
const two = (n) => String(n).padStart(2, '0');
const hm = (t) => { const d = new Date(t * 1000); return `${two(d.getHours())}:${two(d.getMinutes())}` + (d.getSeconds() ? `:${two(d.getSeconds())}` : ''); };
const hms = (t) => { const d = new Date(t * 1000); return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`; };
