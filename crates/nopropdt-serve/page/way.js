// What is answered on the way: bars of one step, a table of all, and a table of how draws disagree.

import { css, RIGHT, WRONG } from "./colours.js";
import { el, percent } from "./dom.js";

/** Most classes with a column or a bar. */
const MOST = 10;
/** How opaque the colour of a full cell is. */
const FULL = 0.6;

/** The classes to show, in their order: all of a few, else the likeliest anywhere. */
function shownClasses(rows) {
  const classes = rows[0].map((_, label) => label);
  if (classes.length <= MOST) return classes;
  const peak = (label) => Math.max(...rows.map((row) => row[label]));
  return classes.sort((one, other) => peak(other) - peak(one)).slice(0, MOST).sort((one, other) => one - other);
}

/** Bars of the likeliest classes. */
export function bars(into, probabilities, names) {
  const shown = shownClasses([probabilities]);
  const first = probabilities.indexOf(Math.max(...probabilities));
  into.replaceChildren(...shown.map((label) => {
    const fill = el("div", { className: "fill" });
    fill.style.width = `${100 * probabilities[label]}%`;
    return el(
      "div",
      { className: label === first ? "bar first" : "bar" },
      el("span", { className: "name", title: names[label] }, names[label]),
      el("div", { className: "track" }, fill),
      el("span", { className: "share" }, percent(probabilities[label])),
    );
  }));
}

/** A cell whose colour is as full as its share; never so full that its number could not be read, in light or dark. */
function cell(share, text, colour) {
  const name = share >= 0.5 ? "high" : share < 0.005 ? "low" : "";
  const made = el("td", { className: name }, text);
  if (share >= 0.005) made.style.background = css(colour, FULL * share);
  return made;
}

function head(corner, shown, names, label) {
  const name = (shown) => el("th", { scope: "col", className: shown === label ? "answer" : "" }, names[shown]);
  return el("thead", {}, el("tr", {}, el("th", { scope: "col" }, corner), ...shown.map(name)));
}

/** The table of probabilities after each block; `step` (from 1) is marked. */
export function table(into, answer, names, word, step) {
  const ends = ["chain", "consensus"].map((readout) => [readout === answer.readout ? `${readout} (answer)` : readout, answer[readout]]);
  const rows = [...answer.per_block.map((row, index) => [`${word} ${index + 1}`, row]), ...ends];
  const shown = shownClasses(rows.map(([, row]) => row));
  const body = rows.map(([name, row], index) => el(
    "tr",
    { className: index === step - 1 ? "now" : "" },
    el("th", { scope: "row" }, name),
    ...shown.map((label) => cell(row[label], (100 * row[label]).toFixed(0), label === answer.label ? RIGHT : WRONG)),
  ));
  into.replaceChildren(el("table", { className: "heat" }, head("after", shown, names, answer.label), el("tbody", {}, ...body)));
}

/** The table of how many draws say what. */
export function disagreement(into, answer, names, word) {
  const { draws } = answer.detail;
  const steps = [...draws[0].after_each.keys()];
  const columns = [
    ...steps.map((step) => [`${word} ${step + 1}`, draws.map((draw) => draw.after_each[step].label)]),
    [`${answer.readout} (answer)`, draws.map((draw) => draw.label)],
  ];
  const counts = columns.map(([, labels]) => names.map((_, label) => labels.filter((said) => said === label).length / labels.length));
  const said = new Set(columns.flatMap(([, labels]) => labels));
  const shown = shownClasses(counts).filter((label) => said.has(label));
  const body = columns.map(([name], index) => el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    ...shown.map((label) => cell(counts[index][label], String(Math.round(counts[index][label] * draws.length)), label === answer.label ? RIGHT : WRONG)),
  ));
  into.replaceChildren(el("table", { className: "heat" }, head("draws that say", shown, names, answer.label), el("tbody", {}, ...body)));
}
