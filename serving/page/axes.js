// The ground every chart of time stands on: grid, values on the left, exchange time and UTC below.

import { svg } from "./dom.js";
import { exchangeShort, utcShort } from "./format.js";
import { linear, ticks, timeTicks } from "./scale.js";

export const MARGIN = { left: 52, right: 10, top: 8, bottom: 34 };
const LABEL_PX = 74; // between labels of time

/** Size in CSS pixels of a chart's box, null while it is not shown. */
export const sizeOf = (box) => {
  const { clientWidth: width, clientHeight: height } = box;
  return width > MARGIN.left + MARGIN.right && height > MARGIN.top + MARGIN.bottom ? { width, height } : null;
};

/** Scales of a box for a span of time and of values. */
export const scales = ({ width, height }, [fromMs, toMs], [low, high]) => ({
  x: linear(fromMs, toMs, MARGIN.left, width - MARGIN.right),
  y: linear(low, high, height - MARGIN.bottom, MARGIN.top),
  fromMs, toMs, low, high, width, height, left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top,
  bottom: height - MARGIN.bottom,
});

const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);

export const grid = (at, format) => {
  const { values, digits } = ticks(at.low, at.high, (at.bottom - at.top) / 36);
  const parts = values.flatMap((value) => [
    svg("line", { class: Math.abs(value) < 1e-12 ? "zero" : "grid-line", x1: at.left, x2: at.right, y1: at.y(value), y2: at.y(value) }),
    text(at.left - 6, at.y(value) + 4, "end", format(value, digits)),
  ]);
  const times = timeTicks(at.fromMs, at.toMs, (at.right - at.left) / LABEL_PX);
  for (const ms of times) {
    const x = at.x(ms);
    parts.push(svg("line", { class: "grid-line", x1: x, x2: x, y1: at.top, y2: at.bottom }));
    if (x < at.left + 14 || x > at.right - 14) continue;
    parts.push(text(x, at.bottom + 14, "middle", exchangeShort(ms)), text(x, at.bottom + 28, "middle", utcShort(ms)));
  }
  parts.push(text(at.left - 6, at.bottom + 14, "end", "ET"), text(at.left - 6, at.bottom + 28, "end", "UTC"));
  return svg("g", { "aria-hidden": "true" }, parts);
};

export const SPANS = [["60", "1 h"], ["240", "4 h"], ["day", "day"]];
const LEAST_MS = 30 * 60000; // the first minutes of a day do not fill a chart

/** From when to when: the last minutes, or all there is. */
export const span = (chosen, firstMs, lastMs) => {
  const from = chosen === "day" ? firstMs : Math.max(firstMs, lastMs - Number(chosen) * 60000);
  return [from, Math.max(lastMs, from + LEAST_MS)];
};
