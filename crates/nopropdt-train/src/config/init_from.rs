//! What the weights of a run start from, where they are not fresh.

use crate::home::at_home;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The model file that a run starts from. As with precision `auto`, a run that begins decides: it keeps the hash of the file, and its
/// checkpoint the weights, so the file may move or go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitFrom {
    /// The file's path, of a run that has not begun; `~` at its beginning is the home folder.
    File(String),
    /// SHA-256 of the file's bytes, of a run that has begun.
    Begun([u8; 32]),
}

/// How the text of a hash begins.
const HASH: &str = "sha256:";

impl InitFrom {
    /// Where the file is, of a run that has not begun.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(at_home(Path::new(path))),
            Self::Begun(_) => None,
        }
    }
}

impl FromStr for InitFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |rule: &str| Err(format!("must be the path of a model file{rule}; found {text:?}"));
        let Some(digits) = text.strip_prefix(HASH) else {
            return if text.is_empty() { wrong("") } else { Ok(Self::File(text.to_owned())) };
        };
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return wrong(", or sha256: and 64 hexadecimal digits");
        }
        for (place, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * place..][..2], 16).map_err(|error| error.to_string())?;
        }
        Ok(Self::Begun(hash))
    }
}

impl fmt::Display for InitFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::Begun(hash) => {
                f.write_str(HASH)?;
                hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl Serialize for InitFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InitFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_a_hash_survives_its_text() {
        let hash = std::array::from_fn(|place| 7 * place as u8);
        for one in [InitFrom::File("runs/a b/model.safetensors".into()), InitFrom::Begun(hash)] {
            assert_eq!(one.to_string().parse::<InitFrom>().unwrap(), one);
        }
        assert!(InitFrom::Begun(hash).to_string().starts_with("sha256:00070e15"));
        assert_eq!(InitFrom::Begun(hash).path(), None);
        assert_eq!("x/y".parse::<InitFrom>().unwrap().path().unwrap(), Path::new("x/y"));
    }

    #[test]
    fn what_is_neither_is_refused() {
        let refused = |text: &str| text.parse::<InitFrom>().unwrap_err();
        assert_eq!(refused(""), "must be the path of a model file; found \"\"");
        for digits in ["", "12", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            let text = format!("sha256:{digits}");
            let rule = "must be the path of a model file, or sha256: and 64 hexadecimal digits";
            assert_eq!(refused(&text), format!("{rule}; found {text:?}"));
        }
    }
}
