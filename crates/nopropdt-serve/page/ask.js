// Asking a model: from a drawing or a picture to its answer, block by block.

import { address, ask } from "./api.js";
import { imageOf } from "./digit.js";
import { byId, el, percent, plural } from "./dom.js";
import { draw as drawLatents } from "./latents.js";
import { Pad, SIDE } from "./pad.js";
import { png, show } from "./pixels.js";
import { bars, disagreement, table } from "./way.js";

/** Milliseconds between two questions while somebody draws, and between two steps that are played. */
const [PAUSE, STEP_TIME] = [150, 700];

/** What is said of a picture that looks inverted. */
const INVERTED = "It looks inverted: its brightness fits the images trained on far better when dark and light are swapped.";

/** The part of the page that asks. */
export class Asking {
  constructor() {
    [this.model, this.file, this.answer, this.waiting, this.playing, this.inFlight] = [null, null, null, null, null, null];
    this.pad = new Pad(byId("pad"), (isDone) => this.drawn(isDone), (words) => (byId("pad-state").textContent = words));
    byId("clear").addEventListener("click", () => this.clear());
    byId("file").addEventListener("change", (event) => this.choose(event.target.files[0]));
    for (const id of ["seed", "draws", "readout", "invert"]) byId(id).addEventListener("change", () => this.question());
    byId("model").addEventListener("change", () => this.choseModel());
    byId("step").addEventListener("input", () => (this.stop(), this.showStep()));
    byId("play").addEventListener("click", () => (this.playing === null ? this.play() : this.stop()));
    this.listenForDrops(byId("pad"));
  }

  listenForDrops(pad) {
    const isFile = (event) => event.dataTransfer?.types.includes("Files");
    // A picture that falls beside the pad must not replace the page.
    for (const kind of ["dragover", "drop"]) {
      window.addEventListener(kind, (event) => {
        if (!isFile(event)) return;
        event.preventDefault();
        pad.classList.toggle("over", kind === "dragover");
        if (kind === "drop") this.choose(event.dataTransfer.files[0]);
      });
    }
    window.addEventListener("dragleave", (event) => event.relatedTarget === null && pad.classList.remove("over"));
  }

  /** Offers models: the one that was named (an empty value), and those of runs. */
  async offer(models) {
    const select = byId("model");
    byId("asking").hidden = models.length === 0;
    byId("no-model").hidden = models.length > 0;
    const offered = [...select.options].map((option) => option.value);
    if (models.length === offered.length && models.every(({ value }, index) => value === offered[index])) return;
    const chosen = select.value;
    select.replaceChildren(...models.map(({ value, name }) => el("option", { value }, name)));
    if (models.some(({ value }) => value === chosen)) select.value = chosen;
    if (models.length > 0 && (this.model === null || select.value !== chosen)) await this.choseModel();
  }

  async choseModel() {
    const chosen = byId("model").value;
    try {
      const model = await ask(address("/api/model", { run: chosen }));
      // Another one may have been chosen meanwhile.
      if (byId("model").value !== chosen) return;
      this.model = model;
      this.pad.setPen(model.image);
      // A seed that numbers here can't hold is left to the server.
      byId("seed").value = Number.isSafeInteger(model.seed) ? model.seed : "";
      byId("draws").max = model.most_draws;
      byId("readout").options[0].textContent = `recommended (${model.readout})`;
      byId("about").textContent = `${model.name}: ${model.method} trained on ${model.dataset}: ${plural(model.blocks, model.on_the_way)}, ${model.classes.length} classes, inputs of ${model.input.join("×")}`
        + (model.image === null ? "; they are no images, so this model can be asked by the API alone" : "");
      for (const word of document.querySelectorAll(".on-the-way")) word.textContent = model.on_the_way;
      this.question();
    } catch (error) {
      this.trouble(error);
    }
  }

  drawn(isDone) {
    this.file = null;
    if (isDone) this.question();
    else this.waiting ??= setTimeout(() => this.question(), PAUSE);
  }

  clear() {
    this.pad.clear();
    this.file = null;
    byId("file").value = "";
    byId("pad-state").textContent = "";
    this.question();
  }

  async choose(file) {
    if (file === undefined) return;
    this.file = file;
    byId("pad-state").textContent = `picture ${file.name}`;
    this.question();
    try {
      await this.pad.showFile(file);
    } catch {
      // A browser may not know a format that the server knows; what the model sees is shown all the same.
      this.pad.clear();
    }
  }

  /** What is asked about: a file as it is, or the drawing as an image of the model's size. */
  async body() {
    if (this.file !== null) return this.file;
    const { height, width } = this.model.image;
    const grey = imageOf(this.pad.values(), SIDE, { height, width });
    if (grey === null) return null;
    // Dark ink on light, where the images that were trained on are light.
    const isLight = (this.model.brightness?.mean ?? 0) > 0.6;
    return png(isLight ? grey.map((value) => 255 - value) : grey, height, width);
  }

  /** Asks, unless a newer question comes. */
  async question() {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.inFlight?.abort();
    if (this.model === null) return;
    if (this.model.image === null) return this.nothing("This model's inputs are no images.");
    const wrong = ["seed", "draws"].map(byId).find((field) => !field.checkValidity());
    if (wrong !== undefined) return this.nothing(`${wrong.labels[0].textContent.trim()}: ${wrong.validationMessage}`);
    const flight = new AbortController();
    this.inFlight = flight;
    byId("answer").setAttribute("aria-busy", "true");
    try {
      const body = await this.body();
      if (flight.signal.aborted) return;
      if (body === null) return this.nothing("Draw something, or drop a picture.");
      const query = { run: byId("model").value, seed: byId("seed").value, draws: byId("draws").value, readout: byId("readout").value, detail: "true" };
      const where = address("/api/predict", { ...query, invert: byId("invert").checked ? "true" : "" });
      const answer = await ask(where, { method: "POST", body, signal: flight.signal });
      this.show(answer);
    } catch (error) {
      if (error.name !== "AbortError") this.trouble(error);
    } finally {
      // A newer question is still under way.
      if (this.inFlight === flight) byId("answer").setAttribute("aria-busy", "false");
    }
  }

  trouble(error) {
    this.nothing(`No answer: ${error.message}`);
  }

  nothing(words) {
    this.stop();
    this.answer = null;
    byId("answer").replaceChildren(el("p", { className: "empty" }, words));
    for (const id of ["seen", "step-card", "ways", "draws-card"]) byId(id).hidden = true;
  }

  show(answer) {
    this.answer = answer;
    const { classes, blocks } = this.model;
    const agreeing = answer.draws > 1 ? `${answer.agreeing_draws} of ${answer.draws} draws say so. ` : "";
    const isInverted = answer.looks_inverted && !byId("invert").checked;
    byId("answer").replaceChildren(
      el("p", { className: answer.class.length > 3 ? "said long" : "said" }, answer.class),
      el("p", { className: "told" }, `${percent(answer.probability)}, then ${answer.runner_up} (${percent(answer.runner_up_probability)})`),
      el("p", { className: "told" }, `${agreeing}Read by the ${answer.readout}.`),
      ...(isInverted ? [el("p", { className: "note" }, INVERTED)] : []),
    );
    show(byId("input"), answer.detail.image);
    byId("input-about").textContent = this.file === null
      ? `What the model sees: the drawing centred and scaled to ${this.model.image.height}×${this.model.image.width}, as its training images are.`
      : `What the model sees: the middle of the picture, scaled to ${this.model.image.height}×${this.model.image.width}.`;
    for (const id of ["seen", "step-card", "ways", "draws-card"]) byId(id).hidden = false;
    byId("draws-card").hidden = answer.draws < 2;
    const hasLatents = answer.detail.draws[0].given.length > 0;
    byId("latents").hidden = !hasLatents;
    byId("latents-about").textContent = hasLatents
      ? `What each ${this.model.on_the_way} was given, from noise on, and at the end the last estimate, in the plane in which the classes differ most. The strong line is the first draw; draws in red answer otherwise.`
      : "This method's blocks can't be asked alone, so no latent is shown.";
    disagreement(byId("disagree"), answer, classes, this.model.on_the_way);
    const step = byId("step");
    const wasLast = step.value === step.max;
    step.max = blocks;
    if (wasLast || Number(step.value) > blocks) step.value = blocks;
    this.showStep();
  }

  /** Shows step 0 (noise) to T. */
  showStep() {
    if (this.answer === null) return;
    const { classes, blocks, on_the_way: word, plane } = this.model;
    const step = Number(byId("step").value);
    const name = step === 0 ? "noise" : `after ${word} ${step} of ${blocks}`;
    byId("step-name").textContent = name;
    byId("step").setAttribute("aria-valuetext", name);
    // Before the first block, nothing is known.
    const even = classes.map(() => 1 / classes.length);
    bars(byId("bars"), step === 0 ? even : this.answer.per_block[step - 1], classes);
    table(byId("way"), this.answer, classes, word, step);
    const { draws } = this.answer.detail;
    if (draws[0].given.length > 0) drawLatents(byId("latents"), { draws, plane, names: classes, label: this.answer.label, step });
  }

  play() {
    const step = byId("step");
    step.value = 0;
    byId("play").textContent = "Stop";
    this.showStep();
    this.playing = setInterval(() => {
      step.value = Number(step.value) + 1;
      this.showStep();
      if (step.value === step.max) this.stop();
    }, STEP_TIME);
  }

  stop() {
    clearInterval(this.playing);
    this.playing = null;
    byId("play").textContent = "Play";
  }
}
