//! The command line.

use crate::error::ServeError;
use clap::{CommandFactory, Parser, ValueHint};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where runs are when nobody says.
const RUNS: &str = "runs";

/// Shows what a trained network makes of a picture, block by block, and how runs go: a web page and an HTTP API
#[derive(Debug, Clone, Parser)]
#[command(name = "nopropdt-serve", version)]
pub struct Options {
    /// Model file to ask, such as runs/mnist-dt/model.safetensors; without one, the runs' own models are asked
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub model: Option<PathBuf>,
    /// Folder of runs, or of folders of runs [default: runs, if there is such a folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub runs: Option<PathBuf>,
    /// Port to listen on; 0 takes any free one
    #[arg(long, value_name = "P", default_value_t = 8080)]
    pub port: u16,
    /// Address to listen on; any other than a loopback one opens the server to the network
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Further name that requests may be addressed to (the Host header), such as that of this machine or of a proxy
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// Folder of datasets, for the wrong answers of a run [default: as nopropdt-train has it]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
    /// Threads that compute answers [default: as many as this process may use]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Requests that may wait for an answer; further ones are told 503
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub queue: u16,
}

/// Shows what a trained network makes of a picture, block by block, and how runs go: a web page and an HTTP API
#[derive(Debug, Clone, Parser)]
#[command(name = "nopropdt-serve", version)]
pub struct CommandLine {
    /// What is served, and where.
    #[command(flatten)]
    pub options: Options,
    /// Print what this shell needs to complete the flags, and serve nothing
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub completions: Option<Shell>,
    /// Print the manual page, in roff, and serve nothing
    #[arg(long, exclusive = true)]
    pub man: bool,
}

impl CommandLine {
    /// What is to be printed instead of serving: completions or the manual page.
    ///
    /// # Errors
    /// None in practice: the page is written to memory.
    pub fn text(&self) -> io::Result<Option<Vec<u8>>> {
        let (mut command, mut text) = (Self::command(), Vec::new());
        match self.completions {
            Some(shell) => generate(shell, &mut command, "nopropdt-serve", &mut text),
            None if self.man => Man::new(command).render(&mut text)?,
            None => return Ok(None),
        }
        Ok(Some(text))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::parse_from(["nopropdt-serve"])
    }
}

impl Options {
    /// The folder of runs, which is there.
    pub(crate) fn runs_folder(&self) -> Result<Option<PathBuf>, ServeError> {
        match &self.runs {
            Some(runs) if runs.is_dir() => Ok(Some(runs.clone())),
            Some(runs) => {
                Err(ServeError::Usage(format!("--runs {}: there is no such folder", runs.display())))
            }
            None => Ok(Some(PathBuf::from(RUNS)).filter(|runs| runs.is_dir())),
        }
    }

    /// The model file, which is there.
    pub(crate) fn model_file(&self) -> Result<Option<PathBuf>, ServeError> {
        match &self.model {
            Some(model) if !model.is_file() => {
                let what =
                    if model.exists() { "must be a file; it is none" } else { "there is no such file" };
                Err(ServeError::Usage(format!("--model {}: {what}", model.display())))
            }
            model => Ok(model.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_tells_of_every_flag() {
        CommandLine::command().debug_assert();
        let told = |arguments: &[&str]| {
            let arguments = ["nopropdt-serve"].iter().chain(arguments);
            let text = CommandLine::try_parse_from(arguments).unwrap().text().unwrap();
            text.map(|text| String::from_utf8(text).unwrap().replace("\\-", "-"))
        };
        assert_eq!(told(&["--port", "0"]), None);
        let arguments: Vec<clap::Arg> = Options::command().get_arguments().cloned().collect();
        for text in [told(&["--completions", "bash"]), told(&["--completions", "zsh"]), told(&["--man"])] {
            let text = text.unwrap();
            for flag in arguments.iter().filter_map(clap::Arg::get_long) {
                assert!(text.contains(&format!("--{flag}")), "{flag} in {text}");
            }
        }
        let error = CommandLine::try_parse_from(["nopropdt-serve", "--man", "--port", "0"]).unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
    }
}
