// A run's wrong answers, class by class.

import { address, ask } from "./api.js";
import { byId, el, percent, plural } from "./dom.js";
import { show } from "./pixels.js";

/** The part of the page that shows wrong answers. */
export class Mistakes {
  constructor() {
    byId("find").addEventListener("click", () => this.find());
  }

  /** Offers the runs that have a model. */
  offer(runs) {
    const select = byId("mistakes-run");
    const names = runs.filter((run) => run.has_model).map((run) => run.name);
    byId("mistaking").hidden = names.length === 0;
    byId("no-mistakes").hidden = names.length > 0;
    const offered = [...select.options].map((option) => option.value);
    if (names.length === offered.length && names.every((name, index) => name === offered[index])) return;
    const chosen = select.value;
    select.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
    if (names.includes(chosen)) select.value = chosen;
  }

  async find() {
    const [button, state] = [byId("find"), byId("mistakes-state")];
    button.disabled = true;
    state.textContent = "Reading its test images and answering them …";
    byId("found").replaceChildren();
    try {
      const found = await ask(address("/api/mistakes", { name: byId("mistakes-run").value }));
      const share = percent(found.wrong / found.images, 2);
      state.textContent = `${found.run}: ${found.wrong} of ${plural(found.images, "test image")} of ${found.dataset} wrong (${share}), read by the ${found.readout}.`;
      byId("found").replaceChildren(el("div", { className: "card" }, ...found.classes.filter((each) => each.images > 0).map(ofClass)));
    } catch (error) {
      state.textContent = `No wrong answers to show: ${error.message}`;
    } finally {
      button.disabled = false;
    }
  }
}

function ofClass({ class: name, images, wrong, shown }) {
  const words = `${wrong} of ${images} wrong (${percent(wrong / images)})`;
  const rest = wrong > shown.length ? ", the surest first" : "";
  const pictures = shown.map((mistake) => picture(name, mistake));
  const body = wrong === 0 ? el("p", { className: "empty" }, "None.") : el("div", { className: "pictures" }, ...pictures);
  return el("details", { open: wrong > 0 }, el("summary", {}, el("b", {}, name), el("span", { className: "share" }, ` · ${words}${rest}`)), body);
}

function picture(name, { index, answered, probability, image }) {
  const canvas = el("canvas", { role: "img", "aria-label": `test image ${index}, a ${name}` });
  if (image !== null) show(canvas, image);
  return el("figure", { className: "picture" }, image === null ? null : canvas, el("b", {}, answered), el("small", {}, percent(probability)));
}
