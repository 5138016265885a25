// The page: which part is shown, what is asked of the proxy and when. It goes on showing what it knew while the proxy is away.

import {el, show} from './dom.js';
import {get, follow, routePath, token} from './api.js';
import {clock, percent} from './format.js';
import {picker, view, sides} from './route.js';
import {Charts} from './charts.js';
import {confirm, moved} from './dialog.js';
import * as pages from './pages.js';

const second = 1000;
const main = document.getElementById('main');
const charts = new Charts();

let routes = null; // as the proxy told last
let page = {name: 'routes', route: ''};
let heardAt = null; // when it answered last
let looking = false;
let again = false;
let looks = 0;
let following = false;
let streams = false;
const decisions = new Map(); // by route, newest first

const shown = () => routes?.find((r) => r.name === page.route) || routes?.[0];

// ── which page ──

function turn() {
  const [, name, rest] = location.hash.split('/');
  page = {name: ['endpoints', 'explain', 'config'].includes(name) ? name : 'routes', route: safe(rest)};
  main.replaceChildren();
  for (const a of document.querySelectorAll('header nav a')) {
    if (a.dataset.page === page.name) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
  if (page.name === 'explain') pages.explain(place());
  else if (page.name === 'config') pages.config(place());
  else render();
  look();
}

/** place is a page's own: an answer that comes after somebody has gone on changes nothing that is shown. */
function place() {
  const own = el('div');
  main.append(own);
  return own;
}

function safe(text) {
  try {
    return decodeURIComponent(text || '');
  } catch {
    return '';
  }
}

function render() {
  if (!routes) {
    show(main, el('p', null, 'Asking the proxy…'));
    return;
  }
  if (page.name === 'endpoints') show(main, pages.endpoints(routes));
  if (page.name !== 'routes') return;
  const route = shown();
  if (!route) {
    document.title = 'Sluice';
    show(main, el('p', null, 'This proxy has no routes: add one to its file and reload.'));
    return;
  }
  const canary = sides(route).find((s) => s.role === 'canary')?.b;
  document.title = `${canary ? percent(canary.weight) + ' ' : ''}${route.name} – Sluice`;
  const missing = page.route && page.route !== route.name;
  show(main, picker(routes, route.name), missing && el('p.banner', null, `There is no route ${page.route} any more; this is ${route.name}.`),
    view(route, decisions.get(route.name)));
  if (!charts.node.isConnected) main.querySelector('[data-key=charts]').replaceWith(charts.node);
  charts.draw(route, decisions.get(route.name));
  moved(route);
}

// ── what is asked ──

/** look asks the proxy for what is shown; called while it is under way, it looks once more afterwards. */
async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    await read();
    heardAt = Date.now();
    if (!following) {
      following = true;
      follow(heard, streaming);
    }
    fresh();
  } catch (problem) {
    if (problem.status === 401) return login();
    stale(problem);
  } finally {
    looking = false;
  }
  render();
  if (again) {
    again = false;
    look();
  }
}

/** read takes all routes, but with many of them only the one that is shown most of the time. */
async function read() {
  const few = !routes || routes.length <= 20 || page.name === 'endpoints' || looks % 5 === 0;
  looks++;
  if (few) routes = (await get('/api/v1/routes')).routes;
  else {
    const one = await get(routePath(shown().name));
    routes = routes.map((r) => r.name === one.name ? one : r);
  }
  const route = page.name === 'routes' && shown();
  if (!route) return;
  if (!decisions.has(route.name)) await readDecisions(route.name);
  if (looks % 2 === 1 || charts.series?.route !== route.name) await charts.load(route.name);
}

async function readDecisions(name) {
  decisions.set(name, (await get(`${routePath(name)}/decisions?limit=100`)).decisions);
}

setInterval(() => {
  if (document.querySelector('#token')) return;
  if (!document.hidden || looks % 5 === 0) look();
  else looks++;
}, second);

// ── what the proxy tells by itself ──

function heard(name, data) {
  if (name === 'decision') {
    const list = decisions.get(data.route);
    if (list && !list.some((d) => d.seq === data.seq && d.at === data.at)) {
      list.unshift(data);
      list.sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.seq - a.seq);
      list.length = Math.min(list.length, 200);
      document.getElementById('spoken').textContent = `${data.route}: ${data.sentence}`;
    }
  } else if (name === 'lost') decisions.clear();
  look();
}

function streaming(is) {
  streams = is;
  if (heardAt && Date.now() - heardAt < 3 * second) fresh();
  look();
}

// ── whether it is there ──

const link = document.getElementById('link');
const banner = document.getElementById('stale');

function fresh() {
  banner.hidden = true;
  document.body.classList.remove('old');
  link.textContent = streams ? 'live' : 'connecting';
  link.className = `link ${streams ? 'good' : 'wait'}`;
}

function stale(problem) {
  const why = problem.status ? problem.message : 'the admin API does not answer';
  const words = heardAt ? `Stale since ${clock(heardAt)}: ${why}. What you see is from then; the proxy may well go on. Trying again…`
    : `Nothing to show: ${why}. Trying again…`;
  if (banner.textContent !== words) banner.textContent = words;
  banner.hidden = false;
  document.body.classList.add('old');
  link.textContent = 'stale';
  link.className = 'link bad';
}

/** login asks for the token of an admin API that needs one. */
function login() {
  if (document.querySelector('#token')) return;
  const wrong = token.get() !== null;
  token.drop();
  const input = el('input', {id: 'token', type: 'password', autocomplete: 'off', required: true});
  const form = el('form.card.login', {'data-key': 'login'}, el('h1', null, 'Token'),
    el('p', null, wrong ? 'That token is not one of this proxy’s. Try another one.' : 'This admin API needs a token. It is kept until this tab is closed.'),
    el('p.field', null, el('label', {for: 'token'}, 'Token'), input),
    el('p.buttons', null, el('button.first', {type: 'submit'}, 'Go on')));
  form.addEventListener('submit', (e) => {
    e.preventDefault();
    token.set(input.value.trim());
    form.remove();
    routes = null;
    turn();
  });
  main.replaceChildren(form);
  input.focus();
}

// ── what a person does ──

main.addEventListener('click', (e) => {
  const verb = e.target.closest?.('[data-verb]')?.dataset.verb;
  const route = shown();
  if (!verb || !route?.rollout) return;
  confirm(route, verb, (after) => {
    if (after?.phase) route.rollout = after;
    render();
    look();
  });
});

const themes = ['', 'light', 'dark'];
const themeButton = document.getElementById('theme');
function theme(t) {
  if (t) document.documentElement.dataset.theme = t;
  else delete document.documentElement.dataset.theme;
  themeButton.textContent = {'': 'Theme: system', light: 'Theme: light', dark: 'Theme: dark'}[t];
  localStorage.setItem('sluice-theme', t);
  charts.rebuild();
}
themeButton.addEventListener('click', () => theme(themes[(themes.indexOf(document.documentElement.dataset.theme || '') + 1) % 3]));
theme(themes.includes(localStorage.getItem('sluice-theme')) ? localStorage.getItem('sluice-theme') : '');

window.addEventListener('hashchange', () => {
  turn();
  main.focus();
});
turn();
