// Histogram of the time from event to decision, in bins of powers, with its median and its 99th percentile.

import { sizeOf } from "./axes.js";
import { say, svg } from "./dom.js";
import { micros, number } from "./format.js";
import { linear } from "./scale.js";

const LEFT = 40;
const BOTTOM = 20;
const TOP = 18;

/** Bins [from, to, count]; the first and the last are open and get the width of their neighbours. */
export const bins = ({ bounds = [], counts = [] }) => {
  if (bounds.length < 2) return [];
  const below = bounds[0] > 0 ? (bounds[0] * bounds[0]) / bounds[1] : bounds[1] / 10;
  const above = (bounds.at(-1) * bounds.at(-1)) / bounds.at(-2);
  const edges = [below, ...bounds, ...(counts.length > bounds.length ? [above] : [])];
  const all = counts.map((count, k) => [edges[k], edges[k + 1], count]);
  const first = all.findIndex(([, , count]) => count > 0);
  const last = all.findLastIndex(([, , count]) => count > 0);
  return first < 0 ? [] : all.slice(Math.max(0, first - 1), last + 2);
};

const powers = (from, to) => {
  const found = [];
  for (let k = Math.ceil(Math.log10(from) - 1e-9); 10 ** k <= to * (1 + 1e-9); k += 1) found.push(10 ** k);
  return found;
};

export class Latency {
  constructor(box, said) {
    Object.assign(this, { box, said });
    this.root = svg("svg", { role: "img" });
    box.append(this.root);
  }

  draw(latency) {
    const size = sizeOf(this.box);
    if (!size) return;
    const all = bins(latency);
    const { p50, p99, n } = latency;
    say(this.said, all.length ? `p50 ${micros(p50)}, p99 ${micros(p99)}, ${number(n)} decisions` : "");
    this.root.setAttribute("aria-label", all.length
      ? `Latency from event to decision: median ${micros(p50)}, 99th percentile ${micros(p99)}, of ${number(n)} decisions`
      : "Latency: nothing measured yet");
    this.root.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    if (all.length === 0) {
      this.root.replaceChildren(svg("text", { x: size.width / 2, y: size.height / 2, "text-anchor": "middle" }, "nothing measured yet"));
      return;
    }
    const [from, to] = [all[0][0], all.at(-1)[1]];
    const bottom = size.height - BOTTOM;
    const log = linear(Math.log10(from), Math.log10(to), LEFT, size.width - 8);
    const x = (us) => log(Math.log10(us));
    const most = Math.max(...all.map(([, , count]) => count));
    const y = linear(0, most, bottom, TOP);
    const bars = all.map(([left, right, count]) => svg("rect", {
      class: "bin", x: x(left) + 0.5, width: Math.max(0.5, x(right) - x(left) - 1), y: count ? Math.min(y(count), bottom - 1) : bottom,
      height: count ? Math.max(1, bottom - y(count)) : 0,
    }, svg("title", {}, `${micros(left)} to ${micros(right)}: ${number(count)}`)));
    const ticks = powers(from, to).flatMap((us) => [
      svg("line", { class: "grid-line", x1: x(us), x2: x(us), y1: TOP, y2: bottom }),
      svg("text", { x: x(us), y: bottom + 14, "text-anchor": "middle" }, micros(us).replace(".0", "")),
    ]);
    const quantiles = [["p50", p50, "end", -4], ["p99", p99, "start", 4]].filter(([, us]) => us >= from && us <= to);
    this.root.replaceChildren(
      svg("text", { x: LEFT - 6, y: TOP + 4, "text-anchor": "end" }, number(most)),
      svg("text", { x: LEFT - 6, y: bottom, "text-anchor": "end" }, "0"),
      ...ticks, svg("line", { class: "zero", x1: LEFT, x2: size.width - 8, y1: bottom, y2: bottom }), ...bars,
      ...quantiles.flatMap(([name, us, anchor, beside]) => [
        svg("line", { class: "quantile", x1: x(us), x2: x(us), y1: 2, y2: bottom }),
        svg("text", { class: "quantile-name", x: x(us) + beside, y: 12, "text-anchor": anchor }, name),
      ]));
  }
}
