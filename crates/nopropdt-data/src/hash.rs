//! SHA-256 in hex.

use sha2::{Digest, Sha256};

/// A running SHA-256 that also counts the bytes.
#[derive(Default)]
pub(crate) struct ContentHash {
    state: Sha256,
    bytes: u64,
}

impl ContentHash {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Bytes seen so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash in 64 lower-case hexadecimal digits.
    pub(crate) fn hex(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let nibbles = |byte: u8| [byte >> 4, byte & 15].map(|nibble| char::from(DIGITS[usize::from(nibble)]));
        self.state.finalize().into_iter().flat_map(nibbles).collect()
    }
}

/// The hash of a whole slice.
#[cfg(test)]
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let mut hash = ContentHash::default();
    hash.update(bytes);
    hash.hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example() {
        // FIPS 180-2, appendix B.1.
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), wanted);
        let mut parts = ContentHash::default();
        parts.update(b"a");
        parts.update(b"bc");
        assert_eq!((parts.bytes(), parts.hex().as_str()), (3, wanted));
    }
}
