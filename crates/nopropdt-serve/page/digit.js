// A drawing as the images of MNIST are made: its ink fits 20 of 28 pixels, and its centre of mass lies in the middle.

/** Share of an image's side that the ink may take. */
const INK = 20 / 28;
/** Images with shorter sides are filled to their edges, as the embedded digits are. */
const LEAST_WITH_MARGIN = 20;

/** Whether images of this size have a margin. */
export function hasMargin({ height, width }) {
  return Math.min(height, width) >= LEAST_WITH_MARGIN;
}

/** Grey values 0..255 [height × width] of a drawing of `side` × `side` values; null of an empty one. */
export function imageOf(ink, side, { height, width }) {
  const box = bounds(ink, side);
  if (box === null) return null;
  const short = Math.min(height, width);
  const isInner = hasMargin({ height, width });
  const scale = Math.max(box.right - box.left, box.bottom - box.top) / (isInner ? INK * short : short);
  const middle = isInner ? centreOfMass(ink, side) : [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  // The drawing's coordinates of the image's corner.
  const left = middle[0] - (width / 2) * scale;
  const top = middle[1] - (height / 2) * scale;
  const image = new Uint8ClampedArray(height * width);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      image[y * width + x] = Math.round(mean(ink, side, left + x * scale, top + y * scale, scale));
    }
  }
  return image;
}

function bounds(ink, side) {
  const box = { left: side, top: side, right: 0, bottom: 0 };
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      if (ink[y * side + x] < 32) continue;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
    }
  }
  return box.right > box.left ? box : null;
}

function centreOfMass(ink, side) {
  let [mass, across, down] = [0, 0, 0];
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const value = ink[y * side + x];
      mass += value;
      across += value * (x + 0.5);
      down += value * (y + 0.5);
    }
  }
  return [across / mass, down / mass];
}

/** The mean over a square of the drawing; outside of it there is no ink. */
function mean(ink, side, left, top, size) {
  let sum = 0;
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(side, Math.ceil(top + size)); y += 1) {
    const high = Math.min(y + 1, top + size) - Math.max(y, top);
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(side, Math.ceil(left + size)); x += 1) {
      const wide = Math.min(x + 1, left + size) - Math.max(x, left);
      sum += ink[y * side + x] * wide * high;
    }
  }
  return sum / (size * size);
}
