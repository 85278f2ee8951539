//! A hash over inputs, by which a resumed run knows its own.

use nopropdt_data::Split;
use sha2::{Digest, Sha256};

/// SHA-256 over the shape, length, labels and pixels of each split, one after the other; numbers as little-endian u64, labels as
/// u16, pixels as the bytes they are stored as, other values as little-endian f32.
#[must_use]
pub fn image_hash(splits: &[&Split]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for split in splits {
        for &size in split.shape().sizes().iter().chain([&split.len()]) {
            hash.update((size as u64).to_le_bytes());
        }
        for &label in split.labels() {
            hash.update(label.to_le_bytes());
        }
        for index in 0..split.len() {
            hash.update(split.bytes(index));
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_data::ImageShape;

    fn split(height: usize, width: usize, pixels: &[u8], labels: &[u16]) -> Split {
        Split::new(ImageShape { height, width, channels: 1 }, pixels.to_vec(), labels.to_vec()).unwrap()
    }

    #[test]
    fn every_part_counts() {
        let (first, second) = (split(1, 2, &[1, 2, 3, 4], &[0, 1]), split(1, 2, &[5, 6], &[1]));
        let hash = image_hash(&[&first, &second]);
        assert_eq!(hash, image_hash(&[&first.clone(), &second.clone()]));
        for (one, other) in [
            (split(2, 1, &[1, 2, 3, 4], &[0, 1]), second.clone()),
            (split(1, 2, &[1, 2, 3, 5], &[0, 1]), second.clone()),
            (split(1, 2, &[1, 2, 3, 4], &[1, 1]), second.clone()),
            (first.clone(), split(1, 2, &[5, 6], &[0])),
            // The same pixels, divided otherwise.
            (split(1, 2, &[1, 2], &[0]), split(1, 2, &[3, 4, 5, 6], &[1, 1])),
        ] {
            assert_ne!(hash, image_hash(&[&one, &other]));
        }
    }
}
