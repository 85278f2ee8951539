//! WebP, by the crate image-webp. Of an animation, the first frame.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::raster::{Header, Layout};
use super::{Decoder, reason};

pub(super) struct WebP<'a>(WebPDecoder<Cursor<&'a [u8]>>);

impl<'a> WebP<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        WebPDecoder::new(Cursor::new(bytes)).map(Self).map_err(reason)
    }
}

impl Decoder for WebP<'_> {
    fn header(&self) -> Header {
        let (width, height) = self.0.dimensions();
        let layout = if self.0.has_alpha() { Layout::Rgba } else { Layout::Rgb };
        Header { width, height, layout, is_deep: false }
    }

    fn samples(mut self: Box<Self>) -> Result<Vec<u8>, String> {
        let mut samples = vec![0; self.header().len()];
        self.0.read_image(&mut samples).map_err(reason)?;
        Ok(samples)
    }
}
