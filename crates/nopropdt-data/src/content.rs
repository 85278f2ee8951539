//! What a file holds by its first bytes, in words: files are often not what their names say.

use std::io::Read;
use std::path::Path;

use crate::gunzip::MAGIC;
use crate::plain_file;

/// Bytes that are enough to tell: an archive of tar has its mark at byte 257.
const BEGINNING: u64 = 512;

/// The kind of compressed data.
pub const GZIP: &str = "gzip data";

/// What begins a file of each kind.
const MARKS: [(&[u8], &str); 18] = [
    (&[0, 0, 8, 1], "an IDX file of labels"),
    (&[0, 0, 8, 3], "an IDX file of images"),
    (&MAGIC, GZIP),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89PNG", "a PNG picture"),
    (&[0xff, 0xd8, 0xff], "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"MATLAB 5.0", "a MATLAB 5 file"),
    (b"MATLAB 7.3", "a MATLAB 7.3 file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (&[0x80, 2], "a Python pickle"),
    (&[0x80, 4], "a Python pickle"),
];

/// The kind of content that begins with `bytes` (a few hundred are enough); none where that can't be told.
pub(crate) fn kind(bytes: &[u8]) -> Option<&'static str> {
    let marked = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)).map(|(_, kind)| *kind);
    let tar = bytes.get(257..262) == Some(b"ustar");
    marked.or(tar.then_some("a tar archive")).or_else(|| message(bytes))
}

/// What somebody sends in place of a file: a page, a pointer, a line of text, nothing.
#[must_use]
pub fn message(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        return Some("an empty file");
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    let begins = |marks: &[&str]| marks.iter().any(|mark| text.starts_with(mark));
    if begins(&["version https://git-lfs"]) {
        return Some("a Git LFS pointer, not the file it stands for (`git lfs pull` brings that)");
    }
    if begins(&["<!doctype html", "<html", "<head", "<body"]) || text.contains("<html") && begins(&["<"]) {
        return Some("an HTML page");
    }
    if begins(&["<?xml", "<error"]) {
        return Some("an XML document");
    }
    // A character that was cut at the end of what was looked at makes no other kind of it.
    let whole = text.strip_suffix('\u{fffd}').unwrap_or(&text);
    let odd = |c: char| c == '\u{fffd}' || c.is_control() && !c.is_whitespace();
    match whole.is_empty() || whole.contains(odd) {
        true => None,
        false if begins(&["{", "["]) => Some("JSON text"),
        false => Some("text"),
    }
}

/// The kind of a file's content; none where it can't be read or told.
#[must_use]
pub fn kind_of_file(path: &Path) -> Option<&'static str> {
    let mut beginning = Vec::new();
    plain_file::open(path).ok()?.0.take(BEGINNING).read_to_end(&mut beginning).ok()?;
    kind(&beginning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_have_in_place_of_data_is_named() {
        for (bytes, expected) in [
            (&b""[..], Some("an empty file")),
            (b"<!DOCTYPE html><title>404</title>", Some("an HTML page")),
            (b"\xef\xbb\xbf\r\n <HTML lang=en>", Some("an HTML page")),
            (b"<!-- a --><html>", Some("an HTML page")),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", Some("an XML document")),
            (b"{\"message\": \"Not Found\"}", Some("JSON text")),
            (b"404: Not Found\n", Some("text")),
            ("h\u{e9}".as_bytes(), Some("text")),
            (b"h\xc3", Some("text")),
            (b"\x1f\x8b\x08\0", Some("gzip data")),
            (b"\0\0\x08\x03\0\0", Some("an IDX file of images")),
            (b"\x80\x04\x95", Some("a Python pickle")),
            (b"\0\0\0\0", None),
            (b"a\0b", None),
            (b"\xff\xfe\xfd", None),
        ] {
            assert_eq!(kind(bytes), expected, "{bytes:?}");
        }
        let pointer = kind(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
        assert!(pointer.unwrap().starts_with("a Git LFS pointer"));
        let mut tar = vec![0; 512];
        tar[..1].copy_from_slice(b"a");
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(kind(&tar), Some("a tar archive"));
    }

    #[test]
    fn a_message_is_no_data() {
        assert_eq!((message(b"\x1f\x8b\x08\0\xff"), message(b"BZh9")), (None, Some("text")));
    }
}
