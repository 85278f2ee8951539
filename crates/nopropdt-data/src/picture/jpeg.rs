//! JPEG, by the crate zune-jpeg.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::raster::{Header, Layout};
use super::{Decoder, reason};

pub(super) struct Jpeg<'a> {
    decoder: JpegDecoder<ZCursor<&'a [u8]>>,
    header: Header,
}

impl<'a> Jpeg<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        // As browsers do: what can be shown is read.
        let options = DecoderOptions::default().set_strict_mode(false);
        // Too large ones are refused in our own words.
        let most = usize::from(u16::MAX);
        let options = options.set_max_width(most).set_max_height(most);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(reason)?;
        let (Some((width, height)), Some(colours)) = (decoder.dimensions(), decoder.input_colorspace())
        else {
            return Err("it has no frame".to_owned());
        };
        // Whatever has colours comes out as RGB.
        let (colours, layout) = match colours {
            ColorSpace::Luma => (ColorSpace::Luma, Layout::Grey),
            _ => (ColorSpace::RGB, Layout::Rgb),
        };
        decoder.set_options(options.jpeg_set_out_colorspace(colours));
        let header = Header { width: width as u32, height: height as u32, layout, is_deep: false };
        Ok(Self { decoder, header })
    }
}

impl Decoder for Jpeg<'_> {
    fn header(&self) -> Header {
        self.header
    }

    fn samples(mut self: Box<Self>) -> Result<Vec<u8>, String> {
        let mut samples = vec![0; self.header.len()];
        self.decoder.decode_into(&mut samples).map_err(reason)?;
        Ok(samples)
    }
}

/// Whether a JPEG is all there, since its decoder makes up what is missing: an end marker follows the last scan. What comes after that is nobody's business: cameras add films and second pictures.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        // Between markers lie a scan's data, in which 0xff is followed by 0 or a restart marker, and fill bytes.
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
        let Some(place) = rest.windows(2).position(is_marker) else { return false };
        let (marker, after) = (rest[place + 1], &rest[place + 2..]);
        let length = match marker {
            0xd9 => return true,
            // The start of an image and a marker of arithmetic coding stand alone.
            0xd8 | 0x01 => 0,
            _ => after.first_chunk().map_or(usize::MAX, |&length| u16::from_be_bytes(length).into()),
        };
        let Some(next) = after.get(length..) else { return false };
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;

    fn picture() -> Vec<u8> {
        let picture = RgbImage::from_fn(40, 30, |x, y| Rgb([(x * y) as u8, (x ^ y) as u8, (7 * y) as u8]));
        let mut file = std::io::Cursor::new(Vec::new());
        DynamicImage::from(picture).write_to(&mut file, ImageFormat::Jpeg).unwrap();
        file.into_inner()
    }

    #[test]
    fn only_the_whole_is_whole() {
        let whole = picture();
        assert!(is_whole(&whole));
        for length in 0..whole.len() {
            assert!(!is_whole(&whole[..length]), "{length}");
        }
    }

    #[test]
    fn a_thumbnail_has_an_end_of_its_own() {
        // Inside a segment, where cameras put it.
        let (whole, thumbnail) = (picture(), [0xff, 0xd8, 0xff, 0xd9]);
        let segment = [&[0xff, 0xe1, 0, 2 + thumbnail.len() as u8][..], &thumbnail].concat();
        let with = [&whole[..2], &segment, &whole[2..]].concat();
        assert!(is_whole(&with));
        assert!(!is_whole(&with[..with.len() - 1]));
    }

    proptest! {
        #[test]
        fn what_follows_the_end_does_not_count(trailer in prop::collection::vec(any::<u8>(), 0..2000)) {
            let scan = [0xff, 0xda, 0, 0];
            prop_assert!(is_whole(&[&picture()[..], &trailer, &scan, &trailer].concat()));
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(prop_oneof![Just(0xff), Just(0xd9), any::<u8>()], 0..200)) {
            let _ = is_whole(&bytes);
        }
    }
}
