// Runs: their table, which is kept up to date, and the curves of those that are shown.

import { address, ask } from "./api.js";
import { draw } from "./chart.js";
import { MOST_RUNS, ofRun } from "./colours.js";
import { byId, duration, el, percent } from "./dom.js";

/** Runs that are shown at first. */
const FIRST_SHOWN = 3;
/** Seconds without a change after which a run that has not ended is no longer called under way. */
const SILENT = 120;

/** What a run is doing, as far as its folder tells. */
function state(run) {
  if (run.finished) return "ended";
  const changed = run.age_seconds === null ? "" : `, changed ${duration(run.age_seconds)} ago`;
  return (run.age_seconds ?? Infinity) < SILENT ? `under way${changed}` : `not ended${changed}`;
}

/** The part of the page that shows runs. */
export class Runs {
  constructor() {
    this.rows = new Map();
    /** Shown runs by name, in the order in which they were chosen, with what was read of them. */
    this.shown = new Map();
    this.isFirst = true;
  }

  /** Brings table and curves up to date. */
  async update({ runs, broken }) {
    byId("running").hidden = runs.length === 0 && broken.length === 0;
    byId("no-runs").hidden = !byId("running").hidden;
    byId("broken").textContent = broken.join(" · ");
    if (this.isFirst) {
      const newest = [...runs].sort((one, other) => (one.age_seconds ?? Infinity) - (other.age_seconds ?? Infinity));
      newest.slice(0, FIRST_SHOWN).forEach((run) => this.shown.set(run.name, null));
      this.isFirst = false;
    }
    const names = new Set(runs.map((run) => run.name));
    for (const name of this.shown.keys()) if (!names.has(name)) this.shown.delete(name);
    this.fill(runs);
    await this.read(runs);
  }

  fill(runs) {
    const body = byId("run-rows");
    const rows = runs.map((run) => this.row(run));
    // Rows that stay keep their place, and with it the focus.
    if (rows.length !== body.children.length || rows.some((row, index) => row !== body.children[index])) body.replaceChildren(...rows);
    const colours = [...this.shown.keys()];
    for (const [name, { swatch, box }] of this.rows) {
      const index = colours.indexOf(name);
      box.checked = index >= 0;
      swatch.style.background = index >= 0 ? ofRun(index) : "";
    }
  }

  row(run) {
    const epochs = run.finished ? String(run.epochs) : `${run.epochs}/${run.epochs_planned}`;
    const texts = [run.method, run.block, run.dataset, percent(run.accuracy, 2), percent(run.chain, 2), percent(run.consensus, 2), epochs, state(run)];
    if (!this.rows.has(run.name)) {
      const box = el("input", { type: "checkbox", "aria-label": `show ${run.name}`, onchange: () => this.choose(run.name, box.checked) });
      const swatch = el("i", { className: "swatch" });
      const cells = texts.map(() => el("td"));
      const row = el("tr", {}, el("td", {}, box), el("th", { scope: "row" }, swatch, run.name), ...cells);
      this.rows.set(run.name, { row, box, swatch, cells });
    }
    const { row, cells } = this.rows.get(run.name);
    cells.forEach((cell, index) => { if (cell.textContent !== texts[index]) cell.textContent = texts[index]; });
    return row;
  }

  async choose(name, isShown) {
    if (!isShown) this.shown.delete(name);
    else if (this.shown.size < MOST_RUNS) this.shown.set(name, null);
    await this.update(await ask("/api/runs"));
  }

  /** Reads the shown runs that have changed, and draws them. */
  async read(runs) {
    for (const run of runs.filter((run) => this.shown.has(run.name))) {
      const known = this.shown.get(run.name);
      if (known !== null && known.run.epochs === run.epochs && known.run.finished === run.finished) continue;
      const read = await ask(address("/api/run", { name: run.name }));
      if (this.shown.has(run.name)) this.shown.set(run.name, read);
    }
    const shown = [...this.shown].filter(([, read]) => read !== null);
    const places = [...this.shown.keys()];
    const series = (value) => shown.map(([name, { metrics }]) => ({ name, colour: ofRun(places.indexOf(name)), points: metrics.map((epoch) => [epoch.epoch, value(epoch)]) }));
    const accuracy = (epoch) => epoch.answer_accuracy ?? epoch.test_accuracy ?? NaN;
    const loss = ({ train_loss: losses }) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    draw(byId("accuracy"), { series: series(accuracy), scale: "linear", told: (value) => percent(value), about: "accuracy over epochs" });
    draw(byId("loss"), { series: series(loss), scale: "log", told: (value) => Number(value.toPrecision(3)).toString(), about: "mean squared error over epochs" });
    this.compare(shown.map(([, read]) => read));
  }

  compare(shown) {
    const places = [...this.shown.keys()];
    const text = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
    const keys = [...new Set(shown.flatMap(({ settings }) => Object.keys(settings)))].sort();
    const differing = keys.filter((key) => new Set(shown.map(({ settings }) => text(settings[key]))).size > 1);
    const rows = [
      ["accuracy", ({ run }) => percent(run.accuracy, 2)],
      ["chain", ({ run }) => percent(run.chain, 2)],
      ["consensus", ({ run }) => percent(run.consensus, 2)],
      ["epochs", ({ run }) => `${run.epochs} of ${run.epochs_planned}`],
      ["seconds", ({ run }) => run.seconds.toFixed(1)],
      ["parameters", ({ summary }) => summary?.parameters.toLocaleString("en") ?? "–"],
      ...differing.map((key) => [key, ({ settings }) => text(settings[key])]),
    ];
    const swatch = (name) => {
      const made = el("i", { className: "swatch" });
      made.style.background = ofRun(places.indexOf(name));
      return made;
    };
    const head = el("thead", {}, el("tr", {}, el("th", { scope: "col" }, ""), ...shown.map(({ run }) => el("th", { scope: "col" }, swatch(run.name), run.name))));
    const body = rows.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), ...shown.map((read) => el("td", {}, value(read)))));
    byId("compared").replaceChildren(shown.length === 0 ? el("p", { className: "empty" }, "No run is shown.") : el("table", { className: "numbers left" }, head, el("tbody", {}, ...body)));
  }
}
