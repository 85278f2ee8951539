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
    assert_eq!((split.len(), split.is_empty(), split.shape()), (4, false, &SHAPE.into()));
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

/// Vectors of three numbers, each the index times ten and up; labels i mod 4.
struct Counted(usize);

impl Examples for Counted {
    fn len(&self) -> usize {
        self.0
    }

    fn shape(&self) -> Vec<usize> {
        vec![3]
    }

    fn label(&self, index: usize) -> usize {
        index % 4
    }

    fn fill(&self, index: usize, input: &mut [f32]) {
        input.iter_mut().enumerate().for_each(|(at, value)| *value = (10 * index + at) as f32);
    }
}

fn first_values(split: &Split) -> Vec<f32> {
    (0..split.len()).map(|index| filled(split, index)[0]).collect()
}

fn filled(split: &Split, index: usize) -> [f32; 3] {
    let mut values = [0.0; 3];
    split.fill(index, &mut values);
    values
}

#[test]
fn what_a_program_makes_is_chosen_and_parted_like_images() {
    let split = Split::of(Counted(8)).unwrap();
    assert_eq!((split.shape().sizes(), split.labels()), (&[3][..], &[0, 1, 2, 3, 0, 1, 2, 3][..]));
    assert_eq!(filled(&split.select(&[5, 2]), 0), [50.0, 51.0, 52.0]);
    let (train, validation) = split.clone().split_validation(4, 0).unwrap();
    // One of each class, the others in their order.
    let mut labels = validation.labels().to_vec();
    labels.sort_unstable();
    assert_eq!((labels, train.len()), (vec![0, 1, 2, 3], 4));
    let mut all = [first_values(&train), first_values(&validation)].concat();
    assert!(first_values(&train).is_sorted());
    all.sort_by(f32::total_cmp);
    assert_eq!(all, (0..8).map(|index| (10 * index) as f32).collect::<Vec<_>>());
    assert_eq!(first_values(&split.clone().limited(Some(2))), [0.0, 10.0]);
    // Normalised number by number, by the moments of all.
    let moments = split.statistics();
    assert_eq!(moments.mean, [35.0, 36.0, 37.0]);
    let normalised = split.clone().with_normalisation(moments).unwrap();
    let values = filled(&normalised, 7);
    assert!(values.iter().all(|value| (value - values[0]).abs() < 1e-6 && *value > 1.0), "{values:?}");
    assert_eq!(split.bytes(0), [0.0_f32, 1.0, 2.0].map(f32::to_le_bytes).concat());
    assert!(split.picture(0).is_none());
    assert!(split.with_full_scale(3).unwrap_err().to_string().ends_with("full scale 3, no pixels"));
}

#[test]
fn what_a_program_makes_must_fit() {
    struct Wrong(Vec<usize>, usize);
    impl Examples for Wrong {
        fn len(&self) -> usize {
            2
        }
        fn shape(&self) -> Vec<usize> {
            self.0.clone()
        }
        fn label(&self, index: usize) -> usize {
            index * self.1
        }
        fn fill(&self, _: usize, _: &mut [f32]) {}
    }
    let message = |shape: &[usize], label| Split::of(Wrong(shape.to_vec(), label)).unwrap_err().to_string();
    for (shape, found) in [(&[][..], ""), (&[2, 0], "2x0"), (&[usize::MAX, 2], "18446744073709551615x2")] {
        let rule = "split: inputs must have a shape without an empty dimension; found ";
        assert_eq!(message(shape, 1), format!("{rule}{found}"));
    }
    assert_eq!(message(&[1], 65_536), "split: labels must be at most 65535; found 65536");
}

#[test]
fn a_picture_has_bytes_of_full_brightness() {
    let split = Split::new(SHAPE, vec![0, 16], vec![0]).unwrap().with_full_scale(16).unwrap();
    let (moments, wanted) = (split.statistics(), Some((SHAPE, vec![0, 255])));
    assert_eq!(split.picture(0), wanted);
    assert_eq!(split.with_normalisation(moments).unwrap().picture(0), wanted);
    let two = ImageShape { channels: 2, ..SHAPE };
    assert!(Split::new(two, vec![0; 4], vec![0]).unwrap().picture(0).is_none());
}
