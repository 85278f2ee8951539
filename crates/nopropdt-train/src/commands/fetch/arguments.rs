//! The arguments of `fetch`.

use crate::commands::paths::{DATA_DIR_HELP, typed_path};
use crate::config::offering;
use crate::home::at_home;
use clap::Args;
use clap::builder::TypedValueParser;
use nopropdt_data::DatasetName;
use nopropdt_fetch::Manifest;
use std::path::{Path, PathBuf};

/// Stands for every dataset.
pub(super) const ALL: &str = "all";
/// Stands for the table of datasets.
pub(super) const LIST: &str = "list";

/// Arguments of `fetch`.
#[derive(Debug, Args)]
pub struct FetchArguments {
    /// Datasets to fetch; `all` for every one, `list` for a table of them
    #[arg(value_name = "NAME", default_value = "mnist", value_parser = names(), hide_possible_values = true)]
    pub names: Vec<String>,
    /// Take the files from this folder, plain or as they are sent, instead of the network
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    pub from: Option<PathBuf>,
    /// Download from URL/FILE instead of the manifest's mirrors
    #[arg(long, value_name = "URL", conflicts_with = "from", value_parser = http_address)]
    pub mirror: Option<String>,
    /// Where datasets are
    #[arg(long, help = DATA_DIR_HELP, value_parser = typed_path(), value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Parses a name; shells complete every dataset's.
fn names() -> impl TypedValueParser<Value = String> {
    let datasets = DatasetName::ALL.into_iter().filter(|name| *name != DatasetName::Digits);
    let datasets = datasets.filter(|name| name.files() == name.as_str()).map(|name| (name.as_str(), ""));
    offering(datasets.chain([(ALL, "every one"), (LIST, "a table of them")]).collect(), known_name)
}

/// The manifest's name of what was typed.
fn known_name(text: &str) -> Result<String, String> {
    let manifest = Manifest::embedded().map_err(|error| error.to_string())?;
    let name = text.parse::<DatasetName>().map_or(text, |name| name.files());
    if [ALL, LIST].contains(&name) || manifest.dataset(name).is_some() {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = manifest.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    Err(format!("must be one of {}, {ALL}, {LIST}", names.join(", ")))
}

fn existing_folder(text: &str) -> Result<PathBuf, String> {
    let path = at_home(Path::new(text));
    if path.is_dir() { Ok(path) } else { Err("there must be such a folder".to_owned()) }
}

fn http_address(text: &str) -> Result<String, String> {
    if text.starts_with("http://") || text.starts_with("https://") {
        Ok(text.to_owned())
    } else {
        Err("address must start with http:// or https://".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: FetchArguments,
    }

    fn parse(arguments: &[&str]) -> Result<FetchArguments, String> {
        Line::try_parse_from([&["fetch"], arguments].concat())
            .map(|line| line.arguments)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_name_it_is_mnist() {
        assert_eq!(parse(&[]).unwrap().names, ["mnist"]);
        assert_eq!(
            parse(&["digits", "cifar100-coarse", "all"]).unwrap().names,
            ["digits", "cifar100", "all"]
        );
    }

    #[test]
    fn wrong_use_says_what_is_right() {
        let message = parse(&["cats"]).unwrap_err();
        assert!(
            message.contains("must be one of digits, mnist, fashion-mnist, ")
                && message.contains(", all, list")
        );
        assert!(parse(&["--from", "/no/such/folder"]).unwrap_err().contains("there must be such a folder"));
        assert!(parse(&["--mirror", "host/mnist"]).unwrap_err().contains("http:// or https://"));
        assert!(
            parse(&["--mirror", "http://host", "--from", "."]).unwrap_err().contains("cannot be used with")
        );
    }
}
