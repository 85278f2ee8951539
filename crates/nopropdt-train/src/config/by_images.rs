//! Settings that follow from the number and the size of the training images.

use super::overrides::Overrides;
use super::run_config::RunConfig;
use super::value::Value;
use nopropdt_data::InputShape;

/// Those of them that `--preset best` leaves open, by section and key.
const OPEN: [&str; 6] = [
    "training.epochs",
    "training.batch-size",
    "data.validation",
    "data.crop-padding",
    "data.crop-scale",
    "block.width",
];

/// What a run leaves open that says so much beside `--preset best`: a width is of deep blocks alone.
pub(super) fn open(said: &Overrides) -> Vec<&'static str> {
    let is_deep = said.get("block").and_then(Value::text) == Some("deep");
    let left = |setting: &&str| said.get(setting).is_none() && (is_deep || !setting.starts_with("block."));
    OPEN.into_iter().filter(left).collect()
}

/// Images that a block sees in training, all epochs together, unless that takes fewer or more epochs than a range.
const SEEN: usize = 300_000;
const FEWEST_EPOCHS: usize = 6;
const MOST_EPOCHS: usize = 60;
/// One image of so many is held out, but not more than [`MOST_HELD_OUT`], and none where they would be too few to tell read-outs apart.
const HELD_OUT: usize = 25;
const MOST_HELD_OUT: usize = 2000;
const FEWEST_HELD_OUT: usize = 100;
/// Rows or columns, whichever are fewer, from which on pictures show their things at all sizes.
const LARGE: usize = 48;
/// Of a large picture at least so much of the area is seen.
const CROP_SCALE: f32 = 0.35;
/// Rows and columns that a small picture is shifted by, at the most.
const CROP_PADDING: usize = 2;
/// Channels of deep blocks that see grey images, and of those that see colours.
const WIDTHS: [usize; 2] = [128, 256];

impl RunConfig {
    /// The same settings for so many training images of this shape, those for validation among them. What was open is decided.
    #[must_use]
    pub fn for_images(mut self, images: usize, shape: &InputShape) -> Self {
        let in_colour = shape.channels() > 1;
        let large = shape.image().is_some_and(|image| image.height.min(image.width) >= LARGE);
        for setting in std::mem::take(&mut self.open) {
            match setting {
                "training.epochs" => self.training.epochs = epochs(images),
                "training.batch-size" => self.training.batch_size = batch_size(images),
                "data.validation" => self.data.validation = validation(images),
                "data.crop-padding" => self.data.crop_padding = Some(if large { 0 } else { CROP_PADDING }),
                "block.width" => {
                    let width = Value::of(&WIDTHS[usize::from(in_colour)]);
                    self.block.settings.insert("width".into(), width);
                }
                _ => self.data.crop_scale = Some(if large { CROP_SCALE } else { 0.0 }),
            }
        }
        self
    }
}

fn epochs(images: usize) -> usize {
    SEEN.div_ceil(images.max(1)).clamp(FEWEST_EPOCHS, MOST_EPOCHS)
}

/// Few images are cut into small batches, so that there are steps enough.
fn batch_size(images: usize) -> usize {
    match images {
        0..2_500 => 32,
        2_500..10_000 => 64,
        _ => 128,
    }
}

fn validation(images: usize) -> usize {
    match images / HELD_OUT {
        0..FEWEST_HELD_OUT => 0,
        count => count.min(MOST_HELD_OUT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, Preset};

    #[test]
    fn few_images_are_seen_more_often_in_smaller_batches() {
        assert_eq!([100, 10_000, 50_000, 1_000_000].map(epochs), [60, 30, 6, 6]);
        assert_eq!([100, 2_500, 10_000].map(batch_size), [32, 64, 128]);
        assert_eq!(
            [0, 2_499, 2_500, 10_000, 50_000, 1_000_000].map(validation),
            [0, 0, 100, 400, 2000, 2000]
        );
        assert_eq!(epochs(0), 60);
    }

    fn shape(side: usize) -> InputShape {
        InputShape::from(vec![side, side, 3])
    }

    #[test]
    fn large_pictures_are_cut_small_ones_shifted() {
        let config = Overrides::default().resolve(Some(Preset::Best)).unwrap();
        let of = |side| {
            let data = config.clone().for_images(1000, &shape(side)).data;
            (data.crop_padding, data.crop_scale)
        };
        assert_eq!(of(32), (Some(2), Some(0.0)));
        assert_eq!(of(64), (Some(0), Some(0.35)));
        let width = |channels| {
            let shape = InputShape::from(vec![28, 28, channels]);
            config.clone().for_images(1000, &shape).block.get::<usize>("width")
        };
        assert_eq!([1, 3].map(width), [Some(128), Some(256)]);
        let paper = Overrides::default().with("block", "paper").resolve(Some(Preset::Best)).unwrap();
        assert_eq!(paper.for_images(1000, &shape(32)).block.get::<usize>("width"), None);
        // Not where it is said otherwise.
        let said = Overrides::default().with("crop-padding", 5).resolve(Some(Preset::Best)).unwrap();
        assert_eq!(said.for_images(1000, &shape(64)).data.crop_padding, Some(5));
    }

    #[test]
    fn what_is_said_is_not_open() {
        let said = Overrides::default().with("epochs", 3).with("validation", 0);
        let config = said.resolve(Some(Preset::Best)).unwrap();
        let written = config.to_toml();
        assert!(!written.contains("batch-size") && written.contains("epochs = 3"), "{written}");
        let small = shape(32);
        let decided = config.clone().for_images(5_000, &small);
        assert_eq!(
            (decided.training.epochs, decided.training.batch_size, decided.data.validation),
            (3, 64, 0)
        );
        // What was open is open where it is read again.
        let again = Overrides::from_text(&written).unwrap().resolve(Some(Preset::Best)).unwrap();
        assert_eq!(again.for_images(5_000, &small), decided);
        assert_eq!(decided.clone().for_images(50_000, &shape(64)), decided);
    }
}
