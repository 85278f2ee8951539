// The drawing pad: by finger, pen, mouse or keys.

import { hasMargin } from "./digit.js";

export const SIDE = 280;
/** Width of the pen, and of that for images of few pixels, whose lines are as thick as a pixel. */
const [PEN, THICK_PEN] = [24, 36];
/** How far an arrow key moves; with Shift, finely. */
const [FAR, NEAR] = [14, 4];
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Makes `canvas` a pad. `changed(isDone)` is called while somebody draws and when a stroke is done, `said(words)` when keys change the pen. */
export class Pad {
  constructor(canvas, changed, said) {
    this.view = canvas.getContext("2d");
    this.ink = document.createElement("canvas");
    this.ink.width = SIDE;
    this.ink.height = SIDE;
    this.pen = this.ink.getContext("2d", { willReadFrequently: true });
    Object.assign(this.pen, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
    [this.changed, this.said] = [changed, said];
    this.cursor = [SIDE / 2, SIDE / 2];
    [this.isPenDown, this.isFocused, this.stroke] = [false, false, null];
    this.listen(canvas);
    this.clear();
  }

  listen(canvas) {
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.stroke = place(event);
      this.line(this.stroke, this.stroke);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.stroke === null) return;
      for (const part of event.getCoalescedEvents?.() ?? [event]) {
        const next = place(part);
        this.line(this.stroke, next);
        this.stroke = next;
      }
    });
    const done = () => {
      if (this.stroke === null) return;
      this.stroke = null;
      this.changed(true);
    };
    canvas.addEventListener("pointerup", done);
    canvas.addEventListener("pointercancel", done);
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.focus(canvas.matches(":focus-visible")));
    canvas.addEventListener("blur", () => this.focus(false));
  }

  focus(isFocused) {
    this.isFocused = isFocused;
    if (!isFocused) this.isPenDown = false;
    this.draw();
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const move = MOVES[event.key];
    if (move !== undefined) {
      const far = event.shiftKey ? NEAR : FAR;
      const next = this.cursor.map((value, axis) => Math.min(SIDE, Math.max(0, value + far * move[axis])));
      if (this.isPenDown) this.line(this.cursor, next);
      this.cursor = next;
    } else if (event.key === " ") {
      this.isPenDown = !this.isPenDown;
      this.said(this.isPenDown ? "pen down" : "pen up");
      if (this.isPenDown) this.line(this.cursor, this.cursor);
      else this.changed(true);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
      this.said("cleared");
      this.changed(true);
    } else {
      return;
    }
    event.preventDefault();
    this.isFocused = true;
    this.draw();
  }

  line(from, to) {
    this.pen.beginPath();
    this.pen.moveTo(...from);
    this.pen.lineTo(...to);
    this.pen.stroke();
    this.draw();
    this.changed(false);
  }

  clear() {
    this.pen.fillStyle = "#000";
    this.pen.fillRect(0, 0, SIDE, SIDE);
    this.isPenDown = false;
    this.draw();
  }

  /** Takes the pen for a model's images; a drawing stays as it is. */
  setPen(image) {
    this.pen.lineWidth = image === null || hasMargin(image) ? PEN : THICK_PEN;
  }

  /** Shows a picture that was chosen, for looks alone. */
  async showFile(file) {
    const picture = await createImageBitmap(file);
    const scale = Math.min(SIDE / picture.width, SIDE / picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    this.clear();
    this.pen.drawImage(picture, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
    picture.close();
    this.draw();
  }

  /** Ink 0..255 of each place. */
  values() {
    const { data } = this.pen.getImageData(0, 0, SIDE, SIDE);
    return Uint8Array.from({ length: SIDE * SIDE }, (_, place) => data[4 * place]);
  }

  draw() {
    this.view.drawImage(this.ink, 0, 0);
    if (!this.isFocused) return;
    const [x, y] = this.cursor;
    this.view.lineWidth = 3;
    this.view.strokeStyle = this.isPenDown ? "#ff9a3c" : "#7fb0f5";
    this.view.beginPath();
    this.view.arc(x, y, this.pen.lineWidth / 2 + 2, 0, 2 * Math.PI);
    this.view.stroke();
  }
}
