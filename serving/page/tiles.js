// The figures a desk looks at first: one row of tiles.

import { html, memo } from "./dom.js";
import * as format from "./format.js";
import { KINDS, kindOf } from "./marks.js";

const tile = (name, key, big, under) => html("div", { class: "tile" },
  html("dt", {}, name), html("dd", { class: "big", "data-field": key }, big),
  html("dd", { class: "under", "data-field": `${key}-under` }, under));

const share = (one) => {
  if (!one) return "no decision yet";
  if (!format.isKnown(one.score)) return one.live.why?.[0] ?? "no score";
  return `threshold ${format.threshold(one.threshold)}, ${format.percent(Math.abs(one.score) / one.threshold)} of it`;
};

const lastCrossing = (list) => {
  const one = list.findLast((each) => kindOf(each) !== null);
  return one ? [`${one.crossing < 0 ? "\u25bc" : "\u25b2"} ${KINDS[kindOf(one)]}`, `${format.exchangeShort(one.ms)} ET, ${format.utcShort(one.ms)} UTC`]
    : ["none", "no crossing on this day"];
};

const figures = (state, champion, list) => {
  const one = list.at(-1);
  const paper = champion?.paper;
  const [crossing, crossedAt] = lastCrossing(list);
  return [
    ["Score", "score", one ? format.score(one.score) : format.ABSENT, share(one)],
    ["Last crossing", "crossing", crossing, crossedAt],
    ["Session", "session", format.words(state.session) || format.ABSENT, one ? `${format.factor(one.session_factor)} on the score` : ""],
    ["Volatility regime", "regime", format.words(state.regime) || format.ABSENT,
      one ? `${format.factor(one.volatility_factor)}, cycle ${format.factor(one.cycle_factor)}` : ""],
    ["Position", "position", format.position(paper?.position),
      format.isKnown(paper?.entry_price) ? `from ${format.price(paper.entry_price)}` : "no open trade"],
    ["Paper equity, USD", "equity", format.number(paper?.equity_usd, 2), `today ${format.gain(paper?.day_usd)}`],
    ["Decisions today", "decisions", format.number(state.decisions?.today), `${format.number(state.listeners)} listening`],
  ];
};

/** list: decisions of the champion's role. */
export const draw = (box) => {
  const write = memo((rows) => box.replaceChildren(...rows.map((row) => tile(...row))));
  return (store, list) => write(figures(store.state, store.champion(), list));
};
