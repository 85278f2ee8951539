//! The embedded digits: 1,797 grey 8×8 images by E. Alpaydin and C. Kaynak (UCI, CC BY 4.0); see assets/digits.

use crate::class_names::{DIGITS, owned};
use crate::order::{Purpose, stream};
use crate::stratify::stratified_pick;
use crate::{DataError, Dataset, DatasetName, ImageShape, Split};

static IMAGES: &[u8; IMAGE_COUNT * SHAPE.len()] = include_bytes!("../assets/digits/images.u8");
static LABELS: &[u8; IMAGE_COUNT] = include_bytes!("../assets/digits/labels.u8");

const IMAGE_COUNT: usize = 1797;
/// A fifth of the images, rounded up; the other 1,437 are for training.
const TEST_COUNT: usize = 360;
const SHAPE: ImageShape = ImageShape { height: 8, width: 8, channels: 1 };
/// A pixel counts the inked dots of a 4×4 square of the scan.
const FULL_SCALE: u8 = 16;

/// The digits with their fixed, stratified split; never fails while the tests below pass.
pub(crate) fn load() -> Result<Dataset, DataError> {
    let all = Split::new(SHAPE, IMAGES.to_vec(), LABELS.map(u16::from).to_vec())?;
    let (train, test) = all.with_full_scale(FULL_SCALE)?.part(&test_indices());
    Dataset::new(DatasetName::Digits.as_str(), owned(DIGITS), train, test)
}

/// Positions of the test images in the source's order; the same in every program and version.
fn test_indices() -> Vec<u32> {
    stratified_pick(&LABELS.map(u16::from), TEST_COUNT, &mut stream(Purpose::DigitsTest, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// The hash in 64 lower-case hexadecimal digits.
    fn sha256_hex(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn class_counts(split: &Split) -> [usize; 10] {
        let mut counts = [0; 10];
        for &label in split.labels() {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    #[test]
    fn the_bytes_are_those_documented() {
        let readme = include_str!("../assets/digits/README.md");
        for bytes in [&IMAGES[..], &LABELS[..]] {
            assert!(readme.contains(&sha256_hex(bytes)));
        }
    }

    #[test]
    fn the_first_image_is_the_well_known_zero() {
        let first: [u8; 64] = [
            0, 0, 5, 13, 9, 1, 0, 0, //
            0, 0, 13, 15, 10, 15, 5, 0, //
            0, 3, 15, 2, 0, 11, 8, 0, //
            0, 4, 12, 0, 0, 8, 8, 0, //
            0, 5, 8, 0, 0, 9, 8, 0, //
            0, 4, 11, 0, 1, 12, 7, 0, //
            0, 2, 14, 5, 10, 12, 0, 0, //
            0, 0, 6, 13, 10, 0, 0, 0,
        ];
        assert_eq!((&IMAGES[..64], &LABELS[..10]), (&first[..], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9][..]));
    }

    #[test]
    fn the_split_is_stratified() {
        let dataset = load().unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len()), (1437, 360));
        assert_eq!(DatasetName::Digits.counts(), (1437, 360));
        assert_eq!(
            (dataset.classes(), dataset.shape(), dataset.train.pixel_scale()),
            (10, &SHAPE.into(), 16.0)
        );
        assert_eq!(class_counts(&dataset.train), [142, 145, 142, 146, 145, 146, 145, 143, 139, 144]);
        assert_eq!(class_counts(&dataset.test), [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]);
    }

    #[test]
    fn the_split_is_fixed_for_all_time() {
        let indices: Vec<u8> = test_indices().iter().flat_map(|index| index.to_le_bytes()).collect();
        // Worked out by a separate program, like the orders in `order`.
        assert_eq!(sha256_hex(&indices), "ae2b3872c980d662f111deb2873405426c6297c4d05784c9e77abac48c5ed58a");
    }

    #[test]
    fn no_test_image_is_trained_on() {
        let dataset = load().unwrap();
        let mut all: Vec<&[u8]> = [&dataset.train, &dataset.test]
            .into_iter()
            .flat_map(|split| (0..split.len()).map(|index| split.pixels(index)))
            .collect();
        let mut source: Vec<&[u8]> = IMAGES.chunks_exact(64).collect();
        all.sort_unstable();
        source.sort_unstable();
        assert!(all == source);
    }
}
