//! Turning and scaling.

use image::imageops::{FilterType, crop_imm, resize};
use image::{GrayImage, Luma, Rgb, RgbImage};
use proptest::prelude::*;

use super::*;

fn noise(width: u32, height: u32, seed: u32) -> RgbImage {
    let mut state = seed | 1;
    RgbImage::from_fn(width, height, |_, _| {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Rgb([next(), next(), next()])
    })
}

proptest! {
    /// Each pixel, to the bit: of pictures that grow, that shrink, and that do one in a row and the other in a column.
    #[test]
    fn scaled_pixels_are_those_of_image(
        (width, height) in (1_u32..70, 1_u32..70), (wide, high) in (1_u32..70, 1_u32..70), seed: u32,
    ) {
        let picture = noise(width, height, seed);
        let cut = ((height * wide / high).clamp(1, width), (width * high / wide).clamp(1, height));
        let place = ((width - cut.0) / 2, (height - cut.1) / 2);
        let middle = crop_imm(&picture, place.0, place.1, cut.0, cut.1);
        let theirs = resize(&*middle, wide, high, FilterType::Triangle);
        let (from, to) = ((width as usize, height as usize), (wide as usize, high as usize));
        prop_assert_eq!(scale::to_size(picture.as_raw().clone(), 3, from, to), theirs.into_raw());

        let grey = GrayImage::from_fn(width, height, |x, y| Luma([picture.get_pixel(x, y)[0]]));
        let middle = crop_imm(&grey, place.0, place.1, cut.0, cut.1);
        let theirs = resize(&*middle, wide, high, FilterType::Triangle);
        prop_assert_eq!(scale::to_size(grey.as_raw().clone(), 1, from, to), theirs.into_raw());
    }

    #[test]
    fn turned_pixels_are_those_of_image((width, height) in (1_u32..9, 1_u32..9), number in 0_u8..10, seed: u32) {
        let picture = noise(width, height, seed);
        let (orientation, turn) = (Orientation::from_exif(number.into()), Turn::from_exif(number));
        prop_assert_eq!(orientation.is_some(), turn.is_some());
        if let (Some(orientation), Some(turn)) = (orientation, turn) {
            let theirs = turned(picture.clone(), turn);
            let size = (theirs.width() as usize, theirs.height() as usize);
            prop_assert_eq!(orientation.swaps_sides(), size != (width as usize, height as usize) || matches!(number, 5..=8));
            let ours = orientation.turn(picture.into_raw(), 3, (width as usize, height as usize));
            prop_assert_eq!(ours, (theirs.into_raw(), size));
        }
    }
}
