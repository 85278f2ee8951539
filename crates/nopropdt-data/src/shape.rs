//! The size of one image, and of one input of any kind.

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

/// Shape of every input of a split: `[height, width, channels]` of images, `[length]` of vectors, anything else that a block takes.
///
/// In files, images are an object with `height`, `width` and `channels`, and all else is a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct InputShape(Vec<usize>);

/// [`InputShape`] as files have it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a shape must be an object of height, width and channels, or a list of sizes")]
enum Written {
    Image(ImageShape),
    Other(Vec<usize>),
}

impl From<Written> for InputShape {
    fn from(written: Written) -> Self {
        match written {
            Written::Image(image) => image.into(),
            Written::Other(sizes) => Self(sizes),
        }
    }
}

impl From<InputShape> for Written {
    fn from(shape: InputShape) -> Self {
        shape.image().map_or_else(|| Self::Other(shape.0.clone()), Self::Image)
    }
}

impl From<ImageShape> for InputShape {
    fn from(image: ImageShape) -> Self {
        Self(image.sizes().to_vec())
    }
}

impl From<Vec<usize>> for InputShape {
    fn from(sizes: Vec<usize>) -> Self {
        Self(sizes)
    }
}

impl InputShape {
    /// The sizes, the last axis innermost.
    #[must_use]
    pub fn sizes(&self) -> &[usize] {
        &self.0
    }

    /// The same as an image, where it is one: three sizes.
    #[must_use]
    pub fn image(&self) -> Option<ImageShape> {
        match self.0[..] {
            [height, width, channels] => Some(ImageShape { height, width, channels }),
            _ => None,
        }
    }

    /// Values in one input: the product of the sizes.
    ///
    /// # Panics
    /// In a debug build, when the product does not fit a `usize`; a [`Split`](crate::Split) never holds such a shape.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().product()
    }

    /// True when a size is zero; a [`Split`](crate::Split) never holds such a shape.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of the last axis: the channels of an image, the values of a vector.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }

    /// What inputs of this shape are called: images, or examples.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        if self.image().is_some() { "images" } else { "examples" }
    }

    /// [`len`](Self::len), or `None` when it is zero, does not fit, or there are no sizes.
    #[must_use]
    pub fn checked_len(&self) -> Option<usize> {
        if self.0.is_empty() {
            return None;
        }
        let len = self.0.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))?;
        (len > 0).then_some(len)
    }
}

impl PartialEq<ImageShape> for InputShape {
    fn eq(&self, image: &ImageShape) -> bool {
        self.image() == Some(*image)
    }
}

impl fmt::Display for InputShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&sizes.join("x"))
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
    fn a_shape_in_a_file_is_an_image_or_a_list() {
        let read = |fields: &[(&'static str, usize)]| {
            InputShape::deserialize(MapDeserializer::<_, Error>::new(fields.iter().copied()))
        };
        assert_eq!(
            read(&[("height", 4), ("width", 5), ("channels", 3)]).unwrap(),
            InputShape::from(vec![4, 5, 3])
        );
        let error = read(&[("height", 4), ("width", 5)]).unwrap_err().to_string();
        assert_eq!(error, "a shape must be an object of height, width and channels, or a list of sizes");
    }

    #[test]
    fn an_image_is_an_input_of_three_sizes() {
        let image = ImageShape { height: 4, width: 5, channels: 3 };
        let (images, vectors) = (InputShape::from(image), InputShape::from(vec![64]));
        assert_eq!((images.image(), vectors.image()), (Some(image), None));
        assert_eq!((images.to_string(), vectors.to_string()), ("4x5x3".to_owned(), "64".to_owned()));
        assert_eq!(
            (images.channels(), vectors.channels(), images.noun(), vectors.noun()),
            (3, 64, "images", "examples")
        );
        assert!(images == image && vectors != image);
        assert_eq!(InputShape::from(vec![usize::MAX, 2]).checked_len(), None);
        assert_eq!(InputShape::from(vec![]).checked_len(), None);
        assert_eq!((vectors.checked_len(), InputShape::from(vec![3, 0]).checked_len()), (Some(64), None));
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
