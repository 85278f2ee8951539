//! The size of images, as people write it: `64` for a square, or `48x64`, height first.

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Height and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSize {
    /// Rows, 1 to 256.
    pub height: usize,
    /// Columns, 1 to 256.
    pub width: usize,
}

/// Longest side, as blocks have it.
const MOST_SIDE: usize = 256;

impl FromStr for ImageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (height, width) = text.split_once(['x', '×']).unwrap_or((text, text));
        let side = |text: &str| text.parse().ok().filter(|side| (1..=MOST_SIDE).contains(side));
        match (side(height), side(width)) {
            (Some(height), Some(width)) => Ok(Self { height, width }),
            _ => Err(format!("must be N or HEIGHTxWIDTH, each from 1 to {MOST_SIDE}; found {text:?}")),
        }
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

impl Serialize for ImageSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = ImageSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as 64 or \"48x64\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ImageSize, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, side: i64) -> Result<ImageSize, E> {
                self.visit_str(&side.to_string())
            }

            fn visit_u64<E: de::Error>(self, side: u64) -> Result<ImageSize, E> {
                self.visit_str(&side.to_string())
            }
        }

        deserializer.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!("64".parse(), Ok(ImageSize { height: 64, width: 64 }));
        assert_eq!("8x256".parse(), Ok(ImageSize { height: 8, width: 256 }));
        for text in ["", "0", "257", "8x", "x8", "8x8x8", "-8", "8.5", "99999999999999999999"] {
            let error = text.parse::<ImageSize>().unwrap_err();
            assert!(error.starts_with("must be N or HEIGHTxWIDTH, each from 1 to 256"), "{error}");
        }
    }

    #[test]
    fn numbers_and_texts_mean_the_same_in_files() {
        #[derive(Serialize, Deserialize)]
        struct File {
            size: ImageSize,
        }
        for text in ["size = 32", "size = \"32\"", "size = \"32x32\""] {
            let file: File = toml::from_str(text).unwrap();
            assert_eq!(toml::to_string(&file).unwrap(), "size = \"32x32\"\n");
        }
        assert!(toml::from_str::<File>("size = -1").is_err() && toml::from_str::<File>("size = []").is_err());
    }
}
