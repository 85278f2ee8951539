//! From files to pixels, side by side on all threads.

use std::path::Path;

use rayon::prelude::*;

use super::pictures::Pictures;
use crate::picture::{self, MOST_IMAGE_SIDE, Picture};
use crate::{Channels, DataError, ImageShape, Split, Watcher};

/// Decodes lists of pictures into splits of one shape.
///
/// # Errors
/// The first picture, in order, that can't be read or has another size than the first.
pub(crate) fn decode_all<const N: usize>(
    lists: [Pictures; N],
    size: Option<(usize, usize)>,
    channels: Channels,
    watcher: &Watcher,
) -> Result<[Split; N], DataError> {
    let shape = first_shape(&lists, size, channels)?;
    decode_as(lists, shape, size.is_some(), channels, watcher)
}

/// [`decode_all`] to a shape by [`first_shape`]; `scale` says whether pictures of another size are brought to it.
pub(super) fn decode_as<const N: usize>(
    lists: [Pictures; N],
    mut shape: ImageShape,
    scale: bool,
    channels: Channels,
    watcher: &Watcher,
) -> Result<[Split; N], DataError> {
    let mut decoded = decode_lists(&lists, shape, scale, channels, watcher);
    if let Err(Trouble::Colour) = decoded {
        // The first picture was grey and a later one is not: all of them are colour then.
        shape.channels = 3;
        decoded = decode_lists(&lists, shape, scale, Channels::Rgb, watcher);
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

fn decode_lists(
    lists: &[Pictures],
    shape: ImageShape,
    scale: bool,
    channels: Channels,
    watcher: &Watcher,
) -> Result<Vec<Split>, Trouble> {
    let count = watcher.count(lists.iter().map(Pictures::len).sum());
    let decode_list = |pictures: &Pictures| {
        let len = shape.len();
        let mut pixels = room(pictures.len(), len)?;
        let trouble = pixels
            .par_chunks_exact_mut(len)
            .enumerate()
            .map(|(index, pixels)| {
                let filled = fill(&pictures.path(index), pixels, shape, scale, channels);
                count.one_more();
                filled
            })
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
    let picture = Picture::read(path)?;
    let (height, width) = (shape.height as u32, shape.width as u32);
    let (wide, high) = picture.dimensions();
    if !scale && (high, wide) != (height, width) {
        let rule = format!("images must have one size, the first {height}x{width}");
        let found = format!("found {high}x{wide}");
        return Err(DataError::PictureSize { file: path.to_owned(), rule, found }.into());
    }
    if shape.channels == 1 && channels == Channels::Auto && picture.has_colour() {
        return Err(Trouble::Colour);
    }
    pixels.copy_from_slice(&picture.pixels(shape));
    Ok(())
}
