// Score and threshold over time, with what became of each crossing; a readout for the pointer and the arrow keys.

import { grid, scales, sizeOf, span } from "./axes.js";
import { byId, html, say, svg } from "./dom.js";
import * as format from "./format.js";
import { KINDS, kindOf, legend, mark } from "./marks.js";
import { nearest, path, steps, thin } from "./scale.js";

const HEADROOM = 1.12;
const LEAST_SCORE = 0.05; // so that a flat day is not drawn as a wild one
const BAND_NAME_PX = 64;

const runs = (list, key) => {
  const found = [];
  for (const one of list) {
    const last = found.at(-1);
    if (last && last.key === key(one)) last.to = one.ms;
    else {
      if (last) last.to = one.ms;
      found.push({ key: key(one), from: one.ms, to: one.ms });
    }
  }
  return found;
};

const bands = (at, list) => runs(list, (one) => one.session).flatMap(({ key, from, to }, k) => {
  const [x, end] = [at.x(from), at.x(to)];
  return [
    k % 2 === 0 && svg("rect", { class: "band", x, width: Math.max(0, end - x), y: at.top, height: at.bottom - at.top }),
    end - x > BAND_NAME_PX && svg("text", { x: x + 5, y: at.top + 12 }, format.words(key)),
  ];
});

const changes = (at, list) => runs(list, (one) => one.version).slice(1).flatMap(({ key, from }) => [
  svg("line", { class: "change", x1: at.x(from), x2: at.x(from), y1: at.top, y2: at.bottom }),
  svg("text", { class: "change-name", x: Math.min(at.x(from) + 4, at.right - 80), y: at.bottom - 5 }, key),
]);

const limits = (at, list) => {
  const pixels = at.right - at.left;
  return [1, -1].flatMap((side) => {
    const points = list.map((one) => (format.isKnown(one.threshold) ? [at.x(one.ms), at.y(side * one.threshold)] : null));
    const edge = steps(points);
    const first = points.find((point) => point !== null);
    const last = points.findLast((point) => point !== null);
    const rim = side > 0 ? at.top : at.bottom;
    return [
      first && points.length < 4 * pixels
        && svg("path", { class: "beyond", d: `${edge.replaceAll("M", "L").replace("L", "M")}L${last[0]} ${rim}L${first[0]} ${rim}Z` }),
      svg("path", { class: "limit", d: edge }),
    ];
  });
};

const curve = (at, list) => {
  const points = list.map((one) => (format.isKnown(one.score) ? [at.x(one.ms), at.y(one.score)] : null));
  const lone = points.filter((point, k) => point && !points[k - 1] && !points[k + 1]);
  return [
    svg("path", { class: "score", d: path(thin(points, at.right - at.left)) }),
    ...lone.slice(0, 200).map(([x, y]) => svg("circle", { class: "lone", cx: x, cy: y, r: 2 })),
  ];
};

const holes = (at, list) => svg("path", {
  class: "hole",
  d: [...new Set(list.filter((one) => !format.isKnown(one.score)).map((one) => Math.round(at.x(one.ms))))]
    .map((x) => `M${x + 0.5} ${at.bottom}v-6`).join(""),
});

export class Timeline {
  #list = [];
  #at = null;
  #focus = null; // number of the decision under the pointer or the keys
  #cross = svg("g", { visibility: "hidden" });

  /** pick: called with the number of a decision that was chosen. */
  constructor(box, readout, pick) {
    Object.assign(this, { box, readout, pick });
    this.root = svg("svg", { tabindex: "0", role: "img" });
    box.append(this.root);
    byId("score-legend").replaceChildren(...legend().map(([name, sample]) => html("li", {}, sample, name)));
    this.root.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.root.addEventListener("pointerdown", (event) => this.#point(event.offsetX));
    this.root.addEventListener("pointerleave", () => this.#show(null));
    this.root.addEventListener("click", () => this.#focus !== null && this.pick(this.#focus));
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  /** list: decisions oldest first. pinned: the number shown beside, or null. */
  draw(list, chosen, pinned) {
    const size = sizeOf(this.box);
    if (!size) return;
    this.root.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    if (list.length === 0) {
      this.#list = [];
      this.root.replaceChildren(svg("text", { x: size.width / 2, y: size.height / 2, "text-anchor": "middle" }, "no decision yet on this day"));
      this.root.setAttribute("aria-label", "Score: no decision yet on this day");
      this.#show(null);
      return;
    }
    const [from, to] = span(chosen, list[0].ms, list.at(-1).ms);
    this.#list = list.filter((one) => one.ms >= from);
    const most = this.#list.reduce((top, one) =>
      Math.max(top, Math.abs(one.score ?? 0), one.threshold ?? 0), LEAST_SCORE) * HEADROOM;
    const at = scales(size, [from, to], [-most, most]);
    this.#at = at;
    const crossed = this.#list.map((one) => [one, kindOf(one)]).filter(([, kind]) => kind !== null);
    const [under, over] = [svg("g"), svg("g", { "data-marks": crossed.length })];
    under.append(...bands(at, this.#list).filter(Boolean), grid(at, format.signed), ...limits(at, this.#list).filter(Boolean));
    over.append(...curve(at, this.#list), holes(at, this.#list), ...changes(at, this.#list), ...crossed.map(([one, kind]) =>
      mark(kind, one.crossing, at.x(one.ms), at.y(one.score ?? 0),
        { "data-number": one.number, class: one.number === pinned ? "pinned" : "" })));
    this.root.replaceChildren(under, over, this.#cross);
    this.root.setAttribute("aria-label", this.#summary(crossed));
    this.#show(this.#focus);
  }

  #summary(crossed) {
    const [first, last] = [this.#list[0], this.#list.at(-1)];
    const counts = Object.entries(KINDS).map(([kind, name]) => [crossed.filter(([, one]) => one === kind).length, name])
      .filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`);
    return `Score from ${format.exchangeShort(first.ms)} to ${format.exchangeShort(last.ms)} ET, ${this.#list.length} decisions: `
      + `last ${format.score(last.score)}, threshold ${format.threshold(last.threshold)}; ${counts.join(", ") || "no crossing"}. `
      + "Arrow keys read single decisions, Enter shows one beside.";
  }

  #point(x) {
    if (this.#list.length === 0) return;
    const ms = this.#at.fromMs + ((x - this.#at.left) / (this.#at.right - this.#at.left)) * (this.#at.toMs - this.#at.fromMs);
    this.#show(this.#list[nearest(this.#list.map((one) => one.ms), ms)].number);
  }

  #key(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30, Home: -Infinity, End: Infinity };
    const end = this.#list.length - 1;
    if (event.key in moves && end >= 0) {
      const found = this.#list.findIndex((one) => one.number === this.#focus);
      const place = Math.min(end, Math.max(0, (found < 0 ? end : found) + moves[event.key]));
      this.#show(this.#list[place].number);
      this.readout.setAttribute("aria-live", "polite");
    } else if (event.key === "Enter" && this.#focus !== null) this.pick(this.#focus);
    else if (event.key === "Escape") this.#show(null);
    else return;
    event.preventDefault();
  }

  /** The readout of one decision; of the latest without one. */
  #show(number) {
    const found = number === null ? undefined : this.#list.find((one) => one.number === number);
    this.#focus = found ? number : null;
    this.#cross.setAttribute("visibility", found ? "visible" : "hidden");
    const one = found ?? this.#list.at(-1);
    if (!found) this.readout.setAttribute("aria-live", "off");
    else {
      const [x, y] = [this.#at.x(one.ms), this.#at.y(one.score ?? 0)];
      this.#cross.replaceChildren(
        svg("line", { class: "cross", x1: x, x2: x, y1: this.#at.top, y2: this.#at.bottom }),
        format.isKnown(one.score) ? svg("circle", { class: "cross-dot", cx: x, cy: y, r: 3.5 }) : svg("g"));
    }
    if (!one) {
      say(this.readout, "");
      return;
    }
    const kind = kindOf(one);
    const pairs = [
      [found ? "at" : "latest", `${format.exchange(one.ms)} ET, ${format.utc(one.ms)} UTC`],
      ["score", format.isKnown(one.score) ? format.score(one.score) : "none"],
      ["threshold", format.threshold(one.threshold)],
      ["close", format.price(one.close)],
      ["session", format.words(one.session)],
      ["regime", format.words(one.regime)],
      ...(kind ? [["crossing", `${one.crossing < 0 ? "down" : "up"}, ${KINDS[kind]}`]] : []),
    ];
    this.readout.replaceChildren(...pairs.map(([name, value]) =>
      html("span", {}, html("span", { class: "muted" }, `${name} `), html("b", {}, value))));
  }
}
