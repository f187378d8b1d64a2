// Scales, ticks and paths: small pure functions that every chart shares.

const MINUTE_MS = 60000;
const STEPS_MIN = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360];

export const linear = (from, to, start, end) => {
  const width = to - from || 1;
  return (value) => start + ((value - from) / width) * (end - start);
};

/** Round numbers from low to high, about `count` of them, and how many digits they need. */
export const ticks = (low, high, count) => {
  const rough = (high - low || 1) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((one) => one >= rough * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (Math.abs(step / power - 2.5) < 1e-9 ? 1 : 0));
  const first = Math.ceil(low / step - 1e-9);
  const values = [];
  for (let k = first; k * step <= high + step * 1e-9; k += 1) values.push(k * step);
  return { values, digits };
};

/** Whole minutes; zones of exchanges are whole hours from UTC, so they are round in both. */
export const timeTicks = (fromMs, toMs, count) => {
  const rough = (toMs - fromMs) / MINUTE_MS / Math.max(1, count);
  const step = (STEPS_MIN.find((one) => one >= rough) ?? STEPS_MIN.at(-1)) * MINUTE_MS;
  const values = [];
  for (let ms = Math.ceil(fromMs / step) * step; ms <= toMs; ms += step) values.push(ms);
  return values;
};

const one = (value) => Math.round(value * 10) / 10;

/** Path of points [x, y]; a null breaks it. */
export const path = (points) => {
  let text = "";
  let pen = "M";
  for (const point of points) {
    if (point === null) {
      pen = "M";
    } else {
      text += `${pen}${one(point[0])} ${one(point[1])}`;
      pen = "L";
    }
  }
  return text;
};

/** The same as steps: a value holds until the next. */
export const steps = (points) => {
  const corners = [];
  points.forEach((point, k) => {
    const before = points[k - 1];
    if (point && before) corners.push([point[0], before[1]]);
    corners.push(point);
  });
  return path(corners);
};

/** At most first, least, greatest and last of each pixel: what can be seen, however many points there are. */
export const thin = (points, pixels) => {
  if (points.length <= 4 * pixels) return points;
  const kept = [];
  let bin = [];
  const flush = () => {
    if (bin.length <= 4) kept.push(...bin);
    else {
      const seen = bin.filter((point) => point !== null);
      const least = seen.reduce((a, b) => (b[1] < a[1] ? b : a), seen[0]);
      const most = seen.reduce((a, b) => (b[1] > a[1] ? b : a), seen[0]);
      const wanted = new Set([bin[0], least, most, bin.at(-1)]);
      kept.push(...bin.filter((point, k) => wanted.has(point) && (point !== null || bin[k - 1] !== null)));
    }
    bin = [];
  };
  let pixel = null;
  for (const point of points) {
    if (point !== null && Math.floor(point[0]) !== pixel) {
      flush();
      pixel = Math.floor(point[0]);
    }
    bin.push(point);
  }
  flush();
  return kept;
};

/** Index of the value nearest to x in increasing values. */
export const nearest = (values, x) => {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && Math.abs(values[low - 1] - x) <= Math.abs(values[low] - x) ? low - 1 : low;
};
