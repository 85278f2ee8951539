//! Pixels of a BMP that are numbers, a few bits for each channel.

/// The bits of each channel in a pixel's number: red, green, blue, alpha.
#[derive(Clone, Copy)]
pub(super) struct Fields([Field; 4]);

/// Bits of a number, at most 8.
#[derive(Clone, Copy)]
struct Field {
    shift: u32,
    bits: u32,
}

/// No bits: a channel that isn't there.
const NONE: Field = Field { shift: 0, bits: 0 };

impl Fields {
    /// A byte a channel, blue first; a fourth one means nothing.
    pub(super) const BYTES: Self =
        Self([Field { shift: 16, bits: 8 }, Field { shift: 8, bits: 8 }, Field { shift: 0, bits: 8 }, NONE]);
    /// Five bits a channel, blue lowest.
    pub(super) const FIVE_BITS: Self =
        Self([Field { shift: 10, bits: 5 }, Field { shift: 5, bits: 5 }, Field { shift: 0, bits: 5 }, NONE]);

    /// By the masks of a header, for numbers of `width` bits.
    ///
    /// # Errors
    /// A mask has a gap or goes beyond the number, or a colour has none.
    pub(super) fn of(masks: [u32; 4], width: u32) -> Result<Self, String> {
        let mut fields = [NONE; 4];
        for (field, mask) in fields.iter_mut().zip(masks) {
            *field = Field::of(mask, width)?;
        }
        if fields[..3].iter().any(|field| field.bits == 0) {
            return Err("a colour has no bits in its pixels".to_owned());
        }
        Ok(Self(fields))
    }

    pub(super) fn have_alpha(&self) -> bool {
        self.0[3].bits > 0
    }

    /// Writes a row of pixels, RGBA if there is an alpha, else RGB.
    pub(super) fn read<'a>(&self, numbers: impl Iterator<Item = &'a [u8]>, row: &mut [u8]) {
        let fields = if self.have_alpha() { &self.0[..] } else { &self.0[..3] };
        for (pixel, bytes) in row.chunks_exact_mut(fields.len()).zip(numbers) {
            let number = bytes.iter().rev().fold(0, |high, &low| high << 8 | u32::from(low));
            for (sample, field) in pixel.iter_mut().zip(fields) {
                *sample = field.read(number);
            }
        }
    }

    /// Makes pixels opaque if not one of them has any alpha: many writers leave that byte 0 and mean nothing by it.
    pub(super) fn mend_alpha(&self, samples: &mut [u8]) {
        if self.have_alpha() && samples.chunks_exact(4).all(|pixel| pixel[3] == 0) {
            samples.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
        }
    }
}

impl Field {
    fn of(mask: u32, width: u32) -> Result<Self, String> {
        if mask == 0 {
            return Ok(NONE);
        }
        let (shift, bits) = (mask.trailing_zeros(), mask.count_ones());
        if shift + bits != u32::BITS - mask.leading_zeros() || shift + bits > width {
            return Err(format!("the mask {mask:#010x} has gaps, or bits beyond the pixel's {width}"));
        }
        // Of more than eight bits, the highest eight.
        let lost = bits.saturating_sub(8);
        Ok(Self { shift: shift + lost, bits: bits - lost })
    }

    /// The channel's value, from its range to that of a byte, rounded.
    fn read(self, number: u32) -> u8 {
        let most = (1 << self.bits) - 1;
        ((number >> self.shift & most) * 255 + most / 2).checked_div(most).unwrap_or(255) as u8
    }
}
