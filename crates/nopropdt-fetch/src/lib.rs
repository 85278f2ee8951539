#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod archive;
mod check;
mod contents;
mod dataset_folder;
mod disk;
mod download;
mod error;
mod event;
mod fetcher;
mod hash;
mod install;
mod local;
mod lock;
mod manifest;
mod mirrors;
mod options;
mod part;
mod place;
mod plan;
mod presence;
mod proxy;
mod record;
mod report;
mod space;
mod stamp;
mod unpacking;

pub use contents::Contents;
pub use error::FetchError;
pub use event::FetchEvent;
pub use fetcher::Fetcher;
pub use manifest::{Manifest, ManifestDataset, ManifestFile, Unpack};
pub use options::FetchOptions;
pub use plan::FetchPlan;
pub use report::FetchReport;

#[cfg(test)]
mod tests;
