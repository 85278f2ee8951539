//! Archives made here, from the descriptions of zip and of NumPy's files.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// How an archive is written.
#[derive(Clone, Copy, Default)]
pub(super) struct Form {
    pub(super) deflated: bool,
    /// The directory's numbers have 64 bits.
    pub(super) zip64: bool,
}

/// An array as NumPy writes it: header padded to 64 bytes.
pub(super) fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    npy_of(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), values)
}

/// An array with this header.
pub(super) fn npy_of(dict: &str, values: &[u8]) -> Vec<u8> {
    let length = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let header = format!("{dict:<width$}\n", width = length - 1);
    [b"\x93NUMPY\x01\0", &(length as u16).to_le_bytes()[..], header.as_bytes(), values].concat()
}

pub(super) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn checksum(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

/// A member of an archive, with what is said of it.
pub(super) struct Packed {
    pub(super) name: String,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) checksum: u32,
    pub(super) size: u64,
    pub(super) data: Vec<u8>,
}

impl Packed {
    pub(super) fn new(name: &str, content: &[u8], form: Form) -> Self {
        let data = if form.deflated { deflate(content) } else { content.to_vec() };
        let (method, checksum, size) =
            (8 * u16::from(form.deflated), checksum(content), content.len() as u64);
        Self { name: name.to_owned(), flags: 0, method, checksum, size, data }
    }
}

/// An archive of these arrays.
pub(super) fn archive(arrays: &[(&str, Vec<u8>)], form: Form) -> Vec<u8> {
    let packed = |(name, content): &(&str, Vec<u8>)| Packed::new(&format!("{name}.npy"), content, form);
    written(&arrays.iter().map(packed).collect::<Vec<_>>(), form.zip64, b"")
}

/// An archive of these members. Their own headers have 64 bits always, as NumPy has it.
pub(super) fn written(members: &[Packed], zip64: bool, comment: &[u8]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    let wide = |number: u64| if zip64 { u32::MAX } else { number as u32 }.to_le_bytes();
    for Packed { name, flags, method, checksum, size, data } in members {
        let (begin, packed) = (bytes.len() as u64, data.len() as u64);
        let extra = [&[1, 0, 16, 0][..], &size.to_le_bytes(), &packed.to_le_bytes()].concat();
        let what = [&45_u16.to_le_bytes()[..], &flags.to_le_bytes(), &method.to_le_bytes(), &[0; 4]].concat();
        let lengths = |extra: &[u8]| [(name.len() as u16).to_le_bytes(), (extra.len() as u16).to_le_bytes()];
        bytes.extend([b"PK\x03\x04", &what[..], &checksum.to_le_bytes(), &[0xff; 8]].concat());
        bytes.extend([&lengths(&extra).concat(), name.as_bytes(), &extra, data].concat());
        // Another extra field first, which is passed over.
        let all = [&[9, 9, 1, 0, 7, 1, 0, 24, 0][..], &extra[4..], &begin.to_le_bytes()].concat();
        let extra = if zip64 { &all[..] } else { &[] };
        directory.extend([b"PK\x01\x02", &45_u16.to_le_bytes()[..], &what, &checksum.to_le_bytes()].concat());
        directory.extend([wide(packed), wide(*size)].concat());
        directory
            .extend([&lengths(extra).concat(), &[0; 10][..], &wide(begin), name.as_bytes(), extra].concat());
    }
    let (begin, length, count) = (bytes.len() as u64, directory.len() as u64, members.len() as u64);
    bytes.extend(directory);
    if zip64 {
        let end = bytes.len() as u64;
        bytes.extend([b"PK\x06\x06", &44_u64.to_le_bytes()[..], &[45, 0, 45, 0], &[0; 8]].concat());
        bytes.extend([count, count, length, begin].map(u64::to_le_bytes).concat());
        bytes.extend([b"PK\x06\x07", &[0; 4][..], &end.to_le_bytes(), &1_u32.to_le_bytes()].concat());
    }
    let count = if zip64 { u16::MAX } else { count as u16 }.to_le_bytes();
    bytes.extend([b"PK\x05\x06", &[0; 4][..], &count, &count, &wide(length), &wide(begin)].concat());
    bytes.extend([&(comment.len() as u16).to_le_bytes(), comment].concat());
    bytes
}
