//! Run-length coded pixels of a BMP.
//!
//! A count and a byte make a run: of one place in the palette (8 bits), or of two in turns (4 bits). After a count of 0, the byte is a
//! command: 0 ends the row, 1 ends the picture, 2 moves on by two bytes, right and up; any other is a count of places that follow as
//! they are, filled up to whole groups of two bytes. Pixels passed over are black.

use super::{Colour, places};

/// Reads pixels into rows, which are given in the file's order and black.
pub(super) fn read(data: &[u8], bits: usize, palette: &[Colour], rows: Vec<&mut [u8]>) -> Result<(), String> {
    let mut data = data.iter().copied();
    let mut next = || data.next().ok_or("it ends before its pixels do");
    let mut pen = Pen { rows, palette, row: 0, written: 0, passed: 0 };
    while pen.row < pen.rows.len() {
        match (next()?, next()?) {
            (0, 0) => pen.start_row(1, 0),
            (0, 1) => break,
            (0, 2) => {
                let (right, up) = (usize::from(next()?), usize::from(next()?));
                pen.go(right, up)?;
            }
            (0, count) => {
                let count = usize::from(count);
                let length = (count * bits).div_ceil(16) * 2;
                let bytes = (0..length).map(|_| next()).collect::<Result<Vec<u8>, _>>()?;
                pen.write(places(&bytes, bits), count)?;
            }
            (count, byte) => {
                let written = pen.write(places(&[byte; 255], bits), count.into());
                // ImageMagick writes runs of 8 bits that go on behind the row's end.
                if bits == 4 {
                    written?;
                }
            }
        }
    }
    Ok(())
}

/// Where the next pixel goes.
struct Pen<'a, 'b> {
    rows: Vec<&'a mut [u8]>,
    palette: &'b [Colour],
    row: usize,
    /// Pixels of the row that are behind.
    written: usize,
    /// Those that the file has counted, also behind the row's end.
    passed: usize,
}

const BEYOND: &str = "its runs go beyond its sides";

impl Pen<'_, '_> {
    fn start_row(&mut self, up: usize, written: usize) {
        self.row += up;
        (self.written, self.passed) = (written, written);
    }

    /// Writes `count` colours; an error if the row ends first.
    fn write(&mut self, places: impl Iterator<Item = usize>, count: usize) -> Result<(), String> {
        let room = &mut self.rows[self.row].as_chunks_mut().0[self.written..];
        let free = room.len();
        for (pixel, place) in room.iter_mut().take(count).zip(places) {
            *pixel = self.palette[place];
        }
        self.written += count.min(free);
        self.passed += count;
        if count > free { Err(BEYOND.to_owned()) } else { Ok(()) }
    }

    /// Moves on.
    fn go(&mut self, right: usize, up: usize) -> Result<(), String> {
        if up > 0 {
            let place = self.passed;
            self.start_row(up, place);
        }
        let width = self.rows.first().map_or(0, |row| row.len() / 3);
        (self.written, self.passed) = (self.written + right, self.passed + right);
        if self.row >= self.rows.len() || self.written > width { Err(BEYOND.to_owned()) } else { Ok(()) }
    }
}
