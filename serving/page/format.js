// Numbers with their units, and times. What is absent is a dash, never a zero.

const ZONE = "America/New_York"; // exchange time of the desk: trading days and sessions are named in it
const MINUS = "\u2212";
export const ABSENT = "\u2013";

const known = (value) => typeof value === "number" && Number.isFinite(value);
export const isKnown = known;

const formats = new Map();
const formatOf = (digits, signed) => {
  const key = `${digits}${signed}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat("en-US", {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
      signDisplay: signed ? "exceptZero" : "negative",
    }));
  }
  return formats.get(key);
};

export const number = (value, digits = 0, unit = "") =>
  known(value) ? formatOf(digits, false).format(value).replace("-", MINUS) + unit : ABSENT;
export const signed = (value, digits = 0, unit = "") =>
  known(value) ? formatOf(digits, true).format(value).replace("-", MINUS) + unit : ABSENT;

export const score = (value) => signed(value, 3);
export const threshold = (value) => number(value, 3);
export const price = (value) => number(value, 2);
export const probability = (value) => number(value, 3);
export const factor = (value) => (known(value) ? `\u00d7${number(value, 2)}` : ABSENT);
export const percent = (share) => (known(share) ? number(100 * share, 0, " %") : ABSENT);
export const usd = (value) => number(value, 2, " USD");
export const gain = (value) => signed(value, 2, " USD");
export const inR = (value) => signed(value, 2, " R");

/** Microseconds in the unit they are read in. */
export const micros = (us) => {
  if (!known(us)) return ABSENT;
  if (us < 1e3) return number(us, us < 100 ? 1 : 0, " \u00b5s");
  return us < 1e6 ? number(us / 1e3, 1, " ms") : number(us / 1e6, 1, " s");
};

export const seconds = (s) => {
  if (!known(s)) return ABSENT;
  if (s < 120) return number(s, s < 10 ? 1 : 0, " s");
  return s < 7200 ? number(s / 60, 0, " min") : number(s / 3600, 1, " h");
};

export const day = (yyyymmdd) => {
  const text = String(yyyymmdd ?? "");
  return /^\d{8}$/.test(text) ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : ABSENT;
};

const clockOf = (zone, withSeconds) => new Intl.DateTimeFormat("en-GB", {
  timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(withSeconds && { second: "2-digit" }),
});
const clocks = {
  exchange: clockOf(ZONE, true), utc: clockOf("UTC", true),
  exchangeShort: clockOf(ZONE, false), utcShort: clockOf("UTC", false),
};

// JSON numbers are doubles: ns since 1970 are true to 256 ns here, far finer than what is shown
export const toMs = (ns) => (known(ns) ? Math.round(ns / 1e6) : null);
const told = (clock, ms) => (known(ms) ? clock.format(ms) : "--:--");
export const exchange = (ms) => told(clocks.exchange, ms);
export const utc = (ms) => told(clocks.utc, ms);
export const exchangeShort = (ms) => told(clocks.exchangeShort, ms);
export const utcShort = (ms) => told(clocks.utcShort, ms);

/** Names of the service as words. */
export const words = (name) => String(name ?? "").replaceAll("_", " ");
export const position = (side) => ({ "1": "long 1", "-1": "short 1", "0": "flat" })[String(side)] ?? ABSENT;
