// Decisions of the day, the latest first, a page at a time: a row is made once and kept while it is on the page.

import { arrange, byId, cell, html, say, table } from "./dom.js";
import { outcome } from "./decision.js";
import * as format from "./format.js";
import { kindOf } from "./marks.js";

const PAGE = 30;
const COLUMNS = [["Time ET"], ["UTC"], ["Score", "n"], ["Threshold", "n"], ["Action"], ["Version"], ["p, pass mark", "n"],
  ["Close, points", "n"], ["Session"], ["Regime"], ["Latency", "n"], ["Reasons"]];

export const WHICH = {
  all: ["all", () => true],
  crossings: ["crossings", (one) => kindOf(one) !== null],
  signals: ["signals", (one) => one.action === "signal"],
  holes: ["without a score", (one) => !format.isKnown(one.score)],
};

const make = (one, pick) => {
  const button = html("button", { type: "button", class: "row", "aria-label": `Show the decision of ${format.exchange(one.ms)} ET, ${one.version}` }, format.exchange(one.ms));
  button.addEventListener("click", () => pick(one.number));
  const kind = kindOf(one);
  const why = one.live.why ?? [];
  const p = format.isKnown(one.probability) ? `${format.probability(one.probability)}, ${format.probability(one.pass_mark)}` : format.ABSENT;
  const side = one.crossing > 0 ? "up-text" : "down-text";
  return html("tr", { role: "row", "data-number": one.number, class: kind ? "crossed" : "" },
    cell("Time ET", "", button), cell("UTC", "", format.utc(one.ms)),
    cell("Score", "n", html("span", { class: "strong" }, format.score(one.score))), cell("Threshold", "n", format.threshold(one.threshold)),
    cell("Action", `action ${kind ? side : "muted"}`, outcome(one)),
    cell("Version", "wrap", html("span", {}, one.version, html("span", { class: "muted" }, ` ${one.role}`), one.overridden && html("b", { class: "odd" }, " OVERRIDDEN"))),
    cell("p, pass mark", "n extra", p), cell("Close, points", "n extra", format.price(one.close)),
    cell("Session", "extra", format.words(one.session)), cell("Regime", "extra", format.words(one.regime)),
    cell("Latency", "n extra", format.micros(one.live.latency_us)),
    cell("Reasons", `wrap whole ${why.length ? "" : "none"}`, html("span", {}, why.join("; "))));
};

export class Decisions {
  #rows = new Map();
  #page = 0;

  /** pick: called with the number of a chosen decision. turned: when another page is to be drawn. */
  constructor(box, pager, pick, turned) {
    Object.assign(this, { box, pager, pick });
    const step = (name, move) => {
      const button = html("button", { type: "button" }, name);
      button.addEventListener("click", () => {
        this.#page = move(this.#page);
        turned();
      });
      return button;
    };
    this.count = html("span", { id: "count" });
    this.buttons = [step("Latest", () => 0), step("Later", (page) => page - 1), step("Earlier", (page) => page + 1)];
    pager.append(this.count, ...this.buttons);
    this.empty = html("p", { class: "empty" }, "None on this day.");
    this.table = table("Decisions of the day, the latest first", COLUMNS, []);
    this.body = this.table.tBodies[0];
    box.append(this.table, this.empty);
    byId("which").replaceChildren(...Object.entries(WHICH).map(([value, [text]]) => html("option", { value }, text)));
  }

  /** list: oldest first. */
  draw(list, which, pinned) {
    const chosen = which === "all" ? list : list.filter(WHICH[which][1]);
    const pages = Math.max(1, Math.ceil(chosen.length / PAGE));
    this.#page = Math.min(Math.max(0, this.#page), pages - 1);
    const end = chosen.length - this.#page * PAGE;
    const seen = chosen.slice(Math.max(0, end - PAGE), end).reverse();
    const rows = new Map(seen.map((one) => [one.number, this.#rows.get(one.number) ?? this.#fresh(one)]));
    this.#rows = rows;
    arrange(this.body, [...rows.values()]);
    for (const [number, row] of rows) row.classList.toggle("pinned", number === pinned);
    this.table.hidden = seen.length === 0;
    this.empty.hidden = seen.length !== 0;
    say(this.count, seen.length ? `${format.number(chosen.length - end + 1)} to ${format.number(chosen.length - end + seen.length)} of ${format.number(chosen.length)}` : "0");
    const [latest, later, earlier] = this.buttons;
    latest.disabled = later.disabled = this.#page === 0;
    earlier.disabled = this.#page >= pages - 1;
  }

  /** A row that comes to a page that is already there is lit for a moment. */
  #fresh(one) {
    const row = make(one, this.pick);
    if (this.#rows.size && this.#page === 0) row.classList.add("fresh");
    return row;
  }
}
