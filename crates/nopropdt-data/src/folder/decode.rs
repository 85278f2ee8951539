//! From files to pixels, side by side on all threads.

use std::cell::Cell;
use std::io::{Cursor, Read};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Once;

use image::imageops::{FilterType, resize};
use image::{
    DynamicImage, GenericImageView, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits, Pixel,
    guess_format,
};
use rayon::prelude::*;

use super::Pictures;
use super::jpeg::is_whole;
use crate::{Channels, DataError, ImageShape, Split, plain_file};

/// Longest file of one picture.
const MOST_FILE: u64 = 64 << 20;
/// Longest side of a picture before it is scaled.
const MOST_DECODED_SIDE: u32 = 1 << 14;
/// Pixels of a picture before it is scaled: those of large cameras. A decoder takes 4 to 8 bytes for each, and some count only
/// what they hand out against a limit.
const MOST_PIXELS: u64 = 1 << 26;
/// Memory that decoding one picture may take beside what it hands out.
const MOST_DECODED: u64 = 512 << 20;
/// Longest side of an image to learn from; blocks take no larger ones.
const MOST_SIDE: usize = 256;

/// Decodes lists of pictures into splits of one shape.
///
/// # Errors
/// The first picture, in order, that can't be read or has another size than the first.
pub(crate) fn decode_all<const N: usize>(
    lists: [Pictures; N],
    size: Option<(usize, usize)>,
    channels: Channels,
) -> Result<[Split; N], DataError> {
    let mut shape = first_shape(&lists, size, channels)?;
    let mut decoded = decode_lists(&lists, shape, size.is_some(), channels);
    if let Err(Trouble::Colour) = decoded {
        // The first picture was grey and a later one is not: all of them are colour then.
        shape.channels = 3;
        decoded = decode_lists(&lists, shape, size.is_some(), Channels::Rgb);
    }
    let splits = decoded.map_err(|trouble| match trouble {
        Trouble::Error(error) => error,
        Trouble::Colour => unreachable!("colour is no trouble where it is asked for"),
    })?;
    Ok(<[Split; N]>::try_from(splits).unwrap_or_else(|_| unreachable!("a split was made for each list")))
}

/// The shape all images get, by the first picture.
fn first_shape(
    lists: &[Pictures],
    size: Option<(usize, usize)>,
    channels: Channels,
) -> Result<ImageShape, DataError> {
    let first = lists.iter().find(|pictures| !pictures.is_empty()).ok_or_else(|| DataError::Dataset {
        dataset: "folder".into(),
        rule: "there must be pictures",
        found: "found none".into(),
    })?;
    let path = first.path(0);
    let image = decode(&path)?;
    let (height, width) = size.unwrap_or((image.height() as usize, image.width() as usize));
    if !(1..=MOST_SIDE).contains(&height) || !(1..=MOST_SIDE).contains(&width) {
        let rule = format!("images must be 1 to {MOST_SIDE} pixels high and wide");
        return Err(DataError::format(&path, rule, format!("{height}x{width}; set --image-size")));
    }
    let channels = match channels {
        Channels::Auto => {
            if image.color().has_color() {
                3
            } else {
                1
            }
        }
        Channels::Grey => 1,
        Channels::Rgb => 3,
    };
    Ok(ImageShape { height, width, channels })
}

/// The shape that [`decode_all`] gives all images, without decoding more than one.
pub(super) fn shape_of_all(
    lists: &[Pictures],
    size: Option<(usize, usize)>,
    channels: Channels,
) -> Result<ImageShape, DataError> {
    let mut shape = first_shape(lists, size, channels)?;
    // A picture that can't be read has no colour; an error is for those who want its pixels.
    let has_colour = |path: PathBuf| {
        let colour =
            reader(&path).map(|reader| quietly(|| reader.into_decoder().map(|decoder| decoder.color_type())));
        matches!(colour, Ok(Ok(Ok(colour))) if colour.has_color())
    };
    if channels == Channels::Auto && shape.channels == 1 {
        let any = |list: &Pictures| (0..list.len()).into_par_iter().any(|index| has_colour(list.path(index)));
        shape.channels = if lists.iter().any(any) { 3 } else { 1 };
    }
    Ok(shape)
}

/// Why decoding stopped.
enum Trouble {
    /// A colour picture among pictures taken for grey.
    Colour,
    Error(DataError),
}

impl From<DataError> for Trouble {
    fn from(error: DataError) -> Self {
        Self::Error(error)
    }
}

fn decode_lists(
    lists: &[Pictures],
    shape: ImageShape,
    scale: bool,
    channels: Channels,
) -> Result<Vec<Split>, Trouble> {
    let decode_list = |pictures: &Pictures| {
        let len = shape.len();
        let mut pixels = room(pictures.len(), len)?;
        let trouble = pixels
            .par_chunks_exact_mut(len)
            .enumerate()
            .map(|(index, pixels)| fill(&pictures.path(index), pixels, shape, scale, channels))
            .find_first(Result::is_err);
        match trouble {
            Some(Err(trouble)) => Err(trouble),
            _ => Ok(Split::new(shape, pixels, pictures.labels())?),
        }
    };
    lists.iter().map(decode_list).collect()
}

/// Zeroed bytes for all pictures; too many for this machine's memory are an error, not the end of the program.
fn room(count: usize, len: usize) -> Result<Vec<u8>, DataError> {
    let mut pixels = Vec::new();
    let bytes = count.checked_mul(len).filter(|&bytes| pixels.try_reserve_exact(bytes).is_ok());
    let bytes = bytes.ok_or_else(|| DataError::Dataset {
        dataset: "folder".into(),
        rule: "all images must fit in memory",
        found: format!("{count} of {len} bytes do not; set a smaller --image-size"),
    })?;
    pixels.resize(bytes, 0);
    Ok(pixels)
}

/// Writes one picture's pixels.
fn fill(
    path: &Path,
    pixels: &mut [u8],
    shape: ImageShape,
    scale: bool,
    channels: Channels,
) -> Result<(), Trouble> {
    let image = decode(path)?;
    let (height, width) = (shape.height as u32, shape.width as u32);
    let (high, wide) = (image.height(), image.width());
    if !scale && (high, wide) != (height, width) {
        let rule = format!("images must have one size, the first {height}x{width}");
        return Err(DataError::format(path, rule, format!("found {high}x{wide}; set --image-size")).into());
    }
    if shape.channels == 1 {
        if channels == Channels::Auto && image.color().has_color() {
            return Err(Trouble::Colour);
        }
        pixels.copy_from_slice(&scaled(image.into_luma8(), width, height));
    } else {
        pixels.copy_from_slice(&scaled(image.into_rgb8(), width, height));
    }
    Ok(())
}

/// The middle of an image, as large as the wanted shape allows, scaled to it.
///
/// It is cut first: a long thin picture scaled whole would have sides beyond any bound.
fn scaled<P: Pixel<Subpixel = u8> + 'static>(
    image: ImageBuffer<P, Vec<u8>>,
    width: u32,
    height: u32,
) -> ImageBuffer<P, Vec<u8>> {
    if image.dimensions() == (width, height) {
        return image;
    }
    let ((wide, high), wanted) = (image.dimensions(), [u64::from(width), u64::from(height)]);
    let cut_width = (u64::from(high) * wanted[0] / wanted[1]).clamp(1, wide.into()) as u32;
    let cut_height = (u64::from(wide) * wanted[1] / wanted[0]).clamp(1, high.into()) as u32;
    let middle = image.view((wide - cut_width) / 2, (high - cut_height) / 2, cut_width, cut_height);
    resize(&*middle, width, height, FilterType::Triangle)
}

/// Decodes a file by its content, whatever its name says.
fn decode(path: &Path) -> Result<DynamicImage, DataError> {
    let reader = reader(path)?;
    // A picture that its decoder panics on is a bad picture: zune-jpeg 0.5.15 writes beyond its buffer's end where the sampling
    // factors of a JPEG lie.
    let decoded = quietly(|| {
        let decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Ok(Err(format!("found {height}x{width}; make it smaller")));
        }
        DynamicImage::from_decoder(decoder).map(Ok)
    });
    match decoded {
        Ok(Ok(Ok(image))) => Ok(image),
        Ok(Ok(Err(found))) => {
            Err(DataError::format(path, format!("a picture must have at most {MOST_PIXELS} pixels"), found))
        }
        Ok(Err(error)) => Err(unreadable(path, one_line(&error.to_string()))),
        Err(_) => Err(unreadable(path, "its decoder gave up")),
    }
}

fn unreadable(path: &Path, reason: impl Into<String>) -> DataError {
    DataError::format(path, "must be a PNG, JPEG, BMP or WebP picture", reason)
}

/// A picture's content, whole and of a known format, within bounds.
fn reader(path: &Path) -> Result<ImageReader<Cursor<Vec<u8>>>, DataError> {
    let bytes = contents(path)?;
    let format = guess_format(&bytes).map_err(|_| unreadable(path, "its first bytes are of no such file"))?;
    if format == ImageFormat::Jpeg && !is_whole(&bytes) {
        return Err(unreadable(path, "it ends before its end marker"));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_DECODED_SIDE);
    limits.max_image_height = Some(MOST_DECODED_SIDE);
    limits.max_alloc = Some(MOST_DECODED);
    reader.limits(limits);
    Ok(reader)
}

thread_local! {
    /// Whether a panic on this thread is expected, and nobody's business.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it is an error and prints nothing.
fn quietly<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let other = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                other(panic);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    result
}

fn contents(path: &Path) -> Result<Vec<u8>, DataError> {
    let (file, length) = plain_file::open(path)?;
    if length > MOST_FILE {
        let rule = format!("a picture must have at most {MOST_FILE} bytes");
        return Err(DataError::format(path, rule, format!("found {length}")));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // A file may grow while it is read, or say that it has no length at all.
    file.take(MOST_FILE).read_to_end(&mut bytes).map_err(DataError::io("read", path))?;
    Ok(bytes)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
