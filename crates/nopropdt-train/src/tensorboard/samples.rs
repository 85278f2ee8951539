//! A few training images as the network sees them in its first epoch.

use crate::pixels::Pixels;
use crate::protobuf::Message;
use crate::run::Run;
use nopropdt_data::{Examples, epoch_order};

/// How many.
const SAMPLES: usize = 8;
/// Colours of a picture, by its channels.
const GREY: usize = 1;
const COLOUR: usize = 3;

/// The first images of the first epoch's order, changed as augmentation changes them there; none of inputs that are no pictures.
///
/// # Errors
/// What a picture can't be.
pub(super) fn samples(run: &Run) -> Result<Vec<Message>, String> {
    let (config, dataset) = (run.config(), run.dataset());
    let Some(shape) = dataset.shape().image().filter(|shape| [GREY, COLOUR].contains(&shape.channels)) else {
        return Ok(Vec::new());
    };
    let (train, seed) = (&dataset.train, config.training.seed);
    let seen = config.data.augmentation().of(train, seed, 0);
    let order = epoch_order(train.len(), seed, 0);
    let sample = |(&index, number): (&u32, usize)| {
        let (index, mut values) = (index as usize, vec![0.0; shape.len()]);
        seen.fill(index, &mut values);
        let picture = Pixels::seen(shape, &values, train.normalisation()).png()?;
        let image = Message::new()
            .int(1, shape.height as i64)
            .int(2, shape.width as i64)
            .int(3, shape.channels as i64)
            .bytes(4, &picture);
        let class = dataset.class_names.get(train.label(index)).map_or("", String::as_str);
        // A slash would begin a group of its own.
        let tag = format!("training_images/{number} {}", class.replace('/', "_"));
        Ok(Message::new().text(1, &tag).message(4, &image))
    };
    order.iter().take(SAMPLES).zip(1..).map(sample).collect()
}
