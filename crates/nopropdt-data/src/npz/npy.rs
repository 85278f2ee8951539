//! The beginning of a NumPy array (`.npy`): what its values are and how many there are.
//!
//! `\x93NUMPY`, a version, a length, and a Python dict: `{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }`.

use super::zip::Content;
use crate::DataError;

const MAGIC: &[u8] = b"\x93NUMPY";
/// As NumPy itself has it.
const MOST_HEADER: u32 = 10_000;
/// Characters of a header that an error shows.
const MOST_SHOWN: usize = 100;

/// What the header of an array says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    /// The type of its values, in NumPy's letters: `|u1`, `<i8`.
    pub(super) descr: String,
    /// Whether the first dimension is the innermost.
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<u64>,
}

/// A type of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Integer {
    /// Bytes of each.
    pub(super) size: usize,
    signed: bool,
    big_endian: bool,
}

impl Header {
    /// Reads the header of the array `name`, behind which its values begin.
    pub(super) fn read(content: &mut Content, name: &str) -> Result<Self, DataError> {
        let mut start = Vec::new();
        content.append(MAGIC.len() as u64 + 2, &mut start)?;
        let length_bytes = match start.strip_prefix(MAGIC) {
            Some([1, 0]) => 2,
            Some([2 | 3, 0]) => 4,
            _ => {
                let rule = format!("{name} must be a NumPy array of version 1, 2 or 3");
                return Err(content.wrong(rule, format!("it begins with {start:02x?}")));
            }
        };
        let mut length = Vec::new();
        content.append(length_bytes, &mut length)?;
        let length = length.iter().rev().fold(0, |sum: u32, &byte| sum << 8 | u32::from(byte));
        if length > MOST_HEADER {
            let rule = format!("the header of {name} must have at most {MOST_HEADER} bytes");
            return Err(content.wrong(rule, format!("found {length}")));
        }
        let mut text = Vec::new();
        content.append(length.into(), &mut text)?;
        let parsed = std::str::from_utf8(&text).ok().and_then(parse);
        parsed.ok_or_else(|| {
            let rule = format!("{name} must be one plain array, with descr, fortran_order and shape");
            let shown: String = String::from_utf8_lossy(&text).trim_end().chars().take(MOST_SHOWN).collect();
            content.wrong(rule, format!("its header is {shown:?}"))
        })
    }

    /// The type of its values, if that is one of whole numbers.
    pub(super) fn integer(&self) -> Option<Integer> {
        let [order, kind, size] = self.descr.as_bytes() else { return None };
        let size = usize::from(size.checked_sub(b'0')?);
        let signed = match kind {
            b'u' => false,
            b'i' => true,
            _ => return None,
        };
        let big_endian = match order {
            // Bytes have no order.
            b'|' if size == 1 => false,
            b'<' => false,
            b'>' => true,
            _ => return None,
        };
        [1, 2, 4, 8].contains(&size).then_some(Integer { size, signed, big_endian })
    }

    /// Number of values; none where that is too large a number.
    pub(super) fn values(&self) -> Option<u64> {
        self.shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size))
    }

    /// Its shape and type, for people: `[60000, 28, 28] of |u1`.
    pub(super) fn shown(&self) -> String {
        format!("{:?} of {}", self.shape, self.descr)
    }
}

impl Integer {
    /// Whether these are bytes without a sign.
    pub(super) fn is_bytes(self) -> bool {
        self.size == 1 && !self.signed
    }

    /// The value of these bytes, which are [`size`](Self::size) many.
    pub(super) fn value(self, bytes: &[u8]) -> i128 {
        let add = |sum: i128, &byte: &u8| sum << 8 | i128::from(byte);
        let value = match self.big_endian {
            true => bytes.iter().fold(0, add),
            false => bytes.iter().rev().fold(0, add),
        };
        let bits = 8 * bytes.len();
        if self.signed && value >> (bits - 1) & 1 == 1 { value - (1 << bits) } else { value }
    }
}

/// What the dict says; none unless it has the three keys once each, and nothing else.
fn parse(text: &str) -> Option<Header> {
    let mut text = Text(text.trim_end());
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    text.token("{")?;
    loop {
        if text.token("}").is_some() {
            break;
        }
        let key = text.string()?;
        text.token(":")?;
        let is_new = match key {
            "descr" => descr.replace(text.string()?).is_none(),
            "fortran_order" => fortran_order.replace(text.truth()?).is_none(),
            "shape" => shape.replace(text.tuple()?).is_none(),
            _ => false,
        };
        if !is_new {
            return None;
        }
        if text.token(",").is_none() {
            text.token("}")?;
            break;
        }
    }
    if !text.0.is_empty() {
        return None;
    }
    // It is shown in errors of one line.
    let descr = descr.filter(|descr| descr.chars().all(|c| c.is_ascii_graphic()))?;
    Some(Header { descr: descr.to_owned(), fortran_order: fortran_order?, shape: shape? })
}

/// Python text that is left to parse.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// Passes over this, and spaces in front of it, if it comes next.
    fn token(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start_matches(' ').strip_prefix(token)?;
        Some(())
    }

    /// A text in quotes, without escapes.
    fn string(&mut self) -> Option<&'a str> {
        let quote = if self.token("'").is_some() { '\'' } else { self.token("\"").map(|()| '"')? };
        let (inside, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        (!inside.contains('\\')).then_some(inside)
    }

    fn truth(&mut self) -> Option<bool> {
        match self.token("True") {
            Some(()) => Some(true),
            None => self.token("False").map(|()| false),
        }
    }

    /// Sizes in parentheses: `()`, `(3,)`, `(3, 28)`.
    fn tuple(&mut self) -> Option<Vec<u64>> {
        self.token("(")?;
        let mut sizes = Vec::new();
        while self.token(")").is_none() {
            sizes.push(self.number()?);
            if self.token(",").is_none() {
                self.token(")")?;
                // One size in parentheses, without a comma, is no tuple.
                return (sizes.len() > 1).then_some(sizes);
            }
        }
        Some(sizes)
    }

    fn number(&mut self) -> Option<u64> {
        self.token("")?;
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        // Python 2 marks long numbers so.
        self.0 = rest.strip_prefix('L').unwrap_or(rest);
        digits.parse().ok()
    }
}

#[cfg(test)]
mod tests;
