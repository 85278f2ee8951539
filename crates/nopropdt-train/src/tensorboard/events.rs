//! Events: what stands in the records of an event file (`tensorflow.Event`).

use crate::metrics::{EpochMetrics, Measured};
use crate::protobuf::Message;

/// What a file begins with: how its events are to be read.
const VERSION: &str = "brain.Event:2";
/// `DT_FLOAT` of a tensor.
const FLOAT: i64 = 1;

/// The first event of a file, written at `time`: seconds since 1970.
pub(super) fn version(time: f64) -> Message {
    Message::new().double(1, time).text(3, VERSION)
}

/// An event with these values, at a step.
pub(super) fn event(time: f64, step: usize, values: &[Message]) -> Message {
    let summary = Message::new().all(values, |summary, value| summary.message(1, value));
    Message::new().double(1, time).int(2, step as i64).message(5, &summary)
}

/// When an event was written; none of bytes that are no event of ours.
pub(super) fn time(event: &[u8]) -> Option<f64> {
    // Field 1, a double.
    let seconds = event.strip_prefix(&[0x09])?.first_chunk::<8>()?;
    Some(f64::from_le_bytes(*seconds)).filter(|seconds| seconds.is_finite())
}

/// What an epoch measured, each number with a tag of its own.
pub(super) fn epoch(metrics: &EpochMetrics) -> Vec<Message> {
    let mut values = Vec::new();
    let mut add = |tag: String, value: f64| values.push(Message::new().text(1, &tag).float(2, value as f32));
    for (key, measured) in metrics.measured() {
        match measured {
            // The step says the one, and the other is no number.
            Measured::Epoch(_) | Measured::Answer(_) => {}
            Measured::Number(value) => add(format!("training/{key}"), value),
            Measured::Fraction(share) => share.into_iter().for_each(|share| add(accuracy_tag(key), share)),
            Measured::Losses(of_blocks) | Measured::Readouts(of_blocks) => {
                for (index, &value) in of_blocks.iter().enumerate() {
                    add(format!("{key}/block_{}", index + 1), value);
                }
            }
            Measured::Parts(parts) => {
                let there = parts.into_iter().filter_map(|(part, value)| value.map(|value| (part, value)));
                there.for_each(|(part, value)| add(format!("{key}/{part}"), value));
            }
        }
    }
    values
}

/// The tag of an accuracy of the whole network.
pub(super) fn accuracy_tag(key: &str) -> String {
    format!("accuracy/{key}")
}

/// A value without numbers, which is there for what a plugin reads in its metadata.
pub(super) fn of_plugin(tag: &str, plugin: &str, content: Message) -> Message {
    let data = Message::new().text(1, plugin).message(2, &content);
    // An empty list of numbers.
    let shape = Message::new().message(2, &Message::new());
    let nothing = Message::new().int(1, FLOAT).message(2, &shape);
    Message::new().text(1, tag).message(8, &nothing).message(9, &Message::new().message(1, &data))
}
