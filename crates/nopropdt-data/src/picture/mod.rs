//! One picture, from a file to the pixels to learn from.
//!
//! PNG, JPEG, BMP and WebP are read by what the file holds. Colour profiles are left aside: a picture's numbers are taken as sRGB.

mod bmp;
mod colour;
mod exif;
mod format;
mod jpeg;
mod orientation;
mod png;
mod raster;
mod scale;
mod webp;

use std::io::Read;
use std::path::Path;

use crate::decoding::caught;
use crate::{DataError, ImageShape, plain_file};

pub(crate) use format::Format;
use orientation::Orientation;
use raster::{Header, Layout, Raster};

/// Longest side of an image to learn from; blocks take no larger ones.
pub(crate) const MOST_IMAGE_SIDE: usize = 256;
/// Longest file of one picture.
const MOST_FILE: u64 = 64 << 20;
/// Longest side of a picture before it is scaled.
const MOST_SIDE: u32 = 1 << 14;
/// Pixels of a picture before it is scaled: those of large cameras. A decoder takes 4 to 8 bytes for each.
const MOST_PIXELS: u64 = 1 << 26;
/// Memory that decoding one picture may take beside what it hands out.
const MOST_MEMORY: usize = 512 << 20;

/// A picture's file with its header read.
trait Decoder {
    fn header(&self) -> Header;

    /// The samples, row by row from the top, as [`Header`] describes them.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn samples(self: Box<Self>) -> Result<Vec<u8>, String>;
}

/// A decoded picture, as its file holds it.
pub(crate) struct Picture {
    raster: Raster,
    orientation: Orientation,
}

impl Picture {
    /// Decodes a file by its content, whatever its name says.
    ///
    /// # Errors
    /// The file can't be read, is no such picture, is cut short or is too large.
    pub(crate) fn read(path: &Path) -> Result<Self, DataError> {
        Self::decoded(path, &contents(path)?, MOST_PIXELS)
    }

    /// Decodes the bytes of a picture, which errors call `name`, unless it has more pixels than these.
    fn decoded(name: &Path, bytes: &[u8], most_pixels: u64) -> Result<Self, DataError> {
        let format = known_format(name, bytes)?;
        let raster = decode(format, bytes, most_pixels).map_err(|fault| fault.of(name))?;
        Ok(Self { raster, orientation: exif::orientation(bytes, format) })
    }

    /// A picture of these pixels, row by row from the top, of one channel or three.
    pub(crate) fn of_pixels(shape: ImageShape, samples: Vec<u8>) -> Self {
        let layout = if shape.channels == 1 { Layout::Grey } else { Layout::Rgb };
        let (width, height) = (shape.width as u32, shape.height as u32);
        let header = Header { width, height, layout, is_deep: false };
        Self { raster: Raster { header, samples }, orientation: Orientation::default() }
    }

    /// Width and height, once turned.
    pub(crate) fn dimensions(&self) -> (u32, u32) {
        let Header { width, height, .. } = self.raster.header;
        if self.orientation.swaps_sides() { (height, width) } else { (width, height) }
    }

    pub(crate) fn has_colour(&self) -> bool {
        self.raster.header.has_colour()
    }

    /// [`Picture::pixels`] as values in 0..1.
    pub(crate) fn values(self, shape: ImageShape) -> Vec<f32> {
        let white = f32::from(u8::MAX);
        self.pixels(shape).into_iter().map(|value| f32::from(value) / white).collect()
    }

    /// The pixels to learn from: upright, transparent ones laid on white, cut to the middle and scaled where the size is another.
    pub(crate) fn pixels(self, shape: ImageShape) -> Vec<u8> {
        let Header { width, height, .. } = self.raster.header;
        // Colours first: it takes the fewest bytes to turn and to scale.
        let pixels = self.raster.into_channels(shape.channels);
        let (pixels, size) = self.orientation.turn(pixels, shape.channels, (width as usize, height as usize));
        scale::to_size(pixels, shape.channels, size, (shape.width, shape.height))
    }
}

/// One picture of a file as the images of a folder are read: by the file's content, upright, transparent pixels laid on white, cut to
/// the middle and scaled to `shape`, grey for 1 channel and colour for 3. Each value is in 0..1, row by row, channels innermost.
///
/// # Errors
/// [`DataError`] when the file can't be read, is no picture or is too large; when `shape` has other channels, or a side that is not 1 to
/// 256 pixels.
pub fn read_picture(path: &Path, shape: ImageShape) -> Result<Vec<f32>, DataError> {
    check_size(shape)?;
    Ok(Picture::read(path)?.values(shape))
}

/// One picture, of its file's bytes, as [`read_picture`] reads a file: for what comes from elsewhere. Errors call it `picture`. One of more
/// than `most_pixels` pixels before it is scaled is refused by its header; no more than 2²⁶ are ever taken. Decoding takes 4 to 8 bytes a pixel.
///
/// # Errors
/// As [`read_picture`].
pub fn decode_picture(bytes: &[u8], shape: ImageShape, most_pixels: u64) -> Result<Vec<f32>, DataError> {
    check_size(shape)?;
    Ok(Picture::decoded(Path::new("picture"), bytes, most_pixels.min(MOST_PIXELS))?.values(shape))
}

/// Fails unless pictures can be brought to this size and these channels.
pub(crate) fn check_size(shape: ImageShape) -> Result<(), DataError> {
    let sides = 1..=MOST_IMAGE_SIDE;
    if !sides.contains(&shape.height) || !sides.contains(&shape.width) || ![1, 3].contains(&shape.channels) {
        let rule = format!("must be 1 to {MOST_IMAGE_SIDE} pixels high and wide, of 1 or 3 channels");
        return Err(DataError::invalid("size of a picture", rule, format!("found {shape}")));
    }
    Ok(())
}

/// Whether a file holds a colour picture, by its header.
///
/// # Errors
/// The file can't be read, or it is no such picture.
pub(crate) fn has_colour(path: &Path) -> Result<bool, DataError> {
    let bytes = contents(path)?;
    let format = known_format(path, &bytes)?;
    let colour = guarded(|| Ok(open(format, &bytes)?.header().has_colour()));
    colour.map_err(|fault| fault.of(path))
}

/// Why a picture was not decoded.
enum Fault {
    Unreadable(String),
    TooLarge(Header, u64),
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::Unreadable(reason)
    }
}

impl Fault {
    fn of(self, path: &Path) -> DataError {
        match self {
            Self::Unreadable(reason) => unreadable(path, reason),
            Self::TooLarge(Header { width, height, .. }, most) => {
                let rule = format!("a picture must have at most {most} pixels, {MOST_SIDE} a side");
                DataError::in_file(path, rule, format!("found {height}x{width}; make it smaller"))
            }
        }
    }
}

fn decode(format: Format, bytes: &[u8], most_pixels: u64) -> Result<Raster, Fault> {
    guarded(|| {
        let decoder = open(format, bytes)?;
        let header = decoder.header();
        if header.is_beyond(most_pixels) {
            return Err(Fault::TooLarge(header, most_pixels));
        }
        Ok(Raster { header, samples: decoder.samples()? })
    })
}

/// Runs a decoder. A picture that it panics on is a bad picture: zune-jpeg 0.5.15 writes beyond its buffer's end where the sampling
/// factors of a JPEG lie.
fn guarded<T>(read: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    caught(read).unwrap_or_else(|_| Err("its decoder gave up".to_owned().into()))
}

fn open<'a>(format: Format, bytes: &'a [u8]) -> Result<Box<dyn Decoder + 'a>, String> {
    Ok(match format {
        Format::Bmp => Box::new(bmp::Bmp::open(bytes)?),
        Format::Jpeg => Box::new(jpeg::Jpeg::open(bytes)?),
        Format::Png => Box::new(png::Png::open(bytes)?),
        Format::WebP => Box::new(webp::WebP::open(bytes)?),
    })
}

/// The format of a picture that is all there.
fn known_format(path: &Path, bytes: &[u8]) -> Result<Format, DataError> {
    let format = Format::of(bytes).ok_or_else(|| unreadable(path, "its first bytes are of no such file"))?;
    if format == Format::Jpeg && !jpeg::is_whole(bytes) {
        return Err(unreadable(path, "it ends before its end marker"));
    }
    Ok(format)
}

fn unreadable(path: &Path, reason: impl Into<String>) -> DataError {
    DataError::in_file(path, "must be a PNG, JPEG, BMP or WebP picture", reason)
}

fn contents(path: &Path) -> Result<Vec<u8>, DataError> {
    let (file, length) = plain_file::open(path)?;
    if length > MOST_FILE {
        let rule = format!("a picture must have at most {MOST_FILE} bytes");
        return Err(DataError::in_file(path, rule, format!("found {length}")));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // A file may grow while it is read, or say that it has no length at all.
    file.take(MOST_FILE).read_to_end(&mut bytes).map_err(DataError::io("read", path))?;
    Ok(bytes)
}

/// A decoder's error as a reason: one line.
fn reason(error: impl ToString) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
