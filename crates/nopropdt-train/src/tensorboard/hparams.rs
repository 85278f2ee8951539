//! What TensorBoard's plugin for hyper-parameters reads: the settings of a run, and which numbers it is compared by.

use super::events::{accuracy_tag, of_plugin};
use crate::config::known::{all_settings, setting_name};
use crate::config::setting::Kind;
use crate::config::{RunConfig, Value};
use crate::protobuf::Message;
use std::collections::BTreeSet;

const PLUGIN: &str = "hparams";
/// Version of the plugin's data.
const VERSION: i64 = 0;
/// Types of settings.
const TEXT: i64 = 1;
const SWITCH: i64 = 2;
const NUMBER: i64 = 3;
/// The state of a session that ended well.
const SUCCESS: i64 = 1;
/// Whole numbers up to here are numbers of a double.
const EXACT: i128 = 1 << f64::MANTISSA_DIGITS;
/// Accuracies that runs are compared by.
const COMPARED: [&str; 5] = [
    "answer_accuracy",
    "test_accuracy",
    "test_accuracy_consensus",
    "validation_accuracy",
    "validation_accuracy_consensus",
];

/// Which settings there are and by what runs are compared. TensorBoard takes that of one run for all runs that it shows, so it has the settings
/// of other methods and blocks too.
pub(super) fn experiment(config: &RunConfig) -> Message {
    let own = config.named_settings().into_iter().map(|(name, value)| (name, Known::of(&value).kind()));
    let flags = all_settings().into_iter().map(|setting| {
        let kind = match setting.kind {
            Kind::Whole(_) | Kind::Number => NUMBER,
            Kind::Switch => SWITCH,
            Kind::Text(_) | Kind::Name(..) => TEXT,
        };
        (setting.flag.to_owned(), kind)
    });
    let known = own.chain(flags).chain(of_components(config));
    let mut named = BTreeSet::new();
    let settings = known.filter(|(name, _)| named.insert(name.clone()));
    let metric = |key: &str| {
        let name = Message::new().text(2, &accuracy_tag(key));
        Message::new().message(1, &name).text(3, &key.replace('_', " "))
    };
    let experiment = Message::new()
        .all(settings, |all, (name, kind)| all.message(4, &Message::new().text(1, &name).int(4, kind)))
        .all(COMPARED, |all, key| all.message(5, &metric(key)));
    value("experiment", 2, &experiment)
}

/// The settings of every method and block, and their types.
fn of_components(config: &RunConfig) -> impl Iterator<Item = (String, i64)> {
    let registry = &config.registry;
    let methods = registry.named("method").into_iter();
    let methods =
        methods.filter_map(|(name, _)| Some(("method", registry.method_entry(name).ok()?.defaults())));
    let blocks = registry.block_names();
    let blocks = blocks.filter_map(|name| Some(("block", registry.block_entry(name).ok()?.defaults())));
    methods.chain(blocks).flat_map(|(section, settings)| {
        settings.iter().map(move |(key, value)| (setting_name(section, key), Known::of(value).kind()))
    })
}

/// The settings of the run, which began at `time`.
pub(super) fn start(config: &RunConfig, time: f64) -> Message {
    let entry = |(name, value): &(String, Value)| {
        Message::new().text(1, name).message(2, &Known::of(value).message())
    };
    let settings = config.named_settings();
    let session = Message::new().all(&settings, |all, setting| all.message(1, &entry(setting)));
    value("session_start_info", 3, &session.double(5, time))
}

/// The run ended well at `time`.
pub(super) fn end(time: f64) -> Message {
    value("session_end_info", 4, &Message::new().int(1, SUCCESS).double(2, time))
}

fn value(name: &str, field: u64, data: &Message) -> Message {
    of_plugin(&format!("_hparams_/{name}"), PLUGIN, Message::new().int(1, VERSION).message(field, data))
}

/// A value in the terms of the plugin (`google.protobuf.Value`).
enum Known {
    Number(f64),
    Text(String),
    Switch(bool),
}

impl Known {
    fn of(value: &Value) -> Self {
        match value {
            Value::Switch(switch) => Self::Switch(*switch),
            Value::Number(number) => Self::Number(*number),
            Value::Whole(whole) if whole.abs() <= EXACT => Self::Number(*whole as f64),
            other => Self::Text(other.plain()),
        }
    }

    fn kind(&self) -> i64 {
        match self {
            Self::Number(_) => NUMBER,
            Self::Text(_) => TEXT,
            Self::Switch(_) => SWITCH,
        }
    }

    fn message(&self) -> Message {
        match self {
            Self::Number(number) => Message::new().double(2, *number),
            Self::Text(text) => Message::new().text(3, text),
            Self::Switch(switch) => Message::new().int(4, i64::from(*switch)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_were() {
        let message = |value: Value| Known::of(&value).message();
        assert_eq!(message(Value::Switch(true)), Message::new().int(4, 1));
        assert_eq!(message(Value::Whole(7)), Message::new().double(2, 7.0));
        assert_eq!(message(Value::Number(0.5)), Message::new().double(2, 0.5));
        assert_eq!(message(Value::Text("a".into())), Message::new().text(3, "a"));
        let list = Value::List(vec![Value::Whole(1), Value::Whole(2)]);
        assert_eq!(message(list), Message::new().text(3, "[1, 2]"));
        // As a number it would be another one.
        let seed = Value::Whole(u64::MAX.into());
        assert_eq!(message(seed), Message::new().text(3, "18446744073709551615"));
    }
}
