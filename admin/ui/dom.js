// Elements. Every text is a text node: nothing that a route, a backend or a person is called can become markup.

const SVG = 'http://www.w3.org/2000/svg';
const svgTags = new Set(['svg', 'path', 'rect', 'circle', 'line']);

/** el('p.note', {title: 'x'}, 'text', [more]) makes an element; null, undefined and false are left out. */
export function el(spec, attributes, ...children) {
  const [tag, ...classes] = spec.split('.');
  const node = svgTags.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length) node.setAttribute('class', classes.join(' '));
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'class') node.setAttribute('class', [...classes, value].join(' ').trim());
    else if (name === 'width' && node.style && !svgTags.has(tag)) node.style.width = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  add(node, children);
  return node;
}

function add(node, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(node, child);
    else if (child !== null && child !== undefined && child !== false) node.append(child);
  }
}

/** show makes a node's children the given ones, by changing what is there: focus, selection and open details stay. */
export function show(node, ...children) {
  const next = document.createDocumentFragment();
  add(next, children);
  morphChildren(node, next);
}

function morphChildren(old, next) {
  let at = old.firstChild;
  for (let want = next.firstChild; want;) {
    const after = want.nextSibling;
    if (!at) old.append(want);
    else if (!alike(at, want)) {
      const gone = at;
      at = at.nextSibling;
      gone.replaceWith(want);
    } else {
      morph(at, want);
      at = at.nextSibling;
    }
    want = after;
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function alike(a, b) {
  return a.nodeName === b.nodeName && (a.nodeType !== 1 || a.getAttribute('data-key') === b.getAttribute('data-key'));
}

function morph(old, next) {
  if (old.nodeType !== 1) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  if (old.hasAttribute('data-keep')) return;
  for (const {name} of [...old.attributes]) {
    if (name !== 'style' && name !== 'open' && !next.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const {name, value} of next.attributes) {
    if (name !== 'style' && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style.cssText !== next.style.cssText) old.style.cssText = next.style.cssText;
  morphChildren(old, next);
}

/** head is a table's head row; a name that begins with # is of a column of numbers. */
export function head(...names) {
  return el('thead', null, el('tr', null, names.map((n) =>
    el('th', {scope: 'col', class: n[0] === '#' ? 'num' : ''}, n.replace(/^#/, '')))));
}

/** scroll keeps a wide table from widening the page. */
export function scroll(label, table) {
  return el('div.scroll', {tabindex: '0', role: 'region', 'aria-label': label}, table);
}
