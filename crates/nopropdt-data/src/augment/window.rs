//! A random part of an image, brought to the size of the whole.

use crate::ImageShape;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

/// The most that a side may be stretched against the other, either way.
const STRETCH: f32 = 4.0 / 3.0;
/// Windows that are drawn until one fits.
const TRIES: usize = 10;

/// A part of an image: where it begins and how large it is, in rows and columns, which need not be whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) start: [f32; 2],
    pub(super) size: [f32; 2],
}

impl Window {
    /// A window of at least `scale` of the area of an image, evenly between that and all of it, whose sides are stretched by up to 4/3, in
    /// logarithms evenly; anywhere in the image. Where none of ten fits, it is the whole image.
    ///
    /// # Source
    /// Szegedy et al., "Going deeper with convolutions", 2015, section 6.
    pub(super) fn draw(random: &mut ChaCha8Rng, scale: f32, sides: [usize; 2]) -> Self {
        let sides = sides.map(|side| side as f32);
        let mut uniform = || (random.next_u32() >> 8) as f32 / (1 << 24) as f32;
        for _ in 0..TRIES {
            let area = (scale + (1.0 - scale) * uniform()) * sides[0] * sides[1];
            let stretch = STRETCH.powf(2.0 * uniform() - 1.0);
            let size = [(area * stretch).sqrt(), (area / stretch).sqrt()];
            let places = [uniform(), uniform()];
            if size[0] <= sides[0] && size[1] <= sides[1] {
                return Self { start: [0, 1].map(|axis| places[axis] * (sides[axis] - size[axis])), size };
            }
        }
        Self { start: [0.0; 2], size: sides }
    }

    /// The window of `image` at the image's own size, between four pixels each.
    pub(super) fn of(&self, image: &[f32], shape: ImageShape) -> Vec<f32> {
        let ImageShape { height, width, channels } = shape;
        let rows: Vec<Between> = (0..height).map(|row| self.between(0, row, height)).collect();
        let columns: Vec<Between> = (0..width).map(|column| self.between(1, column, width)).collect();
        let mut out = Vec::with_capacity(image.len());
        for row in &rows {
            for column in &columns {
                for channel in 0..channels {
                    let at = |row: usize, column: usize| image[(row * width + column) * channels + channel];
                    let across =
                        |row: usize| mix(at(row, column.first), at(row, column.second), column.share);
                    out.push(mix(across(row.first), across(row.second), row.share));
                }
            }
        }
        out
    }

    /// Where place `at` of `side` lies along an axis: pixel i covers i to i + 1, and its value is that of its middle.
    fn between(&self, axis: usize, at: usize, side: usize) -> Between {
        let step = self.size[axis] / side as f32;
        let place = (self.start[axis] + (at as f32 + 0.5) * step - 0.5).clamp(0.0, (side - 1) as f32);
        let first = place as usize;
        Between { first, second: (first + 1).min(side - 1), share: place - first as f32 }
    }
}

/// Between two rows or columns.
struct Between {
    first: usize,
    second: usize,
    /// How much the second counts.
    share: f32,
}

fn mix(first: f32, second: f32, share: f32) -> f32 {
    first + share * (second - first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    const SHAPE: ImageShape = ImageShape { height: 4, width: 6, channels: 2 };

    #[test]
    fn windows_lie_within_and_have_the_area_asked_for() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let (mut areas, mut starts) = (Vec::new(), [0.0; 2]);
        for _ in 0..4000 {
            let Window { start, size } = Window::draw(&mut random, 0.25, [40, 60]);
            assert!(start[0] >= 0.0 && start[0] + size[0] <= 40.001, "{start:?} {size:?}");
            assert!(start[1] >= 0.0 && start[1] + size[1] <= 60.001, "{start:?} {size:?}");
            let stretch = size[0] / size[1];
            assert!(size == [40.0, 60.0] || (0.7499..1.3334).contains(&stretch), "{stretch}");
            areas.push(size[0] * size[1] / 2400.0);
            let room = [40.0 - size[0], 60.0 - size[1]].map(|room| 4000.0 * room.max(1e-3));
            starts = [0, 1].map(|axis| starts[axis] + start[axis] / room[axis]);
        }
        assert!(areas.iter().all(|&area| (0.2499..1.0001).contains(&area)));
        let mean = areas.iter().sum::<f32>() / 4000.0;
        // Windows near the whole image fit seldom, which takes the mean below 0.625.
        assert!((0.4..0.625).contains(&mean), "{mean}");
        assert!(starts.iter().all(|start| (start - 0.5).abs() < 0.1), "{starts:?}");
    }

    #[test]
    fn the_whole_window_is_the_image() {
        let image: Vec<f32> = (0u8..48).map(|value| f32::from(value) * 1.5).collect();
        let whole = Window { start: [0.0; 2], size: [4.0, 6.0] };
        assert_eq!(whole.of(&image, SHAPE), image);
    }

    /// A slope stays the slope that it is: linear in either direction, read at the middles of the new pixels.
    #[test]
    fn a_part_of_a_slope_is_a_gentler_slope() {
        let value = |row: f32, column: f32, channel: usize| 3.0 * row - 2.0 * column + channel as f32;
        let image: Vec<f32> = (0..48).map(|i| value((i / 12) as f32, (i / 2 % 6) as f32, i % 2)).collect();
        let part = Window { start: [1.0, 1.5], size: [2.0, 3.0] };
        for (i, found) in part.of(&image, SHAPE).into_iter().enumerate() {
            let (row, column) = ((i / 12) as f32, (i / 2 % 6) as f32);
            let wanted = value(1.0 + (row + 0.5) * 0.5 - 0.5, 1.5 + (column + 0.5) * 0.5 - 0.5, i % 2);
            assert!((found - wanted).abs() < 1e-5, "{i}: {found} {wanted}");
        }
    }

    #[test]
    fn an_image_too_narrow_for_any_window_is_left_whole() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let window = Window::draw(&mut random, 0.99, [1, 400]);
        assert_eq!(window, Window { start: [0.0; 2], size: [1.0, 400.0] });
    }
}
