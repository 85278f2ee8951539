//! PNG, by the crate png. Of an animation, the first frame.

use std::io::Cursor;

use ::png::{ColorType, Limits, Reader, Transformations};

use super::raster::{Header, Layout};
use super::{Decoder, MOST_MEMORY, reason};

pub(super) struct Png<'a>(Reader<Cursor<&'a [u8]>>);

impl<'a> Png<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let limits = Limits { bytes: MOST_MEMORY };
        let mut decoder = ::png::Decoder::new_with_limits(Cursor::new(bytes), limits);
        // Nobody reads them, so a mistake in them is no matter.
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        // Palettes are looked up, and a colour that means transparent gets an alpha; 16 bits stay.
        decoder.set_transformations(Transformations::EXPAND);
        decoder.read_info().map(Self).map_err(reason)
    }
}

impl Decoder for Png<'_> {
    fn header(&self) -> Header {
        let (width, height) = self.0.info().size();
        let (colour, depth) = self.0.output_color_type();
        let layout = match colour {
            ColorType::Grayscale => Layout::Grey,
            ColorType::GrayscaleAlpha => Layout::GreyAlpha,
            ColorType::Rgb | ColorType::Indexed => Layout::Rgb,
            ColorType::Rgba => Layout::Rgba,
        };
        Header { width, height, layout, is_deep: depth == ::png::BitDepth::Sixteen }
    }

    fn samples(mut self: Box<Self>) -> Result<Vec<u8>, String> {
        let mut samples = vec![0; self.header().len()];
        self.0.next_frame(&mut samples).map_err(reason)?;
        Ok(samples)
    }
}
