// Latents in the plane of the class embeddings: where each draw's noise goes.

import { css, RIGHT, WRONG } from "./colours.js";
import { svg } from "./dom.js";

const SIDE = 400;
const MARGIN = 26;
/** Class names longer than this are cut. */
const MOST_LETTERS = 12;
/** Of more classes, only these many likeliest have their names. */
const MOST_NAMES = 24;

/** Where a draw is at each step 0..T: what each block was given, then what the last one made of it. */
export function path(draw) {
  return [...draw.given, draw.estimates[draw.estimates.length - 1]];
}

/** Draws every draw up to `step` (0..T) among the classes at `plane`. */
export function draw(into, { draws, plane, names, label, step }) {
  const paths = draws.map(path);
  const place = scaled([...plane, ...paths.flat()]);
  const picture = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "chart latents", role: "img" });
  picture.setAttribute("aria-label", description(draws, names, step));
  const line = (points) => points.map((point) => place(point).map((value) => value.toFixed(1)).join(",")).join(" ");
  paths.forEach((points, index) => {
    const colour = draws[index].label === label ? RIGHT : WRONG;
    const isFirst = index === 0;
    const walked = points.slice(0, step + 1);
    picture.append(svg("polyline", { points: line(walked), fill: "none", stroke: css(colour, isFirst ? 1 : 0.35), "stroke-width": isFirst ? 2.5 : 1.2 }));
    walked.slice(0, isFirst ? step : 0).forEach((point) => picture.append(dot(place(point), 2.5, css(colour, 0.8))));
    const [x, y] = place(walked[step]);
    picture.append(svg("circle", { cx: x, cy: y, r: isFirst ? 6.5 : 4, fill: css(colour, isFirst ? 1 : 0.7), class: "ringed" }));
  });
  const named = new Set([label, ...draws.map((draw) => draw.label)]);
  plane.forEach((point, index) => {
    const [x, y] = place(point);
    picture.append(svg("circle", { cx: x, cy: y, r: 3.5, class: index === label ? "mark answer" : "mark" }));
    if (plane.length > MOST_NAMES && !named.has(index)) return;
    const text = svg("text", { x, y: y - 8, "text-anchor": "middle", "font-size": index === label ? 17 : 13, "font-weight": index === label ? 700 : 400 });
    text.textContent = names[index].length > MOST_LETTERS ? `${names[index].slice(0, MOST_LETTERS - 1)}…` : names[index];
    picture.append(text);
  });
  into.replaceChildren(picture);
}

function dot([x, y], radius, fill) {
  return svg("circle", { cx: x, cy: y, r: radius, fill });
}

/** One scale for both axes, that all points fit in. */
function scaled(points) {
  const range = (axis) => [Math.min(...points.map((point) => point[axis])), Math.max(...points.map((point) => point[axis]))];
  const [across, down] = [range(0), range(1)];
  const reach = Math.max(across[1] - across[0], down[1] - down[0]) || 1;
  const scale = (SIDE - 2 * MARGIN) / reach;
  const middle = [(across[0] + across[1]) / 2, (down[0] + down[1]) / 2];
  return ([x, y]) => [SIDE / 2 + (x - middle[0]) * scale, SIDE / 2 - (y - middle[1]) * scale];
}

function description(draws, names, step) {
  if (step === 0) return "Each draw of the noise, before the first block.";
  const said = draws.map((draw) => names[draw.after_each[step - 1].label]);
  const counts = [...new Set(said)].map((name) => `${name} in ${said.filter((other) => other === name).length}`);
  return `After step ${step} of ${draws[0].after_each.length} the likeliest class is ${counts.join(", ")} of ${draws.length} draws.`;
}
