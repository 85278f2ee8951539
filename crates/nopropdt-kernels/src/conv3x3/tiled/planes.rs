//! Images of few channels, channel by channel, so that the square around a window of the pool lies at fixed distances.

use crate::buffer::Scratch;
use crate::conv3x3::shape::ConvShape;

/// An image in planes with borders of zeros, [C][H + 2, W + 2].
pub(super) struct Planes {
    height: usize,
    width: usize,
    data: Scratch,
}

impl Planes {
    pub(super) fn new(shape: &ConvShape) -> Self {
        let data = Scratch::zeros(shape.in_channels * (shape.height + 2) * (shape.width + 2));
        Self { height: shape.height, width: shape.width, data }
    }

    /// Distance of the rows of [`Planes::around`].
    pub(super) fn row(&self) -> usize {
        self.width + 2
    }

    fn plane(&self) -> usize {
        (self.height + 2) * self.row()
    }

    /// Overwrites the inside with an image [H, W, C].
    #[inline(always)]
    pub(super) fn load(&mut self, image: &[f32]) {
        let (row, plane) = (self.row(), self.plane());
        let channels = self.data.len() / plane;
        for (channel, plane) in self.data.chunks_exact_mut(plane).enumerate() {
            let rows = plane[row..].chunks_exact_mut(row).zip(image.chunks_exact(self.width * channels));
            for (to, from) in rows {
                let to = &mut to[1..=self.width];
                if channels == 1 {
                    to.copy_from_slice(from);
                } else {
                    to.iter_mut()
                        .zip(from[channel..].iter().step_by(channels))
                        .for_each(|(to, &from)| *to = from);
                }
            }
        }
    }

    /// A channel's numbers from the first to the last of the 4×4 around the window of 2×2 pixels whose first is `(y, x)`.
    ///
    /// # Panics
    /// When there is no such window or channel.
    #[inline(always)]
    pub(super) fn around(&self, channel: usize, (y, x): (usize, usize)) -> &[f32] {
        assert!(y + 1 < self.height && x + 1 < self.width, "planes: no such window");
        let first = channel * self.plane() + y * self.row() + x;
        &self.data[first..][..3 * self.row() + 4]
    }
}
