// The colours of the report, of middle lightness so that they read on white and on near-black alike.

export const RIGHT = [59, 125, 216];
export const OTHER = [226, 125, 28];
export const WRONG = [214, 69, 61];

const RUNS = [RIGHT, OTHER, [46, 160, 110], [166, 70, 196], WRONG, [32, 164, 178], [148, 112, 60], [222, 82, 152]];

export function css([red, green, blue], opacity = 1) {
  return `rgba(${red},${green},${blue},${opacity.toFixed(2)})`;
}

/** The colour of a shown run. */
export function ofRun(index) {
  return css(RUNS[index % RUNS.length]);
}

/** Most runs with a colour of their own. */
export const MOST_RUNS = RUNS.length;
