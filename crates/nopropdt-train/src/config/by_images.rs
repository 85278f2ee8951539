//! Settings that follow from the number and the size of the training images.

use super::overrides::Overrides;
use super::run_config::RunConfig;
use super::value::Value;
use nopropdt_data::InputShape;

/// What the training images of a run are like.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// How many there are, those for validation among them.
    pub count: usize,
    /// The shape of each.
    pub shape: &'a InputShape,
    /// Whether the dataset comes with others for validation.
    pub has_validation: bool,
}

/// Settles one setting.
type Settle = fn(&mut RunConfig, &Images<'_>);

/// The settings that `--preset best` leaves open, by section and key, and what they follow from.
const OPEN: [(&str, Settle); 6] = [
    ("training.epochs", |config, images| config.training.epochs = epochs(images.count)),
    ("training.batch-size", |config, images| config.training.batch_size = batch_size(images.count)),
    ("data.validation", |config, images| {
        config.data.validation = if images.has_validation { 0 } else { validation(images.count) };
    }),
    ("data.crop-padding", |config, images| {
        config.data.crop_padding = Some(if is_large(images.shape) { 0 } else { CROP_PADDING });
    }),
    ("data.crop-scale", |config, images| {
        config.data.crop_scale = Some(if is_large(images.shape) { CROP_SCALE } else { 0.0 });
    }),
    ("block.width", |config, images| {
        let width = WIDTHS[usize::from(images.shape.channels() > 1)];
        config.block.settings.insert("width".into(), Value::of(&width));
    }),
];

/// What a run leaves open that says so much beside `--preset best`: a width is of deep blocks alone.
pub(super) fn open(said: &Overrides) -> Vec<&'static str> {
    let is_deep = said.get("block").and_then(Value::text) == Some("deep");
    let left = |setting: &&str| said.get(setting).is_none() && (is_deep || !setting.starts_with("block."));
    OPEN.map(|(setting, _)| setting).into_iter().filter(left).collect()
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
    /// Settings that follow from the training images and are not settled yet, by section and key.
    pub fn open(&self) -> &[&'static str] {
        &self.open
    }

    /// The same settings for these training images. What was open is settled.
    #[must_use]
    pub fn for_images(mut self, images: &Images<'_>) -> Self {
        let open = std::mem::take(&mut self.open);
        for (_, settle) in OPEN.into_iter().filter(|(setting, _)| open.contains(setting)) {
            settle(&mut self, images);
        }
        self
    }
}

/// Whether pictures are large enough to show a part of.
fn is_large(shape: &InputShape) -> bool {
    shape.image().is_some_and(|image| image.height.min(image.width) >= LARGE)
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

    fn settled(config: &RunConfig, count: usize, side: usize, channels: usize) -> RunConfig {
        let shape = InputShape::from(vec![side, side, channels]);
        config.clone().for_images(&Images { count, shape: &shape, has_validation: false })
    }

    /// Images for validation that a dataset brings are not put aside for others.
    #[test]
    fn validation_images_of_the_dataset_are_enough() {
        let config = Overrides::default().resolve(Some(Preset::Best)).unwrap();
        let shape = InputShape::from(vec![32, 32, 3]);
        let held_out = |has_validation| {
            let images = Images { count: 50_000, shape: &shape, has_validation };
            config.clone().for_images(&images).data.validation
        };
        assert_eq!([false, true].map(held_out), [2000, 0]);
    }

    #[test]
    fn large_pictures_are_cut_small_ones_shifted() {
        let config = Overrides::default().resolve(Some(Preset::Best)).unwrap();
        let of = |side| {
            let data = settled(&config, 1000, side, 3).data;
            (data.crop_padding, data.crop_scale)
        };
        assert_eq!(of(32), (Some(2), Some(0.0)));
        assert_eq!(of(64), (Some(0), Some(0.35)));
        let width = |channels| settled(&config, 1000, 28, channels).block.get::<usize>("width");
        assert_eq!([1, 3].map(width), [Some(128), Some(256)]);
        let paper = Overrides::default().with("block", "paper").resolve(Some(Preset::Best)).unwrap();
        assert_eq!(settled(&paper, 1000, 32, 3).block.get::<usize>("width"), None);
        // Not where it is said otherwise.
        let said = Overrides::default().with("crop-padding", 5).resolve(Some(Preset::Best)).unwrap();
        assert_eq!(settled(&said, 1000, 64, 3).data.crop_padding, Some(5));
    }

    #[test]
    fn what_is_said_is_not_open() {
        let said = Overrides::default().with("epochs", 3).with("validation", 0);
        let config = said.resolve(Some(Preset::Best)).unwrap();
        let written = config.to_toml();
        assert!(!written.contains("batch-size") && written.contains("epochs = 3"), "{written}");
        let decided = settled(&config, 5_000, 32, 3);
        assert_eq!(
            (decided.training.epochs, decided.training.batch_size, decided.data.validation),
            (3, 64, 0)
        );
        // What was open is open where it is read again.
        let again = Overrides::from_text(&written).unwrap().resolve(Some(Preset::Best)).unwrap();
        assert_eq!(settled(&again, 5_000, 32, 3), decided);
        assert_eq!(settled(&decided, 50_000, 64, 3), decided);
    }
}
