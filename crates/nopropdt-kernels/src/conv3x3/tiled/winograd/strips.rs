//! How the tiles of a batch are cut into groups, and a group's transforms.

use super::{Images, PLANES, spread};
use crate::bf16::as_pairs_mut;
use crate::buffer::Scratch;
use crate::conv3x3::add;
use crate::conv3x3::shape::ConvShape;
use crate::conv3x3::tiled::layout::words;
use crate::precision::Precision;
use crate::simd::{Operation, Simd};
use crate::tile::{padded, panel};

/// Tiles of a group in f32, or pairs of them in bf16, about.
const GROUP: usize = 32;
/// Words between planes: those a power of two apart would share few sets of a cache.
const GAP: usize = 16;

/// Groups of strips. A strip is some rows of an image's tiles, or all. Each group has as many tiles as the others: what is beyond an image
/// or beyond the batch is zeros.
pub(super) struct Cut {
    /// Pixels of an image, down and across.
    image: [usize; 2],
    /// Tiles of a strip, down and across.
    tiles: [usize; 2],
    /// Strips of an image.
    of_image: usize,
    /// Strips of a group.
    of_group: usize,
    /// Strips of the batch.
    strips: usize,
}

impl Cut {
    pub(super) fn new(shape: &ConvShape, precision: Precision) -> Self {
        let most = if precision == Precision::Bf16 { 2 * GROUP } else { GROUP };
        let image = [shape.height, shape.width];
        let [down, across] = image.map(|pixels| pixels.div_ceil(2));
        let rows = evenly(down, (most / across).max(1));
        let of_image = down.div_ceil(rows);
        let strips = shape.batch * of_image;
        let of_group = evenly(strips, (most / (rows * across)).max(1));
        Self { image, tiles: [rows, across], of_image, of_group, strips }
    }

    /// Groups of the batch.
    pub(super) fn groups(&self) -> usize {
        self.strips.div_ceil(self.of_group)
    }

    /// Tiles of a group.
    fn len(&self) -> usize {
        self.of_group * self.tiles[0] * self.tiles[1]
    }
}

/// The length of the parts, when `all` is cut into as few as have at most `most` each.
fn evenly(all: usize, most: usize) -> usize {
    all.div_ceil(all.div_ceil(most))
}

/// What tiles are made of.
pub(super) trait Tiles {
    /// Pixels of a tile, each way.
    const SIDE: usize;

    /// The transform of the pixels from `from`, whose rows lie `row` numbers apart and whose columns `pixel`.
    ///
    /// # Safety
    /// A vector of each pixel must be readable.
    #[allow(unsafe_code)]
    unsafe fn transform<S: Simd>(simd: S, from: *const f32, row: usize, pixel: usize) -> [S::F32; PLANES];

    /// Takes note of pixels [.., channels] that are in no other group.
    fn note(&mut self, pixels: &[f32], channels: usize);
}

/// V = Bᵀ d B of 4×4 inputs: those under a tile and a border around.
pub(super) struct Input;

#[allow(unsafe_code)]
impl Tiles for Input {
    const SIDE: usize = 4;

    #[inline(always)]
    unsafe fn transform<S: Simd>(simd: S, from: *const f32, row: usize, pixel: usize) -> [S::F32; PLANES] {
        let mut rows = [[simd.zero(); 4]; 4];
        for x in 0..4 {
            // SAFETY: the caller's promise.
            let column = unsafe {
                let at = from.add(x * pixel);
                let [a, b, c, d] = [0, row, 2 * row, 3 * row].map(|down| at.add(down));
                [simd.load(a), simd.load(b), simd.load(c), simd.load(d)]
            };
            for (row, value) in rows.iter_mut().zip(spread(simd, column)) {
                row[x] = value;
            }
        }
        let mut planes = [simd.zero(); PLANES];
        for (planes, row) in planes.chunks_exact_mut(4).zip(rows) {
            planes.copy_from_slice(&spread(simd, row));
        }
        planes
    }

    #[inline(always)]
    fn note(&mut self, _pixels: &[f32], _channels: usize) {}
}

/// W = H e Hᵀ of 2×2 gradients, with H = [1 0; ½ ½; ½ −½; 0 1]; adds them up for the bias's gradient.
pub(super) struct Gradient<'a> {
    pub(super) bias: &'a mut [f32],
}

#[allow(unsafe_code)]
impl Tiles for Gradient<'_> {
    const SIDE: usize = 2;

    #[inline(always)]
    unsafe fn transform<S: Simd>(simd: S, from: *const f32, row: usize, pixel: usize) -> [S::F32; PLANES] {
        // SAFETY: the caller's promise.
        let [[a, b], [c, d]] = unsafe {
            [
                [simd.load(from), simd.load(from.add(pixel))],
                [simd.load(from.add(row)), simd.load(from.add(row + pixel))],
            ]
        };
        let (left, right) = (widen(simd, [a, c]), widen(simd, [b, d]));
        let mut planes = [simd.zero(); PLANES];
        for (planes, pair) in planes.chunks_exact_mut(4).zip(left.into_iter().zip(right)) {
            planes.copy_from_slice(&widen(simd, pair.into()));
        }
        planes
    }

    #[inline(always)]
    fn note(&mut self, pixels: &[f32], channels: usize) {
        pixels.chunks_exact(channels).for_each(|pixel| add(self.bias, pixel));
    }
}

/// H e of one column.
#[inline(always)]
fn widen<S: Simd>(simd: S, [a, b]: [S::F32; 2]) -> [S::F32; 4] {
    let half = simd.splat(0.5);
    [a, simd.mul(half, simd.add(a, b)), simd.mul(half, simd.sub(a, b)), b]
}

/// A group of a batch's tiles.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) cut: &'a Cut,
    pub(super) index: usize,
    /// What its planes are multiplied in.
    pub(super) precision: Precision,
}

/// How a group's transformed tiles lie: 16 planes of [channels / PANEL][steps][PANEL].
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub(super) channels: usize,
    /// Tiles of a group, or pairs of them in bf16, where an odd last one has zeros beside it.
    pub(super) steps: usize,
    /// Words from a plane to the next.
    pub(super) distance: usize,
}

impl Planes {
    pub(super) fn new<S: Simd>(cut: &Cut, precision: Precision, channels: usize) -> Self {
        let steps = words(cut.len(), precision);
        Self { channels, steps, distance: steps * padded::<S>(channels) + GAP }
    }

    /// Words of a group.
    pub(super) fn len(&self) -> usize {
        PLANES * self.distance
    }
}

/// Transforms a group's tiles.
pub(super) struct Transform<'a, T> {
    pub(super) tiles: T,
    pub(super) of: Group<'a>,
    /// Those of the batch.
    pub(super) images: Images<'a>,
    pub(super) planes: Planes,
    pub(super) to: &'a mut [f32],
}

#[allow(unsafe_code)]
impl<T: Tiles> Operation for Transform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let strips = Strips::load(&mut self);
        let Self { of: Group { cut, precision, .. }, planes, to, .. } = self;
        let Planes { channels, steps, distance } = planes;
        let width = panel::<S>();
        assert!(channels.is_multiple_of(S::LANES), "winograd: channels must fill vectors; found {channels}");
        assert!(distance >= steps * padded::<S>(channels), "winograd: planes are short");
        assert!(to.len() >= planes.len() && steps == words(cut.len(), precision), "winograd: no such planes");
        for step in 0..steps {
            for channel in (0..channels).step_by(S::LANES) {
                let at = (channel / width * steps + step) * width + channel % width;
                // SAFETY: a tile's pixels are inside its strip, and a vector from `channel` inside a pixel; a plane has a panel for
                // each step as often as channels need, and vectors do not cross them. Lengths were checked above.
                unsafe {
                    match precision {
                        Precision::F32 => {
                            let values = strips.transform::<S, T>(simd, cut, step, channel);
                            let to = to.as_mut_ptr().add(at);
                            for (index, value) in values.into_iter().enumerate() {
                                simd.store(value, to.add(index * distance));
                            }
                        }
                        Precision::Bf16 => {
                            let first = strips.transform::<S, T>(simd, cut, 2 * step, channel);
                            let second = if 2 * step + 1 < cut.len() {
                                strips.transform::<S, T>(simd, cut, 2 * step + 1, channel)
                            } else {
                                [simd.zero(); PLANES]
                            };
                            let to = as_pairs_mut(to).as_mut_ptr().add(at);
                            for (index, (first, second)) in first.into_iter().zip(second).enumerate() {
                                simd.store_pairs(first, second, to.add(index * distance));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The pixels under a group's strips, in f32, with as much of a border as its tiles want.
struct Strips {
    data: Scratch,
    channels: usize,
    /// Numbers of a row, and of a strip.
    row: usize,
    strip: usize,
}

impl Strips {
    #[inline(always)]
    fn load<T: Tiles>(from: &mut Transform<'_, T>) -> Self {
        let Transform { tiles, of: Group { cut, index: group, .. }, images, planes, .. } = from;
        let (channels, border) = (planes.channels, (T::SIDE - 2) / 2);
        let [height, width] = cut.image;
        let row = (2 * cut.tiles[1] + 2 * border) * channels;
        let strip = (2 * cut.tiles[0] + 2 * border) * row;
        let mut data = Scratch::zeros(cut.of_group * strip);
        let there = (*group * cut.of_group..cut.strips).zip(data.chunks_exact_mut(strip));
        for (index, strip) in there {
            let (image, first) = (index / cut.of_image, index % cut.of_image * 2 * cut.tiles[0]);
            for (y, row) in (first..).zip(strip.chunks_exact_mut(row)) {
                let Some(y) = y.checked_sub(border).filter(|&y| y < height) else { continue };
                let run = width * channels;
                let from = (image * height + y) * run;
                let to = &mut row[border * channels..][..run];
                images.slice(from..from + run).write(to);
                tiles.note(to, channels);
            }
        }
        Self { data, channels, row, strip }
    }

    /// The transform of a tile's channels from `channel`.
    ///
    /// # Safety
    /// There must be such a tile in a group, and a vector of channels.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn transform<S: Simd, T: Tiles>(
        &self,
        simd: S,
        cut: &Cut,
        tile: usize,
        channel: usize,
    ) -> [S::F32; PLANES] {
        let [down, across] = cut.tiles;
        let (strip, place) = (tile / (down * across), tile % (down * across));
        let first =
            strip * self.strip + 2 * (place / across) * self.row + 2 * (place % across) * self.channels;
        // SAFETY: `load` made room for every tile of the group and the border around it; the caller vouches for tile and channel.
        unsafe { T::transform(simd, self.data.as_ptr().add(first + channel), self.row, self.channels) }
    }
}
