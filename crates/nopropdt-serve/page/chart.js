// A chart of lines over epochs.

import { svg } from "./dom.js";

/** Its width where it is not shown yet, and its height. */
const [USUAL_WIDTH, HEIGHT] = [520, 270];
const EDGE = { left: 58, right: 14, top: 12, bottom: 34 };
/** Lines across, about. */
const TICKS = 5;

/**
 * Draws `series` of { name, colour, points: [[epoch, value]] } on axes from epoch 0 on. `scale` is "linear" or "log"; `told(value)` are the
 * words for a value. Points that the axis can't show are left out.
 */
export function draw(into, { series, scale, told, about }) {
  const isShown = ([, value]) => Number.isFinite(value) && (scale === "linear" || value > 0);
  const lines = series.map((line) => ({ ...line, points: line.points.filter(isShown) }));
  const points = lines.flatMap((line) => line.points);
  // As wide as its place, so that its words are as large everywhere.
  const width = into.clientWidth || USUAL_WIDTH;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "chart", role: "img" });
  picture.setAttribute("aria-label", description(lines, told, about));
  if (points.length === 0) {
    picture.append(text(width / 2, HEIGHT / 2, "nothing measured yet", "middle"));
    into.replaceChildren(picture);
    return;
  }
  const axes = axesOf(points, scale, width);
  axes.values.forEach((value) => {
    const y = axes.y(value);
    picture.append(svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y, class: "grid" }));
    picture.append(text(EDGE.left - 8, y + 4, told(value), "end"));
  });
  axes.epochs.forEach((epoch) => picture.append(text(axes.x(epoch), HEIGHT - EDGE.bottom + 20, String(epoch), "middle")));
  lines.forEach((line) => {
    const places = line.points.map(([epoch, value]) => [axes.x(epoch), axes.y(value)]);
    const joined = places.map((place) => place.map((value) => value.toFixed(1)).join(",")).join(" ");
    picture.append(svg("polyline", { points: joined, fill: "none", stroke: line.colour, "stroke-width": 2.2, "stroke-linejoin": "round", "data-run": line.name }));
    const marked = places.length <= 40 ? places : places.slice(-1);
    marked.forEach(([x, y]) => picture.append(svg("circle", { cx: x, cy: y, r: 3, fill: line.colour })));
  });
  into.replaceChildren(picture);
}

function text(x, y, words, anchor) {
  const made = svg("text", { x, y, "text-anchor": anchor, "font-size": 12.5, class: "soft" });
  made.textContent = words;
  return made;
}

function axesOf(points, scale, width) {
  const last = Math.max(...points.map(([epoch]) => epoch), 1);
  const of = scale === "log" ? Math.log10 : (value) => value;
  const found = points.map(([, value]) => of(value));
  let [low, high] = [Math.min(...found), Math.max(...found)];
  const room = (high - low || (scale === "log" ? 0.5 : 0.02)) * 0.06;
  [low, high] = [low - room, high + room];
  const down = HEIGHT - EDGE.top - EDGE.bottom;
  const across = width - EDGE.left - EDGE.right;
  return {
    x: (epoch) => EDGE.left + (across * epoch) / last,
    y: (value) => EDGE.top + (down * (high - of(value))) / (high - low),
    values: scale === "log" ? logTicks(low, high) : ticks(low, high),
    epochs: ticks(0, last).filter((epoch) => Number.isInteger(epoch)),
  };
}

/** Round values between two, a step of 1, 2 or 5 apart. */
function ticks(low, high) {
  const rough = (high - low) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Values 1, 2 and 5 times powers of ten between two, given by their logarithms; of many decades the powers alone. */
function logTicks(low, high) {
  const factors = high - low > 3 ? [1] : [1, 2, 5];
  const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, index) => 10 ** (Math.floor(low) + index));
  const all = powers.flatMap((power) => factors.map((factor) => Number((factor * power).toPrecision(3))));
  return all.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
}

function description(lines, told, about) {
  const last = lines.filter((line) => line.points.length > 0).map((line) => {
    const [epoch, value] = line.points[line.points.length - 1];
    return `${line.name} ${told(value)} after epoch ${epoch}`;
  });
  return `${about}: ${last.join("; ") || "nothing measured yet"}.`;
}
