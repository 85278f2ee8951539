//! Pixels as a file holds them.

use super::MOST_SIDE;

/// What a picture's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    /// Two bytes a sample, the higher one first, rather than one.
    pub(super) is_deep: bool,
}

/// The samples of one pixel, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    /// Samples a pixel.
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

impl Header {
    pub(super) fn has_colour(&self) -> bool {
        matches!(self.layout, Layout::Rgb | Layout::Rgba)
    }

    /// Whether it has more pixels than these, or too long a side.
    pub(super) fn is_beyond(&self, most_pixels: u64) -> bool {
        let sides = [self.width, self.height];
        sides.iter().any(|&side| side > MOST_SIDE)
            || sides.map(u64::from).iter().product::<u64>() > most_pixels
    }

    /// Bytes of all samples.
    pub(super) fn len(&self) -> usize {
        let bytes = if self.is_deep { 2 } else { 1 };
        self.width as usize * self.height as usize * self.layout.channels() * bytes
    }
}

/// All samples of a picture, row by row from the top.
pub(super) struct Raster {
    pub(super) header: Header,
    pub(super) samples: Vec<u8>,
}
