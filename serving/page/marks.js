// How a crossing is drawn: shape says what became of it, colour and direction say its side.

import { svg } from "./dom.js";

export const KINDS = {
  signal: "signal",
  stood: "signal stood down",
  filtered: "filtered",
  cooldown: "cooldown",
  day_limit: "day limit",
};

/** One of KINDS for a decision that crossed, else null. A champion's signal that was not acted on was stood down. */
export const kindOf = (one) => {
  if (one.action === "signal") return one.role === "champion" && one.live.act === false ? "stood" : "signal";
  return one.crossing && one.action in KINDS ? one.action : null;
};

const SHAPES = {
  signal: "M0 -6L6 5L-6 5Z",
  stood: "M0 -6L6 5L-6 5ZM-3.5 -1.5L3.5 5.5M3.5 -1.5L-3.5 5.5",
  filtered: "M0 -6L6 5L-6 5Z",
  cooldown: "M-4.5 -4.5H4.5V4.5H-4.5Z",
  day_limit: "M0 -6L6 0L0 6L-6 0Z",
};

/** crossing: +1 points up, -1 down. */
export const mark = (kind, crossing, x, y, attributes = {}) => svg("path", {
  d: SHAPES[kind], transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})${crossing < 0 ? " scale(1 -1)" : ""}`,
  ...attributes, class: `mark ${kind} ${crossing < 0 ? "down" : "up"} ${attributes.class ?? ""}`,
});

const sample = (drawn) => svg("svg", { class: "swatch", viewBox: "0 0 22 14", "aria-hidden": "true" }, drawn);
const line = (kind) => svg("line", { class: kind, x1: 0, x2: 22, y1: 7, y2: 7 });

export const legend = () => [
  ["score", sample(line("score"))],
  ["threshold", sample(line("limit"))],
  ...Object.entries(KINDS).map(([kind, name]) => [name, sample(mark(kind, 1, 11, 7))]),
  ["no score", sample(svg("line", { class: "hole", x1: 11, x2: 11, y1: 3, y2: 11 }))],
];
