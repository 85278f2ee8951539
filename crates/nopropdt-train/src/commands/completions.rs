//! `completions`: what a shell needs to complete the command line.

use super::{Cli, output};
use crate::registry::Registry;
use anyhow::Result;
use clap::{Args, Command, ValueHint};
use clap_complete::{Shell, generate};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments, registry: &Registry) -> Result<()> {
    let mut command = hinted(Cli::command_in(registry));
    let (name, mut script) = (command.get_name().to_owned(), Vec::new());
    generate(arguments.shell, &mut command, name.clone(), &mut script);
    let script = String::from_utf8_lossy(&script);
    output::print(&match arguments.shell {
        Shell::Bash => mended(&script, &name),
        _ => script.into_owned(),
    })
}

/// clap_complete 4.6 spells a program's name with a hyphen in two ways in the script of bash, so that no command's flags would be found.
fn mended(script: &str, name: &str) -> String {
    let spelled = |hyphen: &str| name.replace('-', hyphen) + "__subcmd__";
    script.replace(&spelled("__subcmd__"), &spelled("__"))
}

/// The same command, in which flags say whether their paths are of files or of folders: the name of the value tells.
fn hinted(command: Command) -> Command {
    let command = command.mut_args(|argument| {
        let hint = match argument.get_value_names().and_then(|names| names.first()).map(|name| name.as_str())
        {
            Some("DIR") => ValueHint::DirPath,
            Some("FILE") => ValueHint::FilePath,
            _ => return argument,
        };
        argument.value_hint(hint)
    });
    command.mut_subcommands(hinted)
}
