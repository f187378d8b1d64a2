// Every version that scores: its paper account, and its verdict against the champion on one axis.

import { cell, heading, html, memo, svg, table } from "./dom.js";
import * as format from "./format.js";
import { lineOf, swatch } from "./equity.js";

const SIGNS = { promote: "\u25b2", keep: "\u25a0", inconclusive: "?" };
const COLUMNS = [["Version"], ["Position"], ["Equity, USD", "n"], ["Today, USD", "n"], ["Trades", "n"], ["Mean, R", "n"], ["Against champion, USD a day"]];

/** Ends of an axis that has 0 and every interval on it. */
const axisOf = (versions) => {
  const seen = versions.flatMap(({ against_champion: verdict }) =>
    (verdict ? [verdict.low, verdict.high, verdict.mean].filter(format.isKnown) : []));
  const [low, high] = [Math.min(0, ...seen), Math.max(0, ...seen)];
  const room = 0.06 * (high - low || 1);
  return [low - room, high + room];
};

const interval = (verdict, [low, high]) => {
  const at = (value) => `${(100 * (value - low)) / (high - low)}%`;
  return svg("svg", { class: `meter ${verdict.verdict in SIGNS ? verdict.verdict : "inconclusive"}`, "aria-hidden": "true" },
    svg("line", { class: "axis", x1: at(0), x2: at(0), y1: 0, y2: 15 }),
    format.isKnown(verdict.low) && format.isKnown(verdict.high)
      && svg("line", { class: "interval", x1: at(verdict.low), x2: at(verdict.high), y1: 7.5, y2: 7.5 }),
    format.isKnown(verdict.mean) && svg("circle", { class: "dot", cx: at(verdict.mean), cy: 7.5, r: 4.5 }));
};

const TONES = { promote: "good", keep: "bad" };

const against = (one, ends) => {
  const verdict = one.against_champion;
  if (one.role === "champion") return [html("span", { class: "muted" }, "is the champion")];
  if (!verdict) return [html("span", { class: "muted" }, one.role === "standby" ? "does not score" : "no verdict yet")];
  const unit = verdict.unit === "USD a day" ? "" : ` ${verdict.unit ?? ""}`;
  return [
    interval(verdict, ends),
    html("span", { class: `status-word ${TONES[verdict.verdict] ?? "open"}` }, `${SIGNS[verdict.verdict] ?? "?"} ${verdict.verdict}`), " ",
    html("span", { "data-field": "against" }, `${format.signed(verdict.mean, 1)} [${format.signed(verdict.low, 1)}, ${format.signed(verdict.high, 1)}]${unit}`),
    html("span", { class: "muted" }, `, ${format.number(verdict.days)} days`),
  ];
};

const row = (one, kind, ends) => {
  const paper = one.paper ?? {};
  const entry = format.isKnown(paper.entry_price) ? ` at ${format.price(paper.entry_price)}` : "";
  return html("tr", { role: "row", "data-version": one.version },
    heading(html("span", {}, swatch(kind), " ", one.version), html("span", { class: "under" },
      `${one.role}, threshold ${format.threshold(one.threshold)}, ${(one.members ?? []).join(", ") || "no models"}, seal ${String(one.seal ?? "").slice(0, 8)}`),
    one.overridden && html("span", { class: "odd strong under" }, `OVERRIDDEN: ${one.overridden}`)),
    cell("Position", "", format.position(paper.position) + entry),
    cell("Equity, USD", "n", format.number(paper.equity_usd, 2)), cell("Today, USD", "n", format.signed(paper.day_usd, 2)),
    cell("Trades", "n", format.number(paper.trades)), cell("Mean, R", "n", format.signed(paper.mean_r, 2)),
    html("td", { role: "cell", class: "against" }, against(one, ends)));
};

export const draw = (box) => memo((versions) => {
  if (versions.length === 0) {
    box.replaceChildren(html("p", { class: "empty" }, "No version is loaded."));
    return;
  }
  const lines = lineOf(versions);
  const ends = axisOf(versions);
  const alone = !versions.some((one) => one.role === "shadow");
  box.replaceChildren(table("Versions", COLUMNS, versions.map((one) => row(one, lines.get(one.version), ends))),
    ...(alone ? [html("p", { class: "muted" }, "No shadow scores beside the champion.")] : []));
});
