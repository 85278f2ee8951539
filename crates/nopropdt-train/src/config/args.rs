//! Settings on the command line.

use super::known::{SECTIONS, all_settings, find};
use super::overrides::Overrides;
use super::setting::{Kind, Setting};
use super::value::Value;
use crate::registry::Registry;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use std::ffi::OsStr;

/// The flag of settings that have none of their own.
const SET: &str = "set";

/// The flag of a dataset, which commands without settings take too.
const DATASET: &str = "dataset";

/// A setting as `--set` has it.
#[derive(Debug, Clone)]
struct Assignment {
    section: String,
    key: String,
    value: Value,
}

impl FromArgMatches for Overrides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut found = Self::default();
        found.update_from_arg_matches(matches)?;
        Ok(found)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for Assignment { section, key, value } in matches.get_many(SET).into_iter().flatten().cloned() {
            self.insert(&section, &key, value);
        }
        for setting in all_settings() {
            if let Some(value) = matches.get_one::<Value>(setting.flag) {
                self.insert(setting.section, &setting.key, value.clone());
            }
        }
        Ok(())
    }
}

impl Args for Overrides {
    fn augment_args(command: Command) -> Command {
        let registry = Registry::builtin();
        let command = command.args(all_settings().into_iter().map(|setting| argument(setting, &registry)));
        command.arg(set(&registry))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The same command with the names of `registry` in flags and help, if it takes settings.
pub(crate) fn with_registry(mut command: Command, registry: &Registry) -> Command {
    let takes = |command: &Command, id: &str| command.get_arguments().any(|argument| argument.get_id() == id);
    if takes(&command, SET) {
        for setting in all_settings() {
            command = command.mut_arg(setting.flag, |argument| named_by(argument, setting.clone(), registry));
        }
        command = command.mut_arg(SET, |argument| assigned_by(argument, registry));
    }
    if takes(&command, DATASET) && !takes(&command, SET) {
        let registry = registry.clone();
        command = command.mut_arg(DATASET, |argument| {
            let also = registry.also(DATASET);
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default() + &also;
            let parser = offering(registry.datasets(), move |text: &str| registry.dataset_source(text));
            argument.help(help).hide_possible_values(true).value_parser(parser)
        });
    }
    command.mut_subcommands(|command| with_registry(command, registry))
}

fn argument(setting: Setting, registry: &Registry) -> Arg {
    let argument = Arg::new(setting.flag)
        .long(setting.flag)
        .value_name(setting.value_name)
        .help_heading(setting.heading);
    let argument = match setting.alias {
        Some(alias) => argument.alias(alias),
        None => argument,
    };
    let argument = match setting.kind {
        Kind::Switch => argument.num_args(0..=1).default_missing_value("true"),
        _ => argument,
    };
    named_by(argument, setting, registry)
}

/// The flag of a setting with the names of `registry` in it.
fn named_by(argument: Arg, setting: Setting, registry: &Registry) -> Arg {
    let (help, registry) = (setting.help() + &registry.also(setting.flag), registry.clone());
    let names = setting.names(&registry);
    let parser = offering(names, move |text: &str| setting.parse(&registry, text));
    // Help names them in its own words.
    argument.help(help).hide_possible_values(true).value_parser(parser)
}

/// Parses as `parser` does, and says which names a shell can complete, each with a word about it or an empty text; others may be right, too.
pub(crate) fn offering<P: TypedValueParser>(
    names: Vec<(&'static str, &'static str)>,
    parser: P,
) -> impl TypedValueParser<Value = P::Value> {
    Offering { parser, names }
}

#[derive(Clone)]
struct Offering<P> {
    parser: P,
    names: Vec<(&'static str, &'static str)>,
}

impl<P: TypedValueParser> TypedValueParser for Offering<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        self.parser.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let possible = self.names.iter().map(|&(name, about)| match about {
            "" => PossibleValue::new(name),
            about => PossibleValue::new(name).help(about),
        });
        (!self.names.is_empty()).then(|| Box::new(possible) as Box<_>)
    }
}

fn set(registry: &Registry) -> Arg {
    let argument = Arg::new(SET)
        .long(SET)
        .value_name("SECTION.KEY=VALUE")
        .help_heading("Method")
        .action(ArgAction::Append)
        .help("Any setting of config.toml, such as block.hidden=128; counts as a flag, and may be given several times");
    assigned_by(argument, registry)
}

/// The flag of settings without one, whose names are those of `registry`.
fn assigned_by(argument: Arg, registry: &Registry) -> Arg {
    let registry = registry.clone();
    argument.value_parser(move |text: &str| assignment(&registry, text))
}

fn assignment(registry: &Registry, text: &str) -> Result<Assignment, String> {
    let wanted = || format!("must be SECTION.KEY=VALUE, with a section of {}", SECTIONS.join(", "));
    let (place, value) = text.split_once('=').ok_or_else(wanted)?;
    let (section, key) = place.trim().split_once('.').ok_or_else(wanted)?;
    if !SECTIONS.contains(&section) || key.is_empty() {
        return Err(wanted());
    }
    let value = match find(section, key) {
        Some(setting) => setting.parse(registry, value.trim())?,
        None => Value::typed(value.trim()),
    };
    Ok(Assignment { section: section.to_owned(), key: key.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is rebuilt for a registry stays where it was.
    #[test]
    fn help_has_the_order_of_the_settings() {
        let plain = Overrides::augment_args(Command::new("a"));
        let help = with_registry(plain, &Registry::builtin()).render_help().to_string();
        let places: Vec<usize> = all_settings()
            .iter()
            .filter(|setting| setting.heading == "Method")
            .map(|setting| help.find(&format!("      --{} ", setting.flag)).expect("every flag is in help"))
            .collect();
        assert!(places.is_sorted(), "{help}");
    }
}
