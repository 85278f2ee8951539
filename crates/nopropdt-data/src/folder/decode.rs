//! From files to pixels, side by side on all threads.

use std::path::Path;

use rayon::prelude::*;

use super::pictures::Pictures;
use crate::picture::{self, MOST_IMAGE_SIDE, Picture};
use crate::split::Spilled;
use crate::{Channels, DataError, ImageShape, Split, Watcher};

/// How pictures become images of one shape.
#[derive(Clone, Copy)]
pub(crate) struct Decoding<'w> {
    /// Whether pictures of another size are brought to it.
    pub(crate) scale: bool,
    pub(crate) channels: Channels,
    /// Most bytes of memory; the others lie in a file.
    pub(crate) cache: Option<u64>,
    pub(crate) watcher: &'w Watcher,
}

/// Decodes lists of pictures into splits of one shape, `size` or that of the first picture.
///
/// # Errors
/// The first picture, in order, that can't be read or has another size than the first.
pub(crate) fn decode_all<const N: usize>(
    lists: [Pictures; N],
    size: Option<(usize, usize)>,
    how: Decoding<'_>,
) -> Result<[Split; N], DataError> {
    let shape = first_shape(&lists, size, how.channels)?;
    decode_as(lists, shape, Decoding { scale: size.is_some(), ..how })
}

/// [`decode_all`] to a shape by [`first_shape`].
pub(super) fn decode_as<const N: usize>(
    lists: [Pictures; N],
    mut shape: ImageShape,
    how: Decoding<'_>,
) -> Result<[Split; N], DataError> {
    let mut decoded = decode_lists(&lists, shape, how);
    if let Err(Trouble::Colour) = decoded {
        // The first picture was grey and a later one is not: all of them are colour then.
        shape.channels = 3;
        decoded = decode_lists(&lists, shape, Decoding { channels: Channels::Rgb, ..how });
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
    let picture = Picture::read(&path)?;
    let (height, width) = size.unwrap_or_else(|| {
        let (wide, high) = picture.dimensions();
        (high as usize, wide as usize)
    });
    if !(1..=MOST_IMAGE_SIDE).contains(&height) || !(1..=MOST_IMAGE_SIDE).contains(&width) {
        let rule = format!("images must be 1 to {MOST_IMAGE_SIDE} pixels high and wide");
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
    let has_colour = |path: &Path| picture::has_colour(path).unwrap_or(false);
    let any = |list: &Pictures| (0..list.len()).into_par_iter().any(|index| has_colour(&list.path(index)));
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

fn decode_lists(lists: &[Pictures], shape: ImageShape, how: Decoding<'_>) -> Result<Vec<Split>, Trouble> {
    let count = how.watcher.count(lists.iter().map(Pictures::len).sum());
    let fill = |path: &Path, pixels: &mut [u8]| {
        let filled = fill(path, pixels, shape, how);
        count.one_more();
        filled
    };
    let mut memory = how.cache;
    let decode_list = |pictures: &Pictures| {
        let bytes = pictures.len() as u64 * shape.len() as u64;
        let split = match memory {
            Some(memory) if memory < bytes => decode_spilled(pictures, shape, memory, &fill)?,
            _ => {
                let mut pixels = room(pictures.len(), shape.len())?;
                fill_all(pictures, 0, &mut pixels, shape.len(), &fill)?;
                Split::new(shape, pixels, pictures.labels())?
            }
        };
        memory = memory.map(|memory| memory.saturating_sub(bytes));
        Ok(split)
    };
    lists.iter().map(decode_list).collect()
}

/// Writes one picture's pixels.
type Fill<'f> = dyn Fn(&Path, &mut [u8]) -> Result<(), Trouble> + Sync + 'f;

/// Bytes decoded before they are written to a file, unless a picture has more.
const WRITTEN_TOGETHER: usize = 16 << 20;

/// A split of which no more than `memory` bytes are in memory.
fn decode_spilled(
    pictures: &Pictures,
    shape: ImageShape,
    memory: u64,
    fill: &Fill<'_>,
) -> Result<Split, Trouble> {
    let mut images = Spilled::new(shape.len(), pictures.len(), memory)?;
    let together = (WRITTEN_TOGETHER / shape.len()).clamp(1, pictures.len());
    let mut pixels = room(together, shape.len())?;
    for first in (0..pictures.len()).step_by(together) {
        let count = together.min(pictures.len() - first);
        let pixels = &mut pixels[..count * shape.len()];
        fill_all(pictures, first, pixels, shape.len(), fill)?;
        images.add(pixels)?;
    }
    Ok(Split::spilled(shape, images, pictures.labels()))
}

/// Fills `pixels` with the pictures from the `first`-th on, of `len` bytes each, on all threads. The error is the first picture's that has one.
fn fill_all(
    pictures: &Pictures,
    first: usize,
    pixels: &mut [u8],
    len: usize,
    fill: &Fill<'_>,
) -> Result<(), Trouble> {
    let each = pixels.par_chunks_exact_mut(len).enumerate();
    let filled = each.map(|(index, pixels)| fill(&pictures.path(first + index), pixels));
    filled.find_first(Result::is_err).unwrap_or(Ok(()))
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
fn fill(path: &Path, pixels: &mut [u8], shape: ImageShape, how: Decoding<'_>) -> Result<(), Trouble> {
    let picture = Picture::read(path)?;
    let (height, width) = (shape.height as u32, shape.width as u32);
    let (wide, high) = picture.dimensions();
    if !how.scale && (high, wide) != (height, width) {
        let rule = format!("images must have one size, the first {height}x{width}");
        let found = format!("found {high}x{wide}");
        return Err(DataError::PictureSize { file: path.to_owned(), rule, found }.into());
    }
    if shape.channels == 1 && how.channels == Channels::Auto && picture.has_colour() {
        return Err(Trouble::Colour);
    }
    pixels.copy_from_slice(&picture.pixels(shape));
    Ok(())
}
