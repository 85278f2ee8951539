//! SHA-256 and MD5 in hex.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::FetchError;

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
        hex(&self.state.finalize())
    }
}

/// A running MD5, for files whose publishers give nothing better.
#[derive(Default)]
pub(crate) struct WeakHash {
    state: Md5,
}

impl WeakHash {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    /// The hash in 32 lower-case hexadecimal digits.
    pub(crate) fn hex(self) -> String {
        hex(&self.state.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = |byte: u8| [byte >> 4, byte & 15].map(|nibble| char::from(DIGITS[usize::from(nibble)]));
    bytes.iter().copied().flat_map(nibbles).collect()
}

#[cfg(test)]
thread_local! {
    /// The files that this thread has hashed, for tests that count.
    pub(crate) static HASHED: std::cell::RefCell<Vec<std::path::PathBuf>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Length and SHA-256 of a file.
pub(crate) fn hash_file(path: &Path) -> Result<(u64, String), FetchError> {
    #[cfg(test)]
    HASHED.with_borrow_mut(|hashed| hashed.push(path.to_owned()));
    let mut file = File::open(path).map_err(FetchError::io("open", path))?;
    let mut hash = ContentHash::default();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk).map_err(FetchError::io("read", path))? {
            0 => return Ok((hash.bytes(), hash.hex())),
            read => hash.update(&chunk[..read]),
        }
    }
}

/// The hash of a whole slice.
#[cfg(test)]
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let mut hash = ContentHash::default();
    hash.update(bytes);
    hash.hex()
}

/// The MD5 of a whole slice.
#[cfg(test)]
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    let mut hash = WeakHash::default();
    hash.update(bytes);
    hash.hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_examples() {
        // FIPS 180-2, appendix B.1, and RFC 1321, appendix A.5.
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), wanted);
        assert_eq!(md5_hex(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        let mut parts = ContentHash::default();
        parts.update(b"a");
        parts.update(b"bc");
        assert_eq!((parts.bytes(), parts.hex().as_str()), (3, wanted));
    }
}
