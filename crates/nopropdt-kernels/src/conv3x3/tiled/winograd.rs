//! Convolutions by Winograd's minimal filtering, F(2×2, 3×3): four outputs of a channel pair from 16 multiplications, not 36.
//!
//! ```text
//! V = Bᵀ d B   d: 4×4 inputs under a tile of 2×2 outputs        16 planes [tiles, C_in]
//! U = G g Gᵀ   g: the 3×3 kernel                                16 planes [C_in, C_out]
//! M = V · U    plane by plane, on the register tile             16 planes [tiles, C_out]
//! Y = Aᵀ M A   2×2 outputs
//! ```
//!
//! Transforms are additions, and their matrices hold 0, ±1 and ±½, so f32 loses no more than a direct sum. With bf16 inputs U and V
//! are what is rounded. For the third convolution of the paper's block (14×14, 64 to 128 channels) an image's V takes 200 KiB, M of
//! a panel 100 KiB and its U 128 KiB: the L2 cache holds them while an image passes, panel by panel.
//!
//! # Source
//! Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, section 4.1.

mod backward;
mod kernel_gradient;
mod panels;
mod strips;

pub(super) use backward::{backward, suits_backward};
pub(super) use panels::{flipped_panels, panels};

use super::layout::words;
use crate::activation::passed_by_relu;
use crate::bf16::{Bf16, Pair};
use crate::buffer::Scratch;
use crate::conv3x3::BackwardSlice;
use crate::conv3x3::shape::{ConvShape, Epilogue};
use crate::precision::Precision;
use crate::simd::{Operation, Simd};
use crate::tile::{Left, Product, Right, Step, padded, panel};
use crate::values::Values;
use std::ops::Range;
use strips::{Input, Tiles};

/// Values of a transformed tile.
const PLANES: usize = 16;
/// Bytes of V that are worked on at once.
const BYTES: usize = 256 << 10;

/// Whether a convolution takes this way: channels must fill vectors, and matrix units have products to spare.
pub(super) fn suits<S: Simd>(shape: &ConvShape, precision: Precision) -> bool {
    let on_tiles = S::TILES && precision == Precision::Bf16;
    shape.in_channels.is_multiple_of(S::LANES) && !on_tiles
}

/// Buffers and sizes of a group's passage.
pub(super) struct Winograd {
    shape: ConvShape,
    precision: Precision,
    /// Tiles of an image, down and across.
    tiles: (usize, usize),
    /// Images that pass at once.
    images: usize,
    /// Inputs with borders of zeros, [images, 2 · down + 2, 2 · across + 2, C_in].
    bordered: Scratch,
    v: Scratch,
    m: Scratch,
    /// Pre-activations [images, H, W, columns].
    full: Scratch,
}

impl Winograd {
    /// Room for images of `shape`.
    pub(super) fn new<S: Simd>(shape: &ConvShape, precision: Precision) -> Self {
        let tiles = (shape.height.div_ceil(2), shape.width.div_ceil(2));
        let count = tiles.0 * tiles.1;
        let plane = words(shape.in_channels, precision);
        let images = images_at_once(shape, precision);
        Self {
            shape: *shape,
            precision,
            tiles,
            images,
            bordered: Scratch::zeros(images * bordered_length(shape, tiles)),
            v: Scratch::any(PLANES * images * count * plane),
            m: Scratch::any(PLANES * images * count * panel::<S>()),
            full: Scratch::any(images * shape.pixels() * padded::<S>(shape.out_channels)),
        }
    }

    /// Images that [`Winograd::convolve`] takes at once.
    pub(super) fn images(&self) -> usize {
        self.images
    }

    /// Pre-activations without bias of at most [`Winograd::images`] images, [images, H, W, columns].
    pub(super) fn convolve<S: Simd>(&mut self, simd: S, x: Images<'_>, packed: &[f32]) -> &[f32] {
        let images = x.len() / self.shape.image();
        let length = bordered_length(&self.shape, self.tiles);
        for index in 0..images {
            let image = x.slice(index * self.shape.image()..(index + 1) * self.shape.image());
            let to = &mut self.bordered[index * length..][..length];
            simd.vectorize(Border { image, shape: &self.shape, tiles: self.tiles, to });
        }
        let tiles = images * self.tiles.0 * self.tiles.1;
        let steps = words(self.shape.in_channels, self.precision);
        simd.vectorize(TransformInput { of: self, images });
        for (index, u) in packed.chunks_exact(PLANES * steps * panel::<S>()).enumerate() {
            match self.precision {
                Precision::F32 => multiply::<S, f32>(simd, &self.v, u, tiles, steps, &mut self.m),
                Precision::Bf16 => multiply::<S, Pair>(simd, &self.v, u, tiles, steps, &mut self.m),
            }
            simd.vectorize(TransformOutput { of: self, images, first: index * panel::<S>() });
        }
        &self.full[..images * self.shape.pixels() * padded::<S>(self.shape.out_channels)]
    }
}

/// Images whose V takes about [`BYTES`].
fn images_at_once(shape: &ConvShape, precision: Precision) -> usize {
    let tiles = shape.height.div_ceil(2) * shape.width.div_ceil(2);
    (BYTES / (4 * PLANES * tiles * words(shape.in_channels, precision))).clamp(1, shape.batch)
}

fn bordered_length(shape: &ConvShape, (down, across): (usize, usize)) -> usize {
    (2 * down + 2) * (2 * across + 2) * shape.in_channels
}

/// M = V · U for one panel, plane by plane.
fn multiply<S: Simd, E: Step>(simd: S, v: &[f32], u: &[f32], tiles: usize, steps: usize, m: &mut [f32]) {
    let width = panel::<S>();
    let planes = E::of_words(v).chunks_exact(tiles * steps).zip(E::of_words(u).chunks_exact(steps * width));
    for ((v, u), m) in planes.zip(m.chunks_exact_mut(tiles * width)) {
        let a = Left { data: v, row: steps, step: 1, run: 0 };
        let b = Right { data: u, step: width, run: 0 };
        Product { rows: tiles, runs: 1, run_length: steps, a, b, accumulate: false }.run(simd, m, width);
    }
}

/// What is convolved.
#[derive(Clone, Copy)]
pub(super) enum Images<'a> {
    /// Inputs.
    Inputs(Values<'a>),
    /// Gradients of pre-activations.
    Gradients(Gradients<'a>),
}

/// Gradients of pre-activations that no pool followed: those of the output, where what followed lets them pass.
#[derive(Clone, Copy)]
pub(super) struct Gradients<'a> {
    epilogue: &'a Epilogue,
    output: Values<'a>,
    grad_output: &'a [f32],
}

impl<'a> Gradients<'a> {
    fn slice(&self, range: Range<usize>) -> Self {
        let (output, grad_output) = (self.output.slice(range.clone()), &self.grad_output[range]);
        Self { output, grad_output, ..*self }
    }

    /// Writes them to `to`.
    #[inline(always)]
    fn write(&self, to: &mut [f32]) {
        let scale = self.epilogue.gradient_scale();
        let gradients = to.iter_mut().zip(self.grad_output);
        match (self.epilogue, self.output) {
            (Epilogue::Linear, _) => gradients.for_each(|(to, gradient)| *to = gradient * scale),
            (_, Values::F32(output)) => {
                for ((to, gradient), &output) in gradients.zip(output) {
                    *to = passed_by_relu(output, gradient * scale);
                }
            }
            (_, Values::Bf16(output)) => {
                for ((to, gradient), output) in gradients.zip(output) {
                    *to = passed_by_relu(output.to_f32(), gradient * scale);
                }
            }
        }
    }
}

impl<'a> Images<'a> {
    /// The gradients of a slice's pre-activations.
    fn gradients(slice: &'a BackwardSlice<'_>) -> Self {
        let (epilogue, output, grad_output) = (&slice.epilogue, slice.output, slice.grad_output);
        Self::Gradients(Gradients { epilogue, output, grad_output })
    }

    fn len(&self) -> usize {
        match self {
            Self::Inputs(values) => values.len(),
            Self::Gradients(gradients) => gradients.grad_output.len(),
        }
    }

    fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Inputs(values) => Self::Inputs(values.slice(range)),
            Self::Gradients(gradients) => Self::Gradients(gradients.slice(range)),
        }
    }

    /// Writes them to `to` in f32.
    #[inline(always)]
    fn write(&self, to: &mut [f32]) {
        match self {
            Self::Inputs(Values::F32(values)) => to.copy_from_slice(values),
            Self::Inputs(Values::Bf16(values)) => {
                to.iter_mut().zip(*values).for_each(|(to, from)| *to = from.to_f32());
            }
            Self::Gradients(gradients) => gradients.write(to),
        }
    }
}

/// Copies an image inside its border of zeros, in f32.
struct Border<'a> {
    image: Images<'a>,
    shape: &'a ConvShape,
    tiles: (usize, usize),
    to: &'a mut [f32],
}

impl Operation for Border<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let Self { image, shape, tiles, to } = self;
        let channels = shape.in_channels;
        let (run, row) = (shape.width * channels, (2 * tiles.1 + 2) * channels);
        for (index, to) in to[row..].chunks_exact_mut(row).take(shape.height).enumerate() {
            image.slice(index * run..(index + 1) * run).write(&mut to[channels..][..run]);
        }
    }
}

/// V = Bᵀ d B of every tile, with Bᵀ = [1 0 −1 0; 0 1 1 0; 0 −1 1 0; 0 1 0 −1].
struct TransformInput<'a> {
    of: &'a mut Winograd,
    images: usize,
}

#[allow(unsafe_code)]
impl Operation for TransformInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Winograd { shape, precision, tiles: (down, across), bordered, v, .. } = self.of;
        let (channels, across) = (shape.in_channels, *across);
        let row = (2 * across + 2) * channels;
        let image = bordered_length(shape, (*down, across));
        let tiles = self.images * *down * across;
        let plane = tiles * words(channels, *precision);
        assert!(channels.is_multiple_of(S::LANES), "winograd: channels must fill vectors; found {channels}");
        assert!(
            bordered.len() >= self.images * image && v.len() >= PLANES * plane,
            "winograd: buffers are short"
        );
        for tile in 0..tiles {
            let (index, place) = (tile / (*down * across), tile % (*down * across));
            let first = index * image + 2 * (place / across) * row + 2 * (place % across) * channels;
            for channel in (0..channels).step_by(S::LANES) {
                // SAFETY: a tile's 4×4 pixels are inside its bordered image, and a vector from `channel` inside a pixel; every
                // plane of V has a row of `channels` numbers for each tile. Lengths were checked above.
                unsafe {
                    let from = bordered.as_ptr().add(first + channel);
                    let values = Input::transform(simd, from, row, channels);
                    for (index, value) in values.into_iter().enumerate() {
                        let at = v.as_mut_ptr().add(index * plane);
                        match precision {
                            Precision::F32 => simd.store(value, at.add(tile * channels + channel)),
                            Precision::Bf16 => {
                                simd.store_rounded(value, at.cast::<Bf16>().add(tile * channels + channel));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Bᵀ d of one column: a function, since what a closure or `map` calls may be compiled for the baseline processor.
#[inline(always)]
fn spread<S: Simd>(simd: S, d: [S::F32; 4]) -> [S::F32; 4] {
    [simd.sub(d[0], d[2]), simd.add(d[1], d[2]), simd.sub(d[2], d[1]), simd.sub(d[1], d[3])]
}

/// Aᵀ m of one column.
#[inline(always)]
fn gather<S: Simd>(simd: S, m: [S::F32; 4]) -> [S::F32; 2] {
    [simd.add(simd.add(m[0], m[1]), m[2]), simd.sub(simd.sub(m[1], m[2]), m[3])]
}

/// Y = Aᵀ M A of a panel's columns, with Aᵀ = [1 1 1 0; 0 1 −1 −1]; what lies beyond the last row or column is left out.
struct TransformOutput<'a> {
    of: &'a mut Winograd,
    images: usize,
    /// The panel's first column.
    first: usize,
}

#[allow(unsafe_code)]
impl Operation for TransformOutput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Winograd { shape, tiles: (down, across), m, full, .. } = self.of;
        let (height, width, across, panel) = (shape.height, shape.width, *across, panel::<S>());
        let columns = padded::<S>(shape.out_channels);
        let tiles = self.images * *down * across;
        let plane = tiles * panel;
        assert!(m.len() >= PLANES * plane, "winograd: M is short");
        assert!(full.len() >= self.images * height * width * columns, "winograd: outputs are short");
        assert!(self.first + panel <= columns, "winograd: no such panel");
        for tile in 0..tiles {
            let (index, place) = (tile / (*down * across), tile % (*down * across));
            let (top, left) = (2 * (place / across), 2 * (place % across));
            for lane in (0..panel).step_by(S::LANES) {
                // SAFETY: M has 16 planes of `tiles` rows of a panel; (top, left) is a pixel, the others of the tile are written
                // only when they are, and the panel's columns are inside a pixel. Lengths were checked above.
                unsafe {
                    let from = m.as_ptr().add(tile * panel + lane);
                    let mut rows = [[simd.zero(); 4]; 2];
                    for x in 0..4 {
                        let at = from.add(x * plane);
                        let [a, b, c, d] = [0, 4 * plane, 8 * plane, 12 * plane].map(|on| at.add(on));
                        let column = [simd.load(a), simd.load(b), simd.load(c), simd.load(d)];
                        for (row, value) in rows.iter_mut().zip(gather(simd, column)) {
                            row[x] = value;
                        }
                    }
                    for (row, values) in (top..height.min(top + 2)).zip(rows) {
                        let pixels = gather(simd, values);
                        for (pixel, column) in pixels.into_iter().zip(left..width.min(left + 2)) {
                            let at = ((index * height + row) * width + column) * columns + self.first + lane;
                            simd.store(pixel, full.as_mut_ptr().add(at));
                        }
                    }
                }
            }
        }
    }
}
