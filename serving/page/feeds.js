// Health of every feed: connected or not, how old its last event is, how fast it comes, what was refused, what is missing.

import { cell, heading, html, memo, table } from "./dom.js";
import * as format from "./format.js";

const COLUMNS = [["Feed"], ["State"], ["Age of last event", "n"], ["Rate, events/s", "n"], ["Events", "n"], ["Gaps", "n"], ["Refused", "n"]];

const refusals = (refused) => {
  const all = Object.entries(refused ?? {}).filter(([, count]) => count > 0);
  return [all.reduce((sum, [, count]) => sum + count, 0), all.map(([reason, count]) => `${format.words(reason)} ${format.number(count)}`).join(", ")];
};

const row = (feed) => {
  const [count, reasons] = refusals(feed.refused);
  const ms = format.toMs(feed.last_ts_event);
  return html("tr", { role: "row", "data-feed": feed.name },
    heading(feed.name, html("span", { class: "under" }, `position ${format.number(feed.position)}`)),
    cell("State", "", html("span", { class: `status-word ${feed.connected ? "good" : "bad"}` }, feed.connected ? "\u25cf connected" : "\u25cb disconnected")),
    cell("Age of last event", "n whole", html("span", { class: "strong" }, format.seconds(feed.age_s)),
      html("span", { class: "under" }, ms === null ? "none yet" : `\u00a0${format.exchange(ms)} ET`)),
    cell("Rate, events/s", "n", format.number(feed.per_second, 1)),
    cell("Events", "n", format.number(feed.events)),
    cell("Gaps", `n ${feed.gaps > 0 ? "open strong" : ""}`, format.number(feed.gaps)),
    cell("Refused", `n whole ${count ? "open" : ""}`, html("span", { class: count ? "strong" : "" }, format.number(count)),
      reasons && html("span", { class: "under" }, `\u00a0${reasons}`)));
};

export const draw = (box) => memo((feeds) => box.replaceChildren(feeds.length
  ? table("Feeds", COLUMNS, feeds.map(row))
  : html("p", { class: "empty" }, "No feed is known.")));
