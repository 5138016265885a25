// Numbers, times and durations as people read them.

const units = {h: 3600, m: 60, s: 1, ms: 1e-3, 'µs': 1e-6, us: 1e-6, ns: 1e-9};

/** seconds reads a duration as Go writes it: "1m30.5s". */
export function seconds(text) {
  let sum = 0;
  for (const [, n, unit] of (text || '').matchAll(/([\d.]+)(h|ms|m|s|µs|us|ns)/g)) sum += n * units[unit];
  return (text || '')[0] === '-' ? -sum : sum;
}

/** span is a number of seconds in at most two units. */
export function span(s) {
  s = Math.max(0, Math.round(s));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  const min = Math.round(s / 60);
  return min % 60 ? `${Math.floor(min / 60)} h ${min % 60} min` : `${min / 60} h`;
}

/** about is a span that is a guess. */
export function about(s) {
  if (!isFinite(s)) return '';
  if (s < 90) return `about ${Math.max(1, Math.round(s))} s`;
  if (s < 5400) return `about ${Math.round(s / 60)} min`;
  return `about ${Math.round(s / 3600)} h`;
}

const plain = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
export const count = (n) => plain.format(n || 0);

/** figure keeps three digits. */
export function figure(n) {
  if (n === null || n === undefined || !isFinite(n)) return '–';
  if (n === 0) return '0';
  const a = Math.abs(n);
  if (a >= 1e6) return n.toExponential(1);
  if (a >= 100) return count(n);
  if (a >= 10) return String(+n.toFixed(1));
  if (a >= 0.01) return String(+n.toFixed(2));
  return n.toPrecision(1);
}

export const percent = (n) => `${n === null || n === undefined ? '–' : +n.toFixed(2)} %`;

/** ok is the other side of an error rate; 100 % is said of nothing but no error at all. */
export function ok(recent) {
  if (!recent.requests) return '–';
  const share = 100 - recent.errorRate;
  return `${recent.errors && share > 99.99 ? '99.99' : +share.toFixed(2)} %`;
}

/** latency is a duration as Go writes it, in milliseconds. */
export function latency(text) {
  const ms = seconds(text) * 1000;
  return ms ? (ms >= 10000 ? `${figure(ms / 1000)} s` : `${figure(ms)} ms`) : '–';
}

const withUnit = {percent: ' %', ms: ' ms', s: ' s'};
export const measured = (v, unit) => `${figure(v)}${withUnit[unit] ?? (unit ? ' ' + unit : '')}`;

const clockFormat = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit'});
const dayFormat = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short'});
export function clock(at) {
  const d = new Date(at);
  const today = d.toDateString() === new Date().toDateString();
  return (today ? '' : dayFormat.format(d) + ' ') + clockFormat.format(d);
}

export const named = (role) => !role?.backend ? 'none' : role.version ? `${role.backend} ${role.version}` : role.backend;
