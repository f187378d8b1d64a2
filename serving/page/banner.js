// In which state the service is, said where it cannot be missed: flags in the bar that stays, and a line for each reason.

import { arrange, html, say } from "./dom.js";
import { exchange, number } from "./format.js";

const list = (reasons) => html("ul", {}, reasons.map((reason) => html("li", {}, reason)));

/** All that is in force, the gravest first: {key, tone, flag, title, reasons}. */
export const conditions = (store, link) => {
  const { state } = store;
  const found = [];
  const add = (key, tone, flag, title, reasons = []) => found.push({ key, tone, flag, title, reasons });
  if (link.phase === "lost" || (link.phase === "connecting" && link.again)) {
    add("lost", "bad", "DISCONNECTED", "DISCONNECTED", [
      link.why ?? "", link.phase === "connecting" ? "connecting again now" : `next attempt in ${Math.max(0, Math.ceil((link.until - Date.now()) / 1000))} s`,
      state ? `what is shown is as of ${exchange(state.time_ns / 1e6)} ET` : "nothing is known yet",
    ].filter(Boolean));
  }
  if (!state) return found;
  const champion = store.champion();
  const standing = state.stand_down ?? [];
  if (standing.length) add("stand-down", "bad", "STAND DOWN", "STAND DOWN: no signal is acted on", standing);
  for (const one of state.versions ?? []) {
    if (!one.overridden) continue;
    const isChampion = one.role === "champion";
    add(`override-${one.version}`, "odd", isChampion ? "OVERRIDDEN CHAMPION" : "OVERRIDDEN",
      `OVERRIDDEN ${one.role} ${one.version}: promoted against its gates`, [one.overridden]);
  }
  const why = (state.why ?? []).filter((reason) => !standing.includes(reason));
  if (!state.ready && (why.length || !standing.length)) {
    add("not-ready", "open", "NOT READY", "NOT READY", why.length ? why : ["the service does not say why"]);
  }
  if (!champion && state.decisions) add("no-champion", "open", "NO CHAMPION", "NO CHAMPION: nothing can be acted on");
  if (state.last_good_bundle) {
    add("last-good", "open", "LAST GOOD BUNDLE", "LAST GOOD BUNDLE in use: the registry did not give one at start");
  }
  if (state.registry && state.registry !== "ok") add("registry", "open", "REGISTRY", "REGISTRY", [state.registry]);
  if (state.synthetic) {
    add("synthetic", "open synthetic", "SYNTHETIC", "SYNTHETIC DATA", ["this shows that the machinery works, and nothing about a market"]);
  }
  if (store.unknown) add("unknown", "open", "", "NOT UNDERSTOOD", [`${number(store.unknown)} messages of the service; is this page of another version?`]);
  return found;
};

export class Banners {
  #lines = new Map();

  /** again: called when the reader does not want to wait for the next attempt. */
  constructor(flags, box, spoken, again) {
    Object.assign(this, { flags, box, spoken, again });
  }

  draw(store, link) {
    const found = conditions(store, link);
    const ready = store.state?.ready && !found.some(({ key }) => ["lost", "stand-down", "no-champion"].includes(key));
    const flags = [...(ready ? [["READY", "good"]] : []), ...found.filter(({ flag }) => flag).map(({ flag, tone }) => [flag, tone])];
    const key = JSON.stringify(flags);
    if (this.flags.dataset.key !== key) {
      this.flags.dataset.key = key;
      this.flags.replaceChildren(...flags.map(([flag, tone]) => html("span", { class: `flag ${tone}` }, flag)));
      say(this.spoken, flags.map(([flag]) => flag.toLowerCase()).join(", "));
    }
    arrange(this.box, found.map((one) => this.#line(one)));
    document.documentElement.classList.toggle("lost", link.phase === "lost" || Boolean(link.again));
    document.title = `${flags[0]?.[0] ?? "connecting"}${store.state?.synthetic && flags[0]?.[0] !== "SYNTHETIC" ? ", SYNTHETIC" : ""}: mia live ${store.state?.contract ?? ""}`;
  }

  #line({ key, tone, title, reasons }) {
    if (!this.#lines.has(key)) {
      const again = html("button", { type: "button" }, "Try now");
      again.addEventListener("click", this.again);
      this.#lines.set(key, html("div", { class: `banner ${tone}`, role: "note", "data-key": key },
        html("b", {}), html("span", {}), key === "lost" && again));
    }
    const line = this.#lines.get(key);
    const [name, told] = line.children;
    say(name, title);
    const reasonsKey = JSON.stringify(reasons);
    if (told.dataset.key !== reasonsKey) {
      told.dataset.key = reasonsKey;
      told.replaceChildren(...(reasons.length ? [list(reasons)] : []));
    }
    return line;
  }
}
