// The page: one store, one connection, and one drawing a frame of whatever has changed.

import { SPANS } from "./axes.js";
import { Banners } from "./banner.js";
import { Connection, tokenIsPossible } from "./connection.js";
import * as decision from "./decision.js";
import { byId, html, memo, offer, say } from "./dom.js";
import { Equity } from "./equity.js";
import * as feeds from "./feeds.js";
import * as filter from "./filter.js";
import * as format from "./format.js";
import { kindOf, KINDS } from "./marks.js";
import { Latency } from "./latency.js";
import { Store } from "./store.js";
import { Decisions } from "./table.js";
import * as theme from "./theme.js";
import * as tiles from "./tiles.js";
import { Timeline } from "./timeline.js";
import * as versions from "./versions.js";

const TOKEN = "mia.token";

const store = new Store();
const view = { link: { phase: "none" }, span: "day", pinned: null, spokenOf: null };
let waiting = false;

const refresh = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
};

const pick = (number) => {
  view.pinned = number;
  refresh();
};

const connection = new Connection(store, (link) => {
  const wasLost = view.link.phase === "lost" || view.link.again;
  view.link = { ...link, again: link.phase === "connecting" && wasLost, why: link.why ?? view.link.why };
  if (link.phase === "refused") ask(link.why);
  refresh();
}, refresh);

const banners = new Banners(byId("flags"), byId("banners"), byId("spoken"), () => connection.now());
const timeline = new Timeline(byId("score-chart"), byId("score-readout"), pick);
const equity = new Equity(byId("equity-chart"), byId("equity-legend"), byId("equity-since"));
const latency = new Latency(byId("latency-chart"), byId("latency-said"));
const decisions = new Decisions(byId("decisions"), byId("pager"), pick, refresh);
const drawTiles = tiles.draw(byId("tiles"));
const drawFeeds = feeds.draw(byId("feeds"));
const drawVersions = versions.draw(byId("versions"));

/** Scores, decision, filter and table hang on the decisions alone: drawn when those or what is chosen have changed. */
const drawDecisions = memo((_version, shown, whose, which, span, pinned) => {
  const list = store.of(shown);
  const found = pinned === null ? undefined : store.decisions.findLast((one) => one.number === pinned);
  const one = found ?? list.at(-1);
  const sameVersion = found ? store.of(found.version) : list;
  timeline.draw(list, span, pinned);
  decision.draw(byId("decision"), one, Boolean(found) && one.number !== list.at(-1)?.number);
  filter.draw(byId("filter"), one, sameVersion);
  decisions.draw(store.of(whose), which, pinned);
  byId("follow").hidden = !found;
});

const drawEquity = memo((_key, span) => equity.draw(store, span));
const drawLatency = memo((given) => latency.draw(given));

const announce = () => {
  const one = store.of("champion").at(-1);
  if (!one || one.number === view.spokenOf) return;
  view.spokenOf = one.number;
  const kind = kindOf(one);
  if (kind) say(byId("spoken"), `${KINDS[kind]} ${one.crossing < 0 ? "down" : "up"}, score ${format.score(one.score)}, ${format.exchange(one.ms)} ET`);
};

function draw() {
  banners.draw(store, view.link);
  const { state } = store;
  byId("desk").hidden = state === null;
  if (state === null) return;
  const ms = format.toMs(state.time_ns);
  say(byId("contract"), [state.instrument, state.contract].filter(Boolean).join(" "));
  say(byId("day"), `${format.day(state.day)}${state.clock === "event" ? ", replay" : ""}`);
  say(byId("clock-exchange"), format.exchange(ms));
  say(byId("clock-utc"), format.utc(ms));
  const all = state.versions ?? [];
  const names = [...new Set([...all.map((one) => one.version), ...store.decisions.map((one) => one.version)])];
  offer(byId("shown"), [["champion", "the champion"], ...names.map((name) => [name, name])]);
  offer(byId("whose"), [["champion", "the champion"], ["all", "all versions"], ...names.map((name) => [name, name])]);
  drawTiles(store, store.of("champion"));
  const size = [document.documentElement.clientWidth, byId("score-chart").clientHeight];
  drawDecisions(store.version, byId("shown").value, byId("whose").value, byId("which").value, view.span, view.pinned, size);
  drawEquity([size, all.map((one) => [one.version, one.role, one.paper, store.equity.get(one.version)?.at(-1)])], view.span);
  drawLatency(state.latency_us ?? {}, size);
  drawVersions(all);
  drawFeeds(state.feeds ?? []);
  announce();
}

function ask(why = "") {
  sessionStorage.removeItem(TOKEN);
  store.forget();
  view.pinned = null;
  byId("door").hidden = false;
  byId("leave").hidden = true;
  say(byId("door-said"), why);
  byId("token").focus();
  refresh();
}

function open(token) {
  sessionStorage.setItem(TOKEN, token);
  byId("door").hidden = true;
  byId("leave").hidden = false;
  connection.start(token);
}

byId("door").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = byId("token").value.trim();
  byId("token").value = "";
  if (tokenIsPossible(token)) open(token);
  else say(byId("door-said"), "A token has letters, digits and . _ ~ - only.");
});
byId("leave").addEventListener("click", () => {
  sessionStorage.removeItem(TOKEN);
  location.reload(); // nothing of what was read stays behind
});
byId("spans").append(...SPANS.map(([value, name]) => {
  const button = html("button", { type: "button", "aria-pressed": String(value === view.span) }, name);
  button.addEventListener("click", () => {
    view.span = value;
    for (const each of byId("spans").querySelectorAll("button")) each.setAttribute("aria-pressed", String(each === button));
    refresh();
  });
  return button;
}));
byId("follow").addEventListener("click", () => pick(null));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") pick(null);
});
for (const id of ["shown", "whose", "which"]) {
  byId(id).addEventListener("change", () => {
    if (id === "shown") view.pinned = null;
    refresh();
  });
}
theme.wire(byId("theme"));
new ResizeObserver(refresh).observe(document.body);
window.addEventListener("online", () => connection.now());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && connection.now());
setInterval(() => view.link.phase === "lost" && refresh(), 1000);

const kept = sessionStorage.getItem(TOKEN);
if (kept) open(kept);
else ask();
