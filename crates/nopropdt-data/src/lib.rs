#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod dataset;
mod digits;
mod error;
pub mod fetch;
mod hash;
mod idx;
pub mod manifest;
mod mnist;
mod name;
mod order;
mod shape;
mod split;
mod stratify;

pub use dataset::{Dataset, load};
pub use error::DataError;
pub use fetch::{FetchEvent, FetchOptions, FetchReport, Fetcher};
pub use manifest::{Manifest, ManifestDataset, ManifestFile};
pub use name::DatasetName;
pub use order::{batches, epoch_order};
pub use shape::ImageShape;
pub use split::Split;
