//! The size of one image.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Height, width and channels of every image of a split; pixels lie row by row, channels innermost (HWC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

    /// Height, width and channels.
    #[must_use]
    pub const fn sizes(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
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
    use serde::de::value::{Error, MapDeserializer};

    #[test]
    fn a_shape_in_a_file_has_three_sizes_and_no_more() {
        let read = |fields: &[(&'static str, usize)]| {
            ImageShape::deserialize(MapDeserializer::<_, Error>::new(fields.iter().copied()))
        };
        let shape = read(&[("height", 4), ("width", 5), ("channels", 3)]).unwrap();
        assert_eq!(shape, ImageShape { height: 4, width: 5, channels: 3 });
        assert_eq!(shape.sizes(), [4, 5, 3]);
        let error =
            read(&[("height", 4), ("width", 5), ("channels", 3), ("surplus", 1)]).unwrap_err().to_string();
        assert!(error.contains("unknown field `surplus`"), "{error}");
        let error = read(&[("height", 4), ("width", 5)]).unwrap_err().to_string();
        assert!(error.contains("missing field `channels`"), "{error}");
    }

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
