//! How a picture is to be turned before it is looked at.

/// What brings a picture upright: mirroring along either side, then swapping rows and columns.
///
/// All eight orientations of EXIF are such a combination, applied here to the turned picture: its pixel (x, y) is looked for at
/// (width - 1 - x, y) if `mirrored`, and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orientation {
    mirrored: bool,
    upside_down: bool,
    transposed: bool,
}

impl Orientation {
    /// By the number that EXIF data gives (tag 0x0112), 1 to 8.
    pub(super) fn from_exif(number: u16) -> Option<Self> {
        let (mirrored, upside_down, transposed) = match number {
            1 => (false, false, false),
            2 => (true, false, false),
            3 => (true, true, false),
            4 => (false, true, false),
            5 => (false, false, true),
            6 => (true, false, true),
            7 => (true, true, true),
            8 => (false, true, true),
            _ => return None,
        };
        Some(Self { mirrored, upside_down, transposed })
    }

    /// Whether width and height change places.
    pub(super) fn swaps_sides(self) -> bool {
        self.transposed
    }

    /// Turns pixels of `channels` bytes; size is width and height, those of the turned picture come back.
    pub(super) fn turn(
        self,
        pixels: Vec<u8>,
        channels: usize,
        (width, height): (usize, usize),
    ) -> (Vec<u8>, (usize, usize)) {
        if self == Self::default() {
            return (pixels, (width, height));
        }
        let (wide, high) = if self.transposed { (height, width) } else { (width, height) };
        let mut turned = Vec::with_capacity(pixels.len());
        for y in 0..high {
            let y = if self.upside_down { high - 1 - y } else { y };
            for x in 0..wide {
                let x = if self.mirrored { wide - 1 - x } else { x };
                let place = if self.transposed { x * width + y } else { y * width + x };
                turned.extend_from_slice(&pixels[place * channels..][..channels]);
            }
        }
        (turned, (wide, high))
    }
}
