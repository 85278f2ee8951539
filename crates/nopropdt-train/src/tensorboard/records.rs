//! The framing of event files (TFRecord): each record with its length before it, and both with a checksum behind them.
//!
//! `length: u64, crc(length): u32, data, crc(data): u32`, little-endian; crc is CRC-32C, masked so that a checksum of data with checksums in it is
//! still a good one.

/// Bytes before the data, and behind it.
const HEAD: usize = 12;
const TAIL: usize = 4;

/// CRC-32C of each byte: Castagnoli's polynomial, low bit first.
const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The record that holds `data`.
pub(super) fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// The data of each record of a file and where the record ends in it, up to the first that is torn or damaged: nobody reads further.
pub(super) fn intact(file: &[u8]) -> Vec<(&[u8], usize)> {
    let (mut found, mut start) = (Vec::new(), 0);
    while let Some((data, length)) = first(&file[start..]) {
        start += length;
        found.push((data, start));
    }
    found
}

/// The data of the record that these bytes begin with, and the record's length.
fn first(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (crc_of_length, rest) = rest.split_first_chunk::<4>()?;
    if masked(length) != *crc_of_length {
        return None;
    }
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (data, rest) = rest.split_at_checked(length)?;
    let (crc_of_data, _) = rest.split_first_chunk::<4>()?;
    (masked(data) == *crc_of_data).then_some((data, HEAD + length + TAIL))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 3720, B.4, and of the catalogue of checksums.
    #[test]
    fn checksums_are_the_known_ones() {
        let rising: Vec<u8> = (0..32).collect();
        let falling: Vec<u8> = (0..32).rev().collect();
        for (bytes, crc) in [
            (&[0; 32][..], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&rising, 0x46dd_794e),
            (&falling, 0x113f_db5c),
            (b"123456789", 0xe306_9283),
            (b"", 0),
        ] {
            assert_eq!(crc32c(bytes), crc, "{bytes:?}");
        }
    }

    /// The first record of every file that TensorFlow writes at time 0.
    #[test]
    fn a_record_is_as_other_programs_write_it() {
        let data = b"\x09\0\0\0\0\0\0\0\0\x1a\x0dbrain.Event:2";
        let record = framed(data);
        assert_eq!(record.len(), 12 + 24 + 4);
        assert_eq!(record[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(intact(&record), [(&data[..], 40)]);
    }

    #[test]
    fn what_is_torn_or_damaged_ends_a_file() {
        let records = [b"one".to_vec(), Vec::new(), vec![7; 300]];
        let file: Vec<u8> = records.iter().flat_map(|data| framed(data)).collect();
        let ends = [19, 35, 351];
        let data_of = |file: &[u8]| intact(file).iter().map(|(data, _)| data.to_vec()).collect::<Vec<_>>();
        assert_eq!(data_of(&file), records);
        assert_eq!(intact(&file).iter().map(|(_, end)| *end).collect::<Vec<_>>(), ends);
        let whole = |length: usize| ends.iter().take_while(|end| **end <= length).count();
        for length in 0..file.len() {
            assert_eq!(data_of(&file[..length]), records[..whole(length)], "{length}");
        }
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert_eq!(data_of(&damaged), records[..whole(at)], "{at}");
        }
        // A length that no file has.
        let length = u64::MAX.to_le_bytes();
        assert_eq!(intact(&[&length[..], &masked(&length)].concat()), []);
    }
}
