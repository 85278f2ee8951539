use proptest::prelude::*;

use super::*;
use crate::Examples;

const SHAPE: ImageShape = ImageShape { height: 1, width: 2, channels: 1 };

/// `count` images of two pixels (2i, 2i + 1), labelled i mod 3.
fn numbered(count: u8) -> Split {
    let pixels = (0..2 * count).collect();
    Split::new(SHAPE, pixels, (0..u16::from(count)).map(|index| index % 3).collect()).unwrap()
}

#[test]
fn a_split_gives_back_what_went_in() {
    let split = numbered(4);
    assert_eq!((split.len(), split.is_empty(), split.shape()), (4, false, SHAPE));
    assert_eq!(split.pixels(3), [6, 7]);
    assert_eq!((split.label(2), split.labels()), (2, &[0, 1, 2, 0][..]));
}

#[test]
fn sizes_must_agree() {
    let error = Split::new(SHAPE, vec![0; 5], vec![0; 2]).unwrap_err();
    let expected = "split: 2 images of 1x2x1 want that many pixels, at most 2^32 - 1 images and no empty dimension; found 5 pixels";
    assert_eq!(error.to_string(), expected);
    for shape in [
        ImageShape { height: 0, width: 2, channels: 1 },
        ImageShape { height: usize::MAX, width: 2, channels: 1 },
    ] {
        assert!(Split::new(shape, Vec::new(), Vec::new()).is_err());
    }
}

#[test]
fn a_batch_is_scaled_to_one() {
    let split = Split::new(SHAPE, vec![0, 255, 51, 102], vec![7, 300]).unwrap();
    let (mut images, mut labels) = ([f32::NAN; 6], vec![99]);
    split.fill_batch(&[1, 0, 1], &mut images, &mut labels);
    assert_eq!(images, [0.2, 0.4, 0.0, 1.0, 0.2, 0.4]);
    assert_eq!(labels, [300, 7, 300]);
}

#[test]
fn full_scale_is_the_one() {
    let split = Split::new(SHAPE, vec![0, 16], vec![0]).unwrap().with_full_scale(16).unwrap();
    let (mut images, mut labels) = ([f32::NAN; 2], Vec::new());
    split.fill_batch(&[0], &mut images, &mut labels);
    assert_eq!((images, split.pixel_scale()), ([0.0, 1.0], 16.0));
    let message = split.clone().with_full_scale(15).unwrap_err().to_string();
    let expected =
        "split: full scale must be at least the largest pixel and not 0; full scale 15, largest pixel 16";
    assert_eq!(message, expected);
    assert!(numbered(0).with_full_scale(0).is_err());
}

#[test]
#[should_panic(expected = "2 inputs of [1, 2, 1] want 4 values; the buffer has 3")]
fn a_batch_needs_room() {
    numbered(4).fill_batch(&[0, 1], &mut [0.0; 3], &mut Vec::new());
}

#[test]
fn limits_keep_the_first() {
    assert_eq!(numbered(5).limited(Some(2)), numbered(2));
    assert_eq!(numbered(5).limited(Some(9)), numbered(5));
    assert_eq!(numbered(5).limited(None), numbered(5));
    assert!(numbered(5).limited(Some(0)).is_empty());
}

#[test]
fn selection_keeps_the_order_given() {
    let picked = numbered(5).with_full_scale(20).unwrap().select(&[4, 0, 4]);
    assert_eq!(
        (picked.pixels(0), picked.pixels(1), picked.pixels(2)),
        (&[8, 9][..], &[0, 1][..], &[8, 9][..])
    );
    assert_eq!((picked.labels(), picked.pixel_scale()), (&[1, 0, 1][..], 20.0));
}

#[test]
fn validation_leaves_something_to_train_on() {
    for count in [6, 7] {
        let error = numbered(6).split_validation(count, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("validation: count must be below the 6 training images; found {count}")
        );
    }
    let (train, validation) = numbered(6).split_validation(0, 0).unwrap();
    assert_eq!((train, validation.len()), (numbered(6), 0));
}

#[test]
fn validation_depends_on_the_seed() {
    let split = |seed| numbered(90).split_validation(30, seed).unwrap();
    assert_eq!(split(1), split(1));
    assert_ne!(split(1), split(2));
    let (_, validation) = split(1);
    for class in 0..3 {
        assert_eq!(validation.labels().iter().filter(|&&label| label == class).count(), 10);
    }
}

proptest! {
    #[test]
    fn validation_and_training_share_nothing_and_miss_nothing(len in 1_u8..120, part in 0.0..1.0_f64, seed: u64) {
        let count = (f64::from(len) * part) as usize;
        let (train, validation) = numbered(len).split_validation(count, seed).unwrap();
        prop_assert_eq!(validation.len(), count);
        let firsts = |split: &Split| (0..split.len()).map(|index| split.pixels(index)[0]).collect::<Vec<_>>();
        let (train, validation) = (firsts(&train), firsts(&validation));
        prop_assert!(train.is_sorted() && validation.is_sorted());
        let mut all = [train, validation].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..len).map(|index| 2 * index).collect::<Vec<_>>());
    }
}
