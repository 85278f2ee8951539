//! The size of one image.

use std::fmt;

/// Height, width and channels of every image of a split; pixels lie row by row, channels innermost (HWC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values a pixel: 1 for grey, 3 for colour.
    pub channels: usize,
}

impl ImageShape {
    /// Values in one image: height × width × channels.
    ///
    /// # Panics
    /// In a debug build, when the product does not fit a `usize`; a [`Split`](crate::Split) never holds such a shape.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// True when a dimension is zero; a [`Split`](crate::Split) never holds such a shape.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// [`len`](Self::len), or `None` when it is zero or does not fit.
    pub(crate) fn checked_len(&self) -> Option<usize> {
        let len = self.height.checked_mul(self.width)?.checked_mul(self.channels)?;
        (len > 0).then_some(len)
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn len_is_the_product() {
        let shape = ImageShape { height: 4, width: 5, channels: 3 };
        assert_eq!((shape.len(), shape.is_empty()), (60, false));
        assert_eq!(shape.to_string(), "4x5x3");
    }

    #[test]
    fn zero_and_overflow_have_no_checked_length() {
        assert_eq!(ImageShape { height: 4, width: 0, channels: 3 }.checked_len(), None);
        assert_eq!(ImageShape { height: usize::MAX, width: 2, channels: 1 }.checked_len(), None);
    }
}
