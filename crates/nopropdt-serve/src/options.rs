//! The command line.

use crate::error::ServeError;
use clap::Parser;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where runs are when nobody says.
const RUNS: &str = "runs";

/// Shows what a trained network makes of a picture, block by block, and how runs go: a web page and an HTTP API
#[derive(Debug, Clone, Parser)]
#[command(name = "nopropdt-serve", version)]
pub struct Options {
    /// Model file to ask, such as runs/mnist-dt/model.safetensors; without one, the runs' own models are asked
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Folder of runs, or of folders of runs [default: runs, if there is such a folder]
    #[arg(long, value_name = "DIR")]
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
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Threads that compute answers [default: as many as this process may use]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Requests that may wait for an answer; further ones are told 503
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub queue: u16,
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
