// The admin API, and its stream of events. A token lives as long as the browser's tab does.

const kept = 'sluice-token';
const patience = 8000;

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || `the admin API answered ${status}`);
    this.status = status;
    this.body = body;
  }
}

export const token = {
  get: () => sessionStorage.getItem(kept),
  set: (t) => sessionStorage.setItem(kept, t),
  drop: () => sessionStorage.removeItem(kept),
};

function headers(more) {
  const t = token.get();
  return {...more, ...(t ? {Authorization: `Bearer ${t}`} : {})};
}

async function problemOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch { /* something between us and the proxy answered */ }
  return new Problem(response.status, body);
}

async function ask(path, options) {
  const response = await fetch(path, {...options, headers: headers(options?.headers), cache: 'no-store', signal: AbortSignal.timeout(patience)});
  if (!response.ok) throw await problemOf(response);
  return response;
}

export const get = async (path) => (await ask(path)).json();
export const text = async (path) => (await ask(path)).text();
export const post = async (path, body) =>
  (await ask(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)})).json();

export const routePath = (name) => `/api/v1/routes/${encodeURIComponent(name)}`;

/**
 * follow reads /api/v1/events for ever: heard gets each event's name and data, state is told true when the stream is there and false when
 * it is not. EventSource can't send a token, so this is a fetch whose body never ends.
 */
export async function follow(heard, state) {
  let last = '';
  for (let failures = 0; ; failures++) {
    const quiet = new AbortController();
    let alarm;
    const alive = () => { // a comment comes every 15 s: longer silence is a connection that is gone
      clearTimeout(alarm);
      alarm = setTimeout(() => quiet.abort(), 40000);
    };
    try {
      alive();
      const response = await fetch('/api/v1/events', {
        headers: headers(last ? {'Last-Event-ID': last} : {}), cache: 'no-store', signal: quiet.signal,
      });
      if (!response.ok) throw await problemOf(response);
      failures = 0;
      state(true);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let buffer = ''; ;) {
        const {value, done} = await reader.read();
        if (done) break;
        alive();
        buffer += value;
        for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) {
          const event = parse(buffer.slice(0, end));
          if (event.id) last = event.id;
          if (event.data) heard(event.name, JSON.parse(event.data));
        }
      }
    } catch { /* tried again below */ }
    clearTimeout(alarm);
    state(false);
    await new Promise((go) => setTimeout(go, Math.min(1000 * 2 ** failures, 10000)));
  }
}

function parse(block) {
  const event = {};
  for (const line of block.split('\n')) {
    const at = line.indexOf(': ');
    if (at <= 0) continue;
    const field = line.slice(0, at);
    const value = line.slice(at + 2);
    if (field === 'event') event.name = value;
    else if (field === 'id' || field === 'data') event[field] = value;
  }
  return event;
}
