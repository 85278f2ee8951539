//! How a picture is to be turned before it is looked at, by its EXIF data.
//!
//! Cameras store what the sensor saw and say in EXIF how the camera was held. The file's parts are walked here, since decoders read
//! all headers a second time for it, and leave out what lies behind the pixels.

use image::ImageFormat;
use image::metadata::Orientation;

/// What EXIF data begins with in a JPEG, and in some WebP pictures too.
const SIGNATURE: &[u8] = b"Exif\0\0";

/// The orientation that a picture's EXIF data asks for; none, where there is no such data or it can't be read.
pub(super) fn orientation(bytes: &[u8], format: ImageFormat) -> Orientation {
    let found = match format {
        ImageFormat::Jpeg => segments(bytes).find_map(|segment| read(segment.strip_prefix(SIGNATURE)?)),
        ImageFormat::Png => {
            png_chunks(bytes).find_map(|(kind, data)| (kind == b"eXIf").then(|| read(data))?)
        }
        ImageFormat::WebP => webp_chunks(bytes).find_map(|(kind, data)| {
            (kind == b"EXIF").then(|| read(data.strip_prefix(SIGNATURE).unwrap_or(data)))?
        }),
        _ => None,
    };
    found.unwrap_or(Orientation::NoTransforms)
}

fn read(exif: &[u8]) -> Option<Orientation> {
    Orientation::from_exif_chunk(exif)
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
            for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp] {
                let _ = orientation(&bytes, format);
            }
        }
    }
}
