// Elements from text only. Whatever the service says goes in as text nodes and attributes: it can never become markup.

const SVG = "http://www.w3.org/2000/svg";

const fill = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) throw new Error(`${name}: listeners are added, not written`);
    if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
};

export const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);

/** Only touches the document when the text is another, so that a status a second costs nothing. */
export const say = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

/** Calls draw only when what it depends on has changed since the last time. */
export const memo = (draw) => {
  let before = null;
  return (...given) => {
    const key = JSON.stringify(given);
    if (key === before) return;
    before = key;
    draw(...given);
  };
};

/** Children of a node become `wanted`; those that stay are not moved, so that focus and selection stay too. */
export const arrange = (node, wanted) => {
  const kept = new Set(wanted);
  for (const child of [...node.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, place) => {
    if (node.children[place] !== child) node.insertBefore(child, node.children[place] ?? null);
  });
};

/** A select's options; what was chosen stays chosen as long as it is there. */
export const offer = (select, options) => {
  const key = JSON.stringify(options);
  if (select.dataset.options === key) return;
  select.dataset.options = key;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => html("option", { value }, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
};

/** A table whose rows become cards on a phone; roles are written because a changed display takes them away. */
export const table = (label, columns, rows) => html("table", { role: "table", "aria-label": label },
  html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, columns.map(([name, kind]) =>
    html("th", { scope: "col", role: "columnheader", class: kind ?? "" }, name)))),
  html("tbody", { role: "rowgroup" }, rows));
export const cell = (label, kind, ...children) => html("td", { role: "cell", class: kind, "data-label": label }, ...children);
export const heading = (...children) => html("th", { role: "rowheader", scope: "row" }, ...children);
