// Paper equity over the session: the champion thick, shadows thin, all on one scale in USD.

import { grid, scales, sizeOf, span } from "./axes.js";
import { html, say, svg } from "./dom.js";
import * as format from "./format.js";
import { steps, thin } from "./scale.js";

const LEAST_USD = 50; // so that a day of one tick is not drawn as a wild one
const SHADOWS = 8;

/** Class of each version's line: the champion has its own, the others in their order. */
export const lineOf = (versions) => {
  let k = 0;
  return new Map(versions.map((one) => [one.version, one.role === "champion" ? "s0" : `s${1 + (k++ % SHADOWS)}`]));
};

export const swatch = (kind) =>
  svg("svg", { class: "swatch", viewBox: "0 0 22 14", "aria-hidden": "true" }, svg("line", { class: `series ${kind}`, x1: 0, x2: 22, y1: 7, y2: 7 }));

const inSpan = (curve, fromMs) => {
  const first = curve.findIndex(([ms]) => ms >= fromMs);
  if (first < 0) return curve.slice(-1).map(([, usd]) => [fromMs, usd]);
  return first === 0 ? curve : [[fromMs, curve[first - 1][1]], ...curve.slice(first)];
};

/** What an account was worth at a moment: its last value up to then. */
const worthAt = (curve, ms) => (curve.findLast(([at]) => at <= ms) ?? curve[0])[1];

export class Equity {
  #shown = null; // what the last drawing was made of
  #cross = svg("line", { class: "cross", visibility: "hidden" });

  constructor(box, legend, since) {
    Object.assign(this, { box, legend, since });
    this.root = svg("svg", { role: "img" });
    box.append(this.root);
    this.root.addEventListener("pointermove", (event) => this.#tell(event.offsetX));
    this.root.addEventListener("pointerleave", () => this.#tell(null));
  }

  draw(store, chosen) {
    const size = sizeOf(this.box);
    if (!size) return;
    const versions = (store.state?.versions ?? []).filter((one) => store.equity.get(one.version)?.length);
    const lines = lineOf(versions);
    this.root.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    if (versions.length === 0) {
      this.#shown = null;
      this.legend.replaceChildren();
      this.root.setAttribute("aria-label", "Paper equity: no account yet");
      this.root.replaceChildren(svg("text", { x: size.width / 2, y: size.height / 2, "text-anchor": "middle" }, "no paper account yet"));
      return;
    }
    const all = versions.map((one) => store.equity.get(one.version));
    const [from, to] = span(chosen, Math.min(...all.map((curve) => curve[0][0])), Math.max(...all.map((curve) => curve.at(-1)[0])));
    const seen = all.map((curve) => inSpan(curve, from));
    const values = seen.flatMap((curve) => curve.map(([, usd]) => usd));
    const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
    const room = Math.max(0.08 * (high - low), (LEAST_USD - (high - low)) / 2);
    const at = scales(size, [from, to], [low - room, high + room]);
    this.#shown = { at, versions, lines, store };
    this.#tell(null);
    const drawn = versions.map((one, k) => {
      const points = seen[k].map(([ms, usd]) => [at.x(ms), at.y(usd)]);
      const [x, y] = points.at(-1);
      const kind = lines.get(one.version);
      return svg("g", { "data-version": one.version },
        svg("path", { class: `series ${kind}`, d: steps(thin(points, at.right - at.left)) }),
        svg("circle", { class: `series-dot ${kind}`, cx: x, cy: y, r: kind === "s0" ? 3 : 2, stroke: "none" }));
    });
    this.root.replaceChildren(grid(at, (value) => format.number(value, 0)), ...drawn.reverse(), this.#cross);
    this.root.setAttribute("aria-label", `Paper equity in USD: ${versions.map((one) =>
      `${one.version} ${format.usd(one.paper?.equity_usd)}`).join(", ")}`);
  }

  /** The legend with what each account is worth; under the pointer, what it was worth then. */
  #tell(x) {
    if (this.#shown === null) return;
    const { at, versions, lines, store } = this.#shown;
    const seen = x !== null && x >= at.left && x <= at.right;
    const ms = seen ? at.fromMs + ((x - at.left) / (at.right - at.left)) * (at.toMs - at.fromMs) : null;
    this.#cross.setAttribute("visibility", seen ? "visible" : "hidden");
    if (seen) for (const [name, value] of [["x1", x], ["x2", x], ["y1", at.top], ["y2", at.bottom]]) this.#cross.setAttribute(name, value);
    const from = store.equityFromMs === null ? "" : `from ${format.exchange(store.equityFromMs)} ET on`;
    say(this.since, seen ? `at ${format.exchange(ms)} ET, ${format.utc(ms)} UTC` : from);
    this.legend.replaceChildren(...versions.map((one) => html("li", {}, swatch(lines.get(one.version)),
      html("span", { class: "name" }, one.version),
      format.usd(seen ? worthAt(store.equity.get(one.version), ms) : one.paper?.equity_usd))));
  }
}
