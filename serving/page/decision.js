// One decision in full: how its score came about, which component gave what, and what stood against it.

import { html, svg } from "./dom.js";
import * as format from "./format.js";
import { KINDS, kindOf } from "./marks.js";

const LEAST_AXIS = 0.05;

const signedBar = (value, most) => {
  const wide = Math.min(50, (50 * Math.abs(value)) / most);
  return svg("svg", { class: "meter", "aria-hidden": "true" },
    svg("rect", { class: value < 0 ? "down" : "up", x: `${value < 0 ? 50 - wide : 50}%`, width: `${wide}%`, y: 2, height: 11 }),
    svg("line", { class: "axis", x1: "50%", x2: "50%", y1: 0, y2: 15 }));
};

const contributions = (one) => {
  const all = Object.entries(one.contributions ?? {});
  const most = Math.max(LEAST_AXIS, ...all.map(([, value]) => Math.abs(value ?? 0)));
  return html("div", { class: "rows contributions", role: "group", "aria-label": "Contributions to the score by component" },
    all.flatMap(([name, value]) => (format.isKnown(value)
      ? [html("span", {}, format.words(name)), signedBar(value, most), html("span", { class: "n", "data-term": name }, format.score(value))]
      : [html("span", { class: "muted" }, format.words(name)), html("span", { class: "open" }, "absent"),
        html("span", { class: "n muted", "data-term": name }, format.ABSENT)])),
    html("span", { class: "total" }, "score, their sum"), html("span", { class: "total" }),
    html("span", { class: "n total" }, format.score(one.score)));
};

const equation = (one) => {
  const part = (name, text) => html("span", {}, `${name} `, html("b", {}, text));
  return html("p", { class: "equation" },
    part("raw", format.score(one.raw)), part("session", format.factor(one.session_factor)),
    part("cycle", format.factor(one.cycle_factor)), part("volatility", format.factor(one.volatility_factor)),
    part("threshold", format.threshold(one.threshold)), part("exceedance", format.number(one.exceedance, 2)),
    html("span", { class: one.weight_present < 0.9995 ? "open" : "" }, `${format.percent(one.weight_present)} of the weight present`));
};

export const outcome = (one) => {
  const kind = kindOf(one);
  if (!format.isKnown(one.score)) return "no score";
  if (!kind) return "no crossing";
  return `${one.crossing < 0 ? "\u25bc down" : "\u25b2 up"}: ${KINDS[kind]}${one.live.act ? ", acted on" : ""}`;
};

/** `one` in full, or what there is to say without one. */
export const draw = (box, one, pinned) => {
  if (!one) {
    box.replaceChildren(html("p", { class: "empty" }, "No decision yet on this day."));
    return;
  }
  const why = one.live.why ?? [];
  const facts = [
    ["close", `${format.price(one.close)}, barrier ${format.price(one.barrier)} points`],
    ["decided", `${format.micros(one.live.latency_us)} after its event${one.live.recovered ? ", in catching up" : ""}`],
    ["session, regime", `${format.words(one.session)}, ${format.words(one.regime)}`],
    ["number, fingerprint", `${one.number}, ${one.fingerprint ?? format.ABSENT}`],
  ];
  box.replaceChildren(
    html("p", { class: "headline" }, html("span", { class: "big", "data-field": "decision-score" }, format.score(one.score)),
      html("span", { class: "strong" }, outcome(one)), pinned && html("span", { class: "flag open" }, "NOT THE LATEST")),
    html("p", { class: "muted headline" }, html("span", {}, `${format.exchange(one.ms)} ET, ${format.utc(one.ms)} UTC`),
      html("span", {}, `${one.version}, ${one.role}`), one.overridden && html("span", { class: "odd strong" }, "OVERRIDDEN")),
    equation(one), contributions(one),
    ...(why.length ? [html("ul", { class: "why", "aria-label": "Reasons" }, why.map((reason) => html("li", {}, reason)))] : []),
    html("dl", { class: "facts" }, facts.flatMap(([name, text]) => [html("dt", {}, name), html("dd", {}, text)])));
};
