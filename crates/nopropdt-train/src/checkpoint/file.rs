//! The file around a checkpoint: a header that tells a damaged one, and what decodes the rest.

use bincode::Decode;
use bincode::error::DecodeError;
use sha2::{Digest, Sha256};
use std::io::{self, Write};

pub(super) const MAGIC: &[u8; 8] = b"NPDTCKPT";
/// Versions 2 and 3 knew less (see the parts of a checkpoint); they are still read.
pub(super) const VERSION: u32 = 4;
const OLDEST: u32 = 2;
/// Magic, version, length, hash.
pub(super) const HEADER: usize = 8 + 4 + 8 + 32;

/// Hashes what passes through to a file.
pub(super) struct Hashed<'f, W> {
    pub(super) file: &'f mut W,
    pub(super) hash: Sha256,
}

impl<W: Write> Write for Hashed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Decodes a payload. A length inside it can promise more than there is, and memory is taken on its word: the limit, far
/// above what a payload of the size decodes to, bounds that.
pub(super) fn decode<T: Decode<()>>(payload: &[u8]) -> Result<(T, usize), DecodeError> {
    let standard = bincode::config::standard();
    match payload.len() {
        0..0x10_0000 => bincode::decode_from_slice(payload, standard.with_limit::<0x400_0000>()),
        0x10_0000..0x400_0000 => bincode::decode_from_slice(payload, standard.with_limit::<0x4000_0000>()),
        _ => bincode::decode_from_slice(payload, standard.with_limit::<{ usize::MAX }>()),
    }
}

/// Version and payload of a file whose length and hash are right.
pub(super) fn payload(bytes: &[u8]) -> Result<(u32, &[u8]), String> {
    if bytes.len() < HEADER || &bytes[..8] != MAGIC {
        return Err("is not a checkpoint: it must begin with NPDTCKPT".into());
    }
    let version = u32::from_le_bytes(bytes[8..12].try_into().expect("4 bytes"));
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(format!(
            "format version must be from {OLDEST} to {VERSION}; found {version}, of another version of the program"
        ));
    }
    let promised = u64::from_le_bytes(bytes[12..20].try_into().expect("8 bytes"));
    let (hash, payload) = (&bytes[20..HEADER], &bytes[HEADER..]);
    if payload.len() as u64 != promised {
        return Err(format!("is damaged: header promises {promised} bytes; file holds {}", payload.len()));
    }
    if Sha256::digest(payload).as_slice() != hash {
        return Err("is damaged: its SHA-256 does not match its content".into());
    }
    Ok((version, payload))
}
