//! Names of arms and cells, which are names of folders and files on every system.

use crate::config::known::setting_name;
use crate::config::{RunConfig, Value};

/// Longest name of a cell: its folder has files below it, and a path has an end.
pub(super) const LONGEST: usize = 120;

/// What an arm is called: its `[[arm]]`, and each varied setting with its value; without either its method.
pub(super) fn of_arm(bundle: Option<&str>, varied: &[(String, Value)], config: &RunConfig) -> String {
    let parts: Vec<String> = bundle
        .map(str::to_owned)
        .into_iter()
        .chain(varied.iter().map(|(setting, value)| part(setting, value, config)))
        .collect();
    if parts.is_empty() { plain(&config.method.name) } else { parts.join("-") }
}

/// `lr0.002` of a number; of a text the value alone, of a switch `flip` or `no-flip`.
fn part(setting: &str, value: &Value, config: &RunConfig) -> String {
    let (section, key) = setting.split_once('.').unwrap_or(("", setting));
    let name = setting_name(section, key);
    let name = plain(name.rsplit('.').next().unwrap_or(&name));
    match value {
        // A folder or file goes by its short name.
        Value::Text(_) if setting == "data.dataset" => plain(&config.data.dataset.short_name()),
        Value::Text(text) => plain(text),
        Value::Switch(true) => name,
        Value::Switch(false) => format!("no-{name}"),
        Value::List(values) => {
            let values: Vec<String> = values.iter().map(|value| plain(&value.plain())).collect();
            format!("{name}{}", values.join("x"))
        }
        // Digits, a point, a sign.
        Value::Whole(_) | Value::Number(_) => format!("{name}{value}"),
        Value::Table(_) => format!("{name}{}", plain(&value.to_string())),
    }
}

/// Only what every file system takes anywhere in a name, and no shell reads.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn names_are_made_of_what_varies() {
        let config =
            Overrides::default().with("dataset", "folder:some/where/my pictures").resolve(None).unwrap();
        let name = |bundle: Option<&str>, varied: &[(&str, Value)]| {
            let varied: Vec<_> =
                varied.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            of_arm(bundle, &varied, &config)
        };
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(name(None, &[]), "dt");
        assert_eq!(name(Some("a_b"), &[("training.lr", Value::Number(0.002))]), "a_b-lr0.002");
        let varied = [
            ("data.dataset", text("folder:some/where/my pictures")),
            ("embedding.kind", text("one-hot")),
            ("data.flip", Value::Switch(true)),
            ("data.flip", Value::Switch(false)),
            ("method.steps", Value::Whole(10)),
            ("block.channels", Value::List(vec![Value::Whole(8), Value::Whole(16)])),
            ("block.own-text", text("a/b c:d")),
        ];
        assert_eq!(name(None, &varied), "my-pictures-one-hot-flip-no-flip-steps10-channels8x16-a_b_c_d");
    }
}
