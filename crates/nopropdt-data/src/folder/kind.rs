//! Which files are pictures: by name where that says so, else by content.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;

use crate::picture::Format;
use crate::{DataError, plain_file};

/// Names of pictures end in one of these, in any case. Such a file must be a picture; it is an error if not.
const EXTENSIONS: [&str; 10] = ["bmp", "jfi", "jfif", "jpe", "jpeg", "jpg", "pjp", "pjpeg", "png", "webp"];
/// Bytes that tell the formats.
const BEGINNING: u64 = 30;

/// What a file of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A picture by its name or its content.
    Picture,
    /// Something else, or a picture in another format.
    Other,
    /// A file without the name of a picture that can't be read.
    Unreadable,
}

impl Kind {
    /// A picture, if the name is that of one.
    pub(super) fn by_name(name: &OsStr) -> Option<Self> {
        let extension = Path::new(name).extension()?.to_str()?;
        EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)).then_some(Self::Picture)
    }

    /// What the first bytes tell.
    pub(super) fn by_content(path: &Path) -> Self {
        let mut beginning = Vec::new();
        match plain_file::open(path).map(|(file, _)| file.take(BEGINNING).read_to_end(&mut beginning)) {
            Ok(Ok(_)) if begins_a_picture(&beginning) => Self::Picture,
            // A pipe or a device is not even opened.
            Ok(Ok(_)) | Err(DataError::Invalid { .. }) => Self::Other,
            Ok(Err(_)) | Err(_) => Self::Unreadable,
        }
    }
}

/// Whether a file that begins so is a PNG, JPEG, BMP or WebP picture.
fn begins_a_picture(bytes: &[u8]) -> bool {
    // Two letters alone would make a picture of a text that begins with them, so the header's length must be one of a BMP, too.
    let is_bmp = || {
        let header =
            bytes.get(14..18).and_then(|four| four.first_chunk()).map(|&four| u32::from_le_bytes(four));
        matches!(header, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
    };
    Format::of(bytes).is_some_and(|format| format != Format::Bmp || is_bmp())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_a_file_is_is_in_its_name_or_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            Kind::by_name(name.as_ref()).unwrap_or_else(|| Kind::by_content(&path))
        };
        let (png, jpeg, webp) = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBPVP8 ");
        let bmp = [&b"BM"[..], &[0; 12], &[40, 0, 0, 0]].concat();
        for (name, content) in [("png", &png[..]), ("a.tif", jpeg), ("b.dat", webp), ("c.dib", &bmp)] {
            assert_eq!(kind(name, content), Kind::Picture, "{name}");
        }
        for name in ["a.jpg", "b.JFIF", "c.Jpe", "d.pjpeg", "e.jfi", "f.WebP"] {
            assert_eq!(kind(name, b"whatever"), Kind::Picture, "{name}");
        }
        let tiff = b"II*\0\x08\0\0\0";
        let others = [
            &b""[..],
            b"BMW is a maker of cars and motorcycles",
            b"RIFF\0\0\0\0WAVE",
            b"GIF89a",
            tiff,
            b"<svg>",
        ];
        for content in others {
            assert_eq!(kind("x", content), Kind::Other, "{content:?}");
        }
        assert_eq!(Kind::by_content(&folder.path().join("gone")), Kind::Unreadable);
        assert_eq!(Kind::by_content(folder.path()), Kind::Other);
    }
}
