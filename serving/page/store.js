// What the page knows: the last state, and the decisions of the trading day in the order of their numbers.

import { toMs } from "./format.js";

const MOST_DECISIONS = 20000; // a day of 23 hours has 1,380 a version
const MOST_EQUITY = 2000;

/** What is drawn of a decision line, with its time in ms; the rest stays as it was sent. */
const view = (line) => ({ ...line.decision, number: line.number, version: line.version, role: line.role,
  overridden: line.overridden, live: line.live ?? {}, ms: toMs(line.decision.ts) });

export class Store {
  version = 0; // of the decisions, for whoever keeps what it has computed; never goes back

  constructor() {
    this.forget();
  }

  forget() {
    this.version += 1;
    this.state = null;
    this.last = null; // number of the last decision, the cursor of `since`
    this.day = 0;
    this.decisions = [];
    this.equity = new Map(); // version -> [[ms, usd]]
    this.equityFromMs = null; // null: the service gave the whole session
    this.doubled = 0;
    this.unknown = 0;
  }

  /** First state after each connection; false from a service that is still starting and cannot say where it is.
   *  A number behind ours means a service that began anew: nothing here is its. */
  begin(state) {
    if (!state.decisions) {
      if (this.last === null) this.state = state;
      return false;
    }
    const { number } = state.decisions;
    if (this.last !== null && number < this.last) this.forget();
    if (this.last === null) this.last = Math.max(0, number - (state.decisions.today ?? 0));
    if (state.day > this.day) this.#open(state.day);
    for (const version of state.versions ?? []) {
      if (Array.isArray(version.paper?.curve)) {
        this.equity.set(version.version, version.paper.curve.map(([ns, usd]) => [toMs(ns), usd]));
      }
    }
    this.status(state);
    return true;
  }

  status(state) {
    if (state.day > this.day) this.#open(state.day);
    this.state = state;
    const ms = toMs(state.time_ns);
    for (const { version, paper } of state.versions ?? []) {
      if (typeof paper?.equity_usd !== "number" || ms === null) continue;
      if (!this.equity.has(version)) {
        this.equity.set(version, []);
        this.equityFromMs ??= ms;
      }
      this.#mark(this.equity.get(version), ms, paper.equity_usd);
    }
  }

  /** Whether it was new. Numbers increase, so one that does not lies behind us already. */
  take(line) {
    if (!Number.isSafeInteger(line?.number) || typeof line.decision !== "object" || line.decision === null) {
      this.unknown += 1;
      return false;
    }
    if (line.number <= this.last) {
      this.doubled += 1;
      return false;
    }
    this.last = line.number;
    if (line.decision.day > this.day) this.#open(line.decision.day);
    if (line.decision.day === this.day) {
      this.decisions.push(view(line));
      if (this.decisions.length > MOST_DECISIONS) this.decisions.splice(0, this.decisions.length - MOST_DECISIONS);
      this.version += 1;
    }
    return true;
  }

  /** Decisions of the champion's role, of one version, or of all: oldest first. */
  of(whose) {
    if (whose === "all") return this.decisions;
    if (whose === "champion") return this.decisions.filter((one) => one.role === "champion");
    return this.decisions.filter((one) => one.version === whose);
  }

  champion() {
    return this.state?.versions?.find((one) => one.role === "champion") ?? null;
  }

  #open(day) {
    this.day = day;
    this.decisions = [];
    this.equity = new Map();
    this.equityFromMs = null;
    this.version += 1;
  }

  /** A point a change, and the last one always; when there are too many, every other one goes. */
  #mark(curve, ms, usd) {
    const end = curve.length - 1;
    if (end >= 1 && curve[end][1] === usd && curve[end - 1][1] === usd) curve[end][0] = ms;
    else if (end < 0 || ms > curve[end][0]) curve.push([ms, usd]);
    if (curve.length > MOST_EQUITY) {
      const kept = curve.filter((_, k) => k % 2 === 0 || k >= curve.length - 2);
      curve.splice(0, curve.length, ...kept);
    }
  }
}
