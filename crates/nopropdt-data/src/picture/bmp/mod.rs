//! BMP, as Windows defines it (BITMAPFILEHEADER and what follows it): palettes of 1 to 8 bits, runs of them, and pixels of 16 to 32
//! bits. OS/2's own headers of 16 and 64 bytes, and JPEG or PNG inside, are refused.
//!
//! All numbers are little-endian. Rows go from the bottom up unless the height is negative, and fill whole groups of four bytes.

mod fields;
mod runs;

use fields::Fields;

use super::Decoder;
use super::raster::{Header, Layout};

type Colour = [u8; 3];

/// Where the header behind the file's own begins.
const HEADER: usize = 14;
/// Lengths of the headers that are known: the first of Windows 2, then each the one before and more.
const CORE: usize = 12;
const INFO: usize = 40;
const WITH_MASKS: usize = 52;
const WITH_ALPHA: [usize; 3] = [56, 108, 124];
/// Longest side a header may give.
const MOST_SIDE: i32 = 0xffff;

/// A BMP file with its header read.
pub(super) struct Bmp<'a> {
    width: usize,
    height: usize,
    is_top_down: bool,
    coding: Coding,
    /// What begins at the pixels' place.
    data: &'a [u8],
}

/// How pixels are stored.
enum Coding {
    /// Places in a palette, each of so many bits.
    Palette { bits: usize, palette: Vec<Colour> },
    /// Places in a palette of 4 or 8 bits, as runs.
    Runs { bits: usize, palette: Vec<Colour> },
    /// Numbers of so many bytes, of which each channel takes some bits.
    Fields { bytes: usize, fields: Fields },
}

impl<'a> Bmp<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let file = File(bytes);
        let length = file.long(HEADER)? as usize;
        let is_core = length == CORE;
        if !is_core && length != INFO && length != WITH_MASKS && !WITH_ALPHA.contains(&length) {
            return Err(format!("its header has {length} bytes, which is no length of a Windows header"));
        }
        let (width, height) = if is_core {
            (i32::from(file.short(18)?), i32::from(file.short(20)?))
        } else {
            (file.long(18)?.cast_signed(), file.long(22)?.cast_signed())
        };
        let is_top_down = height < 0;
        let sides = [width, if is_top_down { height.saturating_neg() } else { height }];
        if sides.iter().any(|side| !(1..=MOST_SIDE).contains(side)) {
            return Err(format!("its header gives {height} rows of {width} pixels"));
        }
        let after_sides = if is_core { 22 } else { 26 };
        let (planes, bits) = (file.short(after_sides)?, usize::from(file.short(after_sides + 2)?));
        if planes != 1 {
            return Err(format!("it has {planes} planes rather than one"));
        }
        let compression = if is_core { 0 } else { file.long(30)? };
        let colours = if is_core { 0 } else { file.long(46)? as usize };
        let palette = || palette(file, HEADER + length, bits, colours, if is_core { 3 } else { 4 });
        let coding = match (compression, bits) {
            (0, 1 | 4 | 8) => Coding::Palette { bits, palette: palette()? },
            (0, 2) if !is_core => Coding::Palette { bits, palette: palette()? },
            (0, 24) => Coding::Fields { bytes: 3, fields: Fields::BYTES },
            (0, 16) if !is_core => Coding::Fields { bytes: 2, fields: Fields::FIVE_BITS },
            (0, 32) if !is_core => Coding::Fields { bytes: 4, fields: Fields::BYTES },
            (1, 8) | (2, 4) if !is_top_down => Coding::Runs { bits, palette: palette()? },
            (3, 16 | 32) => {
                let mask = |index: usize| file.long(HEADER + INFO + 4 * index);
                let alpha = if WITH_ALPHA.contains(&length) { mask(3)? } else { 0 };
                let fields = Fields::of([mask(0)?, mask(1)?, mask(2)?, alpha], bits as u32)?;
                Coding::Fields { bytes: bits / 8, fields }
            }
            _ => return Err(format!("its pixels have {bits} bits with compression {compression}")),
        };
        let data = bytes.get(file.long(10)? as usize..).unwrap_or_default();
        Ok(Self { width: sides[0] as usize, height: sides[1] as usize, is_top_down, coding, data })
    }

    /// The rows of `bits` a pixel, in the file's order.
    fn rows(&self, bits: usize) -> Result<impl Iterator<Item = &'a [u8]>, String> {
        let stride = (bits * self.width).div_ceil(32) * 4;
        let rows = self.data.get(..stride * self.height).ok_or("it ends before its pixels do")?;
        Ok(rows.chunks_exact(stride))
    }
}

impl Decoder for Bmp<'_> {
    fn header(&self) -> Header {
        let layout = match &self.coding {
            Coding::Fields { fields, .. } if fields.have_alpha() => Layout::Rgba,
            _ => Layout::Rgb,
        };
        Header { width: self.width as u32, height: self.height as u32, layout, is_deep: false }
    }

    fn samples(self: Box<Self>) -> Result<Vec<u8>, String> {
        let mut samples = vec![0; self.header().len()];
        let stride = samples.len() / self.height;
        let mut rows: Vec<&mut [u8]> = samples.chunks_exact_mut(stride).collect();
        if !self.is_top_down {
            rows.reverse();
        }
        match &self.coding {
            Coding::Palette { bits, palette } => {
                for (row, data) in rows.into_iter().zip(self.rows(*bits)?) {
                    for (pixel, place) in row.as_chunks_mut().0.iter_mut().zip(places(data, *bits)) {
                        *pixel = palette[place];
                    }
                }
            }
            Coding::Runs { bits, palette } => runs::read(self.data, *bits, palette, rows)?,
            Coding::Fields { bytes, fields } => {
                for (row, data) in rows.into_iter().zip(self.rows(8 * bytes)?) {
                    fields.read(data.chunks_exact(*bytes), row);
                }
                fields.mend_alpha(&mut samples);
            }
        }
        Ok(samples)
    }
}

/// Places in a palette, packed from the highest bit on.
fn places(data: &[u8], bits: usize) -> impl Iterator<Item = usize> {
    let mask = (1 << bits) - 1;
    data.iter().flat_map(move |&byte| {
        (0..8 / bits).rev().map(move |index| usize::from(byte) >> (index * bits) & mask)
    })
}

/// The palette at `place`, with black for the places it doesn't have: all 256 can be looked up.
fn palette(
    file: File,
    place: usize,
    bits: usize,
    colours: usize,
    bytes: usize,
) -> Result<Vec<Colour>, String> {
    let most = 1 << bits;
    if colours > most {
        return Err(format!("its palette has {colours} colours, more than {bits} bits can tell"));
    }
    let colours = if colours == 0 { most } else { colours };
    let entries = file.0.get(place..).and_then(|rest| rest.get(..colours * bytes)).ok_or(CUT_SHORT)?;
    let mut palette: Vec<Colour> =
        entries.chunks_exact(bytes).map(|entry| [entry[2], entry[1], entry[0]]).collect();
    palette.resize(256, [0; 3]);
    Ok(palette)
}

const CUT_SHORT: &str = "it ends within its header";

/// A file's bytes, read as numbers.
#[derive(Clone, Copy)]
struct File<'a>(&'a [u8]);

impl File<'_> {
    fn short(self, at: usize) -> Result<u16, String> {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        Ok(u16::from_le_bytes(*bytes.ok_or(CUT_SHORT)?))
    }

    fn long(self, at: usize) -> Result<u32, String> {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        Ok(u32::from_le_bytes(*bytes.ok_or(CUT_SHORT)?))
    }
}
