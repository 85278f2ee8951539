// Pixels on a canvas, and as a file.

/** Shows an image of the API (base64 of bytes) on a canvas. */
export function show(canvas, { height, width, channels, bytes }) {
  const values = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
  paint(canvas, height, width, (place, channel) => values[place * channels + (channels >= 3 ? channel : 0)]);
}

/** Grey values as a PNG file. */
export function png(grey, height, width) {
  const canvas = document.createElement("canvas");
  paint(canvas, height, width, (place) => grey[place]);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function paint(canvas, height, width, value) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let place = 0; place < height * width; place += 1) {
    for (let channel = 0; channel < 3; channel += 1) image.data[4 * place + channel] = value(place, channel);
    image.data[4 * place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
