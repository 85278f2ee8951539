use std::collections::HashSet;

use super::*;
use crate::{Normalisation, Split};

const SHAPE: ImageShape = ImageShape { height: 2, width: 3, channels: 1 };

fn split() -> Split {
    Split::new(SHAPE, (0..60).map(|pixel| pixel * 4 + 1).collect(), vec![0; 10]).unwrap()
}

fn filled(set: &dyn Examples, index: usize) -> Vec<f32> {
    let mut image = vec![f32::NAN; set.shape().iter().product()];
    set.fill(index, &mut image);
    image
}

#[test]
fn nothing_asked_changes_nothing() {
    let split = split();
    let same = Augmentation::default().of(&split, 3, 4);
    for index in 0..10 {
        assert_eq!(filled(&same, index), filled(&split, index));
    }
}

#[test]
fn an_image_is_a_function_of_seed_epoch_and_place() {
    let split = split();
    let augmentation = Augmentation { crop_padding: 1, flip: true, ..Augmentation::default() };
    let all = |seed, epoch| {
        let set = augmentation.of(&split, seed, epoch);
        (0..10).map(|index| filled(&set, index)).collect::<Vec<_>>()
    };
    assert_eq!(all(1, 2), all(1, 2));
    assert_ne!(all(1, 2), all(1, 3));
    assert_ne!(all(1, 2), all(2, 2));
}

#[test]
fn mirrored_images_are_mirrored_or_not() {
    let split = split();
    let augmentation = Augmentation { flip: true, ..Augmentation::default() };
    let plain = filled(&split, 7);
    let mirrored: Vec<f32> = plain.chunks(3).flat_map(|row| row.iter().rev().copied()).collect();
    let mut counts = [0; 2];
    for epoch in 0..1000 {
        let found = filled(&augmentation.of(&split, 0, epoch), 7);
        assert!(found == plain || found == mirrored);
        counts[usize::from(found == mirrored)] += 1;
    }
    // Deviation 16 about 500.
    assert!(counts.iter().all(|count| (420..580).contains(count)), "{counts:?}");
}

/// Of a slope to the right, a part is a gentler slope; what it is is drawn behind all other draws.
#[test]
fn a_part_of_an_image_takes_its_place() {
    let shape = ImageShape { height: 8, width: 8, channels: 1 };
    let pixels = (0..64 * 50).map(|pixel| (pixel % 8 * 30) as u8).collect();
    let split = Split::new(shape, pixels, vec![0; 50]).unwrap();
    let moves = Augmentation { flip: true, ..Augmentation::default() };
    let cut = Augmentation { crop_scale: 0.2, ..moves };
    let mut changed = 0;
    for index in 0..50 {
        let (plain, part) = (filled(&moves.of(&split, 1, 2), index), filled(&cut.of(&split, 1, 2), index));
        let slope = |image: &[f32]| image[7] - image[0];
        assert_eq!(slope(&plain) > 0.0, slope(&part) > 0.0, "mirrored alike");
        assert!(slope(&part).abs() <= slope(&plain).abs() && slope(&part).abs() > 0.3 * slope(&plain).abs());
        changed += usize::from(plain != part);
    }
    assert!(changed > 45, "{changed}");
}

#[test]
fn shifted_images_show_black_beyond_the_edge() {
    let normalisation = Normalisation { mean: vec![0.5], deviation: vec![0.25] };
    let split = split().with_normalisation(normalisation).unwrap();
    let augmentation = Augmentation { crop_padding: 2, ..Augmentation::default() };
    let plain = filled(&split, 5);
    let black = -2.0;
    let mut seen = HashSet::new();
    for epoch in 0..400 {
        let found = filled(&augmentation.of(&split, 0, epoch), 5);
        let fits = |down: isize, right: isize| {
            (0..6).all(|place| {
                let (row, column) = (place / 3 - down, place % 3 - right);
                let inside = (0..2).contains(&row) && (0..3).contains(&column);
                found[place as usize] == if inside { plain[(row * 3 + column) as usize] } else { black }
            })
        };
        let mut shifts = (-2..=2).flat_map(|down| (-2..=2).map(move |right| (down, right)));
        let shift = shifts.rfind(|&(down, right)| fits(down, right)).expect("some shift explains it");
        seen.insert(shift);
    }
    // Two rows down or up leave nothing, whatever the columns: 15 pictures in all and the black one.
    assert_eq!(seen.len(), 16);
}

#[test]
fn labels_and_sizes_stay() {
    let split = Split::new(SHAPE, vec![0; 12], vec![4, 2]).unwrap();
    let set = Augmentation { crop_padding: 1, flip: true, ..Augmentation::default() }.of(&split, 0, 0);
    assert_eq!(
        (set.len(), InputShape::from(set.shape()).image(), set.label(0), set.label(1)),
        (2, Some(SHAPE), 4, 2)
    );
}

/// Shifts and flips are those of images without a hole: what is drawn further comes after.
#[test]
fn a_hole_is_a_square_about_any_pixel() {
    let shape = ImageShape { height: 5, width: 6, channels: 1 };
    let split = Split::new(shape, vec![255; 30], vec![0]).unwrap();
    let moves = Augmentation { crop_padding: 1, flip: true, ..Augmentation::default() };
    let mut seen = HashSet::new();
    for epoch in 0..2000 {
        let hole = Augmentation { cutout: 3, ..Augmentation::default() };
        let found = filled(&hole.of(&split, 0, epoch), 0);
        let dark: Vec<usize> = (0..30).filter(|&place| found[place] == 0.0).collect();
        let (rows, columns): (Vec<_>, Vec<_>) = dark.iter().map(|place| (place / 6, place % 6)).unzip();
        let bounds = |sides: &[usize]| (*sides.iter().min().unwrap(), *sides.iter().max().unwrap());
        let (rows, columns) = (bounds(&rows), bounds(&columns));
        assert_eq!(dark.len(), (rows.1 - rows.0 + 1) * (columns.1 - columns.0 + 1), "no square: {dark:?}");
        assert!(rows.1 - rows.0 <= 2 && columns.1 - columns.0 <= 2, "{dark:?}");
        seen.insert((rows, columns));
        let (with, without) = (Augmentation { cutout: 1, ..moves }, moves);
        let [with, without] = [with, without].map(|change| filled(&change.of(&split, 0, epoch), 0));
        assert_eq!(with.iter().zip(&without).filter(|(a, b)| a != b).count(), usize::from(with != without));
    }
    // About each of 30 pixels another one.
    assert_eq!(seen.len(), 30);
}

#[test]
fn mirrored_edges_go_back_and_forth() {
    let seen = |size: usize, shift: isize| -> Vec<usize> {
        (0..size).map(|at| Edges::Mirror.source(at, shift, size).unwrap()).collect()
    };
    assert_eq!(seen(4, 0), [0, 1, 2, 3]);
    assert_eq!(seen(4, 2), [2, 1, 0, 1]);
    assert_eq!(seen(4, -2), [2, 3, 2, 1]);
    assert_eq!(seen(3, 5), [1, 0, 1]);
    assert_eq!(seen(1, 3), [0]);
    assert_eq!((Edges::Black.source(0, 1, 4), Edges::Black.source(3, 1, 4)), (None, Some(2)));
}
