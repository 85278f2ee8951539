//! From files to pixels, side by side on all threads.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use image::imageops::{FilterType, resize};
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView, ImageBuffer, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    Pixel, guess_format,
};
use rayon::prelude::*;

use super::exif;
use super::jpeg::is_whole;
use super::pictures::Pictures;
use super::transparency::lay_on_white;
use crate::decoding::caught;
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
    let shape = first_shape(&lists, size, channels)?;
    decode_as(lists, shape, size.is_some(), channels)
}

/// [`decode_all`] to a shape by [`first_shape`]; `scale` says whether pictures of another size are brought to it.
pub(super) fn decode_as<const N: usize>(
    lists: [Pictures; N],
    mut shape: ImageShape,
    scale: bool,
    channels: Channels,
) -> Result<[Split; N], DataError> {
    let mut decoded = decode_lists(&lists, shape, scale, channels);
    if let Err(Trouble::Colour) = decoded {
        // The first picture was grey and a later one is not: all of them are colour then.
        shape.channels = 3;
        decoded = decode_lists(&lists, shape, scale, Channels::Rgb);
    }
    let splits = decoded.map_err(|trouble| match trouble {
        Trouble::Error(error) => error,
        Trouble::Colour => unreachable!("colour is no trouble where it is asked for"),
    })?;
    Ok(<[Split; N]>::try_from(splits).unwrap_or_else(|_| unreachable!("a split was made for each list")))
}

/// The shape all images get, by the first picture.
pub(super) fn first_shape<'a>(
    lists: impl IntoIterator<Item = &'a Pictures>,
    size: Option<(usize, usize)>,
    channels: Channels,
) -> Result<ImageShape, DataError> {
    let first = lists
        .into_iter()
        .find(|pictures| !pictures.is_empty())
        .ok_or_else(|| DataError::invalid("folder", "there must be pictures", "found none"))?;
    let path = first.path(0);
    let picture = decode(&path)?;
    let (height, width) = size.unwrap_or_else(|| {
        let (wide, high) = picture.dimensions();
        (high as usize, wide as usize)
    });
    if !(1..=MOST_SIDE).contains(&height) || !(1..=MOST_SIDE).contains(&width) {
        let rule = format!("images must be 1 to {MOST_SIDE} pixels high and wide");
        return Err(DataError::PictureSize { file: path, rule, found: format!("found {height}x{width}") });
    }
    let channels = match channels {
        Channels::Auto => {
            if picture.has_colour() {
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

/// Whether one of the pictures is in colour. One that can't be read is not: the error is for those who want its pixels.
pub(super) fn any_colour(lists: [&Pictures; 2]) -> bool {
    let has_colour = |path: PathBuf| {
        let colour = reader(&path)
            .map(|(reader, _)| caught(|| reader.into_decoder().map(|decoder| decoder.color_type())));
        matches!(colour, Ok(Ok(Ok(colour))) if colour.has_color())
    };
    let any = |list: &Pictures| (0..list.len()).into_par_iter().any(|index| has_colour(list.path(index)));
    lists.into_iter().any(any)
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
    let bytes = bytes.ok_or(DataError::TooManyPictures { images: count, bytes: len })?;
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
    let picture = decode(path)?;
    let (height, width) = (shape.height as u32, shape.width as u32);
    let (wide, high) = picture.dimensions();
    if !scale && (high, wide) != (height, width) {
        let rule = format!("images must have one size, the first {height}x{width}");
        let found = format!("found {high}x{wide}");
        return Err(DataError::PictureSize { file: path.to_owned(), rule, found }.into());
    }
    if shape.channels == 1 {
        if channels == Channels::Auto && picture.has_colour() {
            return Err(Trouble::Colour);
        }
        let image = picture.upright(|image| image.into_luma8().into());
        pixels.copy_from_slice(&scaled(image.into_luma8(), width, height));
    } else {
        let image = picture.upright(|image| image.into_rgb8().into());
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

/// A picture as its file holds it, transparent pixels laid on white.
struct Picture {
    image: DynamicImage,
    /// How it is to be turned.
    orientation: Orientation,
}

impl Picture {
    /// Width and height, once turned.
    fn dimensions(&self) -> (u32, u32) {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        let (wide, high) = self.image.dimensions();
        match self.orientation {
            Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => (high, wide),
            _ => (wide, high),
        }
    }

    fn has_colour(&self) -> bool {
        self.image.color().has_color()
    }

    /// The image made smaller by `convert`, then turned: turning takes a copy, and 16-bit pixels are of no use here.
    fn upright(self, convert: impl FnOnce(DynamicImage) -> DynamicImage) -> DynamicImage {
        let mut image = convert(self.image);
        image.apply_orientation(self.orientation);
        image
    }
}

/// Decodes a file by its content, whatever its name says.
fn decode(path: &Path) -> Result<Picture, DataError> {
    let (reader, orientation) = reader(path)?;
    // A picture that its decoder panics on is a bad picture: zune-jpeg 0.5.15 writes beyond its buffer's end where the sampling
    // factors of a JPEG lie.
    let decoded = caught(|| {
        let format = reader.format();
        let decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Ok(Err(format!("found {height}x{width}; make it smaller")));
        }
        let mut image = DynamicImage::from_decoder(decoder)?;
        lay_on_white(&mut image, format == Some(ImageFormat::Bmp));
        Ok::<_, ImageError>(Ok(Picture { image, orientation }))
    });
    match decoded {
        Ok(Ok(Ok(picture))) => Ok(picture),
        Ok(Ok(Err(found))) => {
            Err(DataError::in_file(path, format!("a picture must have at most {MOST_PIXELS} pixels"), found))
        }
        Ok(Err(error)) => Err(unreadable(path, one_line(&error.to_string()))),
        Err(_) => Err(unreadable(path, "its decoder gave up")),
    }
}

fn unreadable(path: &Path, reason: impl Into<String>) -> DataError {
    DataError::in_file(path, "must be a PNG, JPEG, BMP or WebP picture", reason)
}

type Reader = ImageReader<Cursor<Vec<u8>>>;

/// A picture's content, whole and of a known format, within bounds; and how the picture is to be turned.
fn reader(path: &Path) -> Result<(Reader, Orientation), DataError> {
    let bytes = contents(path)?;
    let format = guess_format(&bytes).map_err(|_| unreadable(path, "its first bytes are of no such file"))?;
    if format == ImageFormat::Jpeg && !is_whole(&bytes) {
        return Err(unreadable(path, "it ends before its end marker"));
    }
    let orientation = exif::orientation(&bytes, format);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_DECODED_SIDE);
    limits.max_image_height = Some(MOST_DECODED_SIDE);
    limits.max_alloc = Some(MOST_DECODED);
    reader.limits(limits);
    Ok((reader, orientation))
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

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
