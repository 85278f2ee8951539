//! Gzip data of one member or several, as `cat a.gz b.gz` makes it.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// The first bytes of every member.
pub const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Decompresses all members, one after the other. Zeros behind a member are padding, as gzip itself has it (tapes and some servers fill up
/// their blocks); any other byte there is an error.
pub struct Gunzip<R> {
    /// None behind the last one.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gunzip<R> {
    /// The content of `source`.
    pub fn new(source: R) -> Self {
        Self { member: Some(GzDecoder::new(source)) }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        // A member may be empty.
        while let Some(member) = &mut self.member {
            let read = member.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            self.member = rest.map(next).transpose()?.flatten().map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// The source at its next member; none when only zeros or nothing follow.
fn next<R: BufRead>(mut source: R) -> io::Result<Option<R>> {
    loop {
        let bytes = match source.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        let length = bytes.len();
        let first = bytes.iter().position(|&byte| byte != 0).map(|at| (at, bytes[at]));
        match first {
            None if length == 0 => return Ok(None),
            None => source.consume(length),
            Some((at, byte)) if byte == MAGIC[0] => {
                source.consume(at);
                return Ok(Some(source));
            }
            Some(_) => {
                let rule = "only another member or zeros may follow a gzip member; other bytes do";
                return Err(io::Error::new(ErrorKind::InvalidData, rule));
            }
        }
    }
}

/// Whether a decoder's error speaks of the data rather than of the disk.
#[must_use]
pub fn is_corruption(error: &io::Error) -> bool {
    use ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// What comes out, whatever the size of the pieces that come in.
    #[track_caller]
    fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, io::Error> {
        let read = |capacity: usize| {
            let mut out = Vec::new();
            let read = Gunzip::new(BufReader::with_capacity(capacity, bytes)).read_to_end(&mut out);
            read.map(|_| out)
        };
        let [whole, piecewise] = [1 << 16, 1].map(read);
        assert_eq!(whole.as_ref().ok(), piecewise.as_ref().ok());
        whole
    }

    #[test]
    fn members_are_joined() {
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(gunzip(&two).unwrap(), b"one two");
        assert_eq!(gunzip(&[gzip(b""), gzip(b""), gzip(b"x"), gzip(b"")].concat()).unwrap(), b"x");
        assert_eq!(gunzip(&gzip(b"alone")).unwrap(), b"alone");
    }

    #[test]
    fn zeros_are_padding_and_nothing_else_is() {
        for zeros in [1, 7, 512, 100_000] {
            let padding = vec![0; zeros];
            assert_eq!(gunzip(&[gzip(b"one"), padding.clone()].concat()).unwrap(), b"one");
            assert_eq!(gunzip(&[gzip(b"one"), padding, gzip(b" two")].concat()).unwrap(), b"one two");
        }
        for garbage in [&b"x"[..], b"\0x", b"\x1f", b"\x1f\x8b", b"\x1fx, more than a header"] {
            let error = gunzip(&[&gzip(b"one"), garbage].concat()).unwrap_err();
            assert!(is_corruption(&error), "{garbage:?}: {error}");
        }
    }

    #[test]
    fn every_member_is_checked() {
        let mut two = [gzip(b"one"), gzip(b"two")].concat();
        let checksum = two.len() - 6;
        two[checksum] ^= 1;
        assert!(gunzip(&two).is_err());
        two.truncate(checksum);
        assert!(gunzip(&two).is_err() && gunzip(b"").is_err());
    }
}
