//! Little-endian numbers, one behind the other, none of them beyond the end.

/// The bytes that are left.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `count` bytes; none when fewer are left.
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_one_behind_the_other_and_end() {
        let bytes: Vec<u8> = (1..=15).collect();
        let mut fields = Fields(&bytes);
        assert_eq!((fields.u16(), fields.u32()), (Some(0x0201), Some(0x0605_0403)));
        assert_eq!(fields.u64(), Some(0x0e0d_0c0b_0a09_0807));
        // What can't be taken whole is left as it is.
        assert_eq!((fields.u16(), fields.bytes(1), fields.bytes(1)), (None, Some(&[15][..]), None));
    }
}
