// What the models give for a crossing, each against the mark that their ensemble must exceed.

import { html, svg } from "./dom.js";
import * as format from "./format.js";

const meter = (value, mark) => svg("svg", { class: "meter", "aria-hidden": "true" },
  svg("rect", { class: "track", x: 0, width: "100%", y: 4, height: 7 }),
  svg("rect", { class: `amount ${value > mark ? "pass" : "fail"}`, x: 0, width: `${Math.max(0, Math.min(100, 100 * value))}%`, y: 4, height: 7 }),
  format.isKnown(mark) && svg("line", { class: "needed", x1: `${100 * mark}%`, x2: `${100 * mark}%`, y1: 0, y2: 15 }));

const row = (name, value, mark, kind) => (format.isKnown(value)
  ? [html("span", { class: kind }, name), html("span", { class: kind }, meter(value, mark)),
    html("span", { class: `n ${kind}`, "data-model": name }, format.probability(value))]
  : [html("span", { class: "muted" }, name), html("span", { class: "open" }, "absent"), html("span", { class: "n muted" }, format.ABSENT)]);

const asked = (one) => format.isKnown(one.probability);

/** one: the decision shown, if any. list: decisions before it and it, of its version; the last that asked is shown. */
export const draw = (box, one, list) => {
  const found = one && asked(one) ? one : list.findLast((each) => asked(each) && (!one || each.number <= one.number));
  if (!found) {
    box.replaceChildren(html("p", { class: "empty" }, "The models are asked when the score crosses: not yet on this day."));
    return;
  }
  const passed = found.probability > found.pass_mark;
  box.replaceChildren(
    html("p", { class: "headline" },
      html("span", { class: `strong ${passed ? "good" : "open"}` }, passed ? "\u2713 passes" : "\u2717 filtered"),
      html("span", { class: "muted" }, `asked at ${format.exchange(found.ms)} ET, ${format.utc(found.ms)} UTC${found === one ? "" : ", the last crossing that met the filter"}`)),
    html("div", { class: "rows filter", role: "group", "aria-label": "Probability of a net gain by model" },
      Object.entries(found.models ?? {}).flatMap(([name, value]) => row(name, value, found.pass_mark, "")),
      row("ensemble", found.probability, found.pass_mark, "total"),
      html("span", { class: "muted" }, "pass mark"), html("span"), html("span", { class: "n", "data-model": "pass mark" }, format.probability(found.pass_mark))));
};
