#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod augment;
mod cifar;
mod class_names;
mod content;
mod dataset;
mod digits;
mod error;
pub mod files;
mod folder;
mod gunzip;
mod idx;
mod image_set;
mod mat;
mod mnist;
mod name;
mod near_name;
mod noise;
mod normalise;
mod note;
mod opened;
mod order;
mod plain_file;
mod shape;
mod source;
mod split;
mod stratify;
mod svhn;
mod tiny_imagenet;

pub use augment::{Augmentation, Augmented};
pub use dataset::{Dataset, load};
pub use error::DataError;
pub use folder::is_decoding;
pub use image_set::ImageSet;
pub use name::DatasetName;
pub use normalise::Normalisation;
pub use note::{FileKind, LeftOutReason, Note};
pub use opened::{Opened, load_from, load_test, open};
pub use order::{batches, epoch_order};
pub use shape::ImageShape;
pub use source::{Channels, DatasetSource, LoadOptions};
pub use split::Split;
