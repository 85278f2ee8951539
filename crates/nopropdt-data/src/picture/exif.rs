//! How a picture is to be turned before it is looked at, by its EXIF data.
//!
//! Cameras store what the sensor saw and say in EXIF how the camera was held. The file's parts are walked here, since decoders read
//! all headers a second time for it, and leave out what lies behind the pixels.

use super::{Format, Orientation};

/// What EXIF data begins with in a JPEG, and in some WebP pictures too.
const SIGNATURE: &[u8] = b"Exif\0\0";

/// The tag of the orientation, and the type of its value.
const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// The orientation that a picture's EXIF data asks for; none, where there is no such data or it can't be read.
pub(super) fn orientation(bytes: &[u8], format: Format) -> Orientation {
    let found = match format {
        Format::Jpeg => segments(bytes).find_map(|segment| read(segment.strip_prefix(SIGNATURE)?)),
        Format::Png => png_chunks(bytes).find_map(|(kind, data)| (kind == b"eXIf").then(|| read(data))?),
        Format::WebP => webp_chunks(bytes).find_map(|(kind, data)| {
            (kind == b"EXIF").then(|| read(data.strip_prefix(SIGNATURE).unwrap_or(data)))?
        }),
        Format::Bmp => None,
    };
    found.unwrap_or_default()
}

/// Reads EXIF data, a TIFF file of tags: the orientation is a short number in the first directory.
fn read(exif: &[u8]) -> Option<Orientation> {
    let is_big_endian = match exif.first_chunk()? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let &bytes = exif.get(at..)?.first_chunk()?;
        Some(if is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let long = |at: usize| -> Option<u32> {
        let &bytes = exif.get(at..)?.first_chunk()?;
        Some(if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let directory = long(4)? as usize;
    // Tag, type, count and value, in 12 bytes.
    let entries = (0..usize::from(short(directory)?)).map(|index| directory + 2 + 12 * index);
    for entry in entries {
        let (tag, kind, count) = (short(entry)?, short(entry + 2)?, long(entry + 4)?);
        if (tag, kind, count) == (ORIENTATION, SHORT, 1) {
            return Orientation::from_exif(short(entry + 8)?);
        }
    }
    None
}

/// The data of a JPEG's first application segments (marker APP1), up to the first scan.
fn segments(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    // Behind the marker of the start.
    let mut rest = bytes.get(2..).unwrap_or_default();
    let next = move || -> Option<(u8, &[u8])> {
        let marker = rest.iter().position(|&byte| byte != 0xff).filter(|&fill| fill > 0)?;
        let (kind, after) = (rest[marker], &rest[marker + 1..]);
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let data = after.get(2..length)?;
        rest = &after[length..];
        // The first scan: no segment of interest follows.
        (kind != 0xda).then_some((kind, data))
    };
    std::iter::from_fn(next).filter_map(|(kind, data)| (kind == 0xe1).then_some(data))
}

/// Kind and data of each chunk of a PNG.
fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (kind, after) = after.split_first_chunk()?;
        let (data, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        // A checksum ends it.
        rest = after.get(4..).unwrap_or_default();
        Some((kind, data))
    })
}

/// Kind and data of each chunk of a WebP picture.
fn webp_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (data, after) = after.split_at_checked(length)?;
        // Data of an odd length is followed by a byte that fills it up.
        rest = after.get(length % 2..).unwrap_or_default();
        Some((kind, data))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Lengths lie, chunks end early: no panic, and an end.
        #[test]
        fn any_bytes_end(
            bytes in prop::collection::vec(prop_oneof![Just(0xff), Just(0xe1), Just(0), any::<u8>()], 0..200),
        ) {
            for format in [Format::Jpeg, Format::Png, Format::WebP, Format::Bmp] {
                let _ = orientation(&bytes, format);
            }
        }
    }
}
