#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod augment;
mod brightness;
mod cifar;
mod class_names;
mod content;
mod dataset;
mod decoding;
mod digits;
mod error;
mod examples;
pub mod files;
#[cfg(feature = "pictures")]
mod folder;
mod gunzip;
mod idx;
#[cfg(feature = "pictures")]
mod image_file;
mod load;
mod mat;
mod mnist;
mod name;
mod near_name;
#[cfg(not(feature = "pictures"))]
mod no_pictures;
mod noise;
mod normalise;
mod note;
mod npz;
mod opened;
mod options;
mod order;
#[cfg(feature = "pictures")]
mod picture;
mod plain_file;
mod shape;
mod source;
mod split;
mod stratify;
mod svhn;
#[cfg(test)]
mod test_data;
#[cfg(feature = "pictures")]
mod tiny_imagenet;
mod watcher;

pub use augment::{Augmentation, Augmented, Edges};
pub use brightness::Brightness;
pub use dataset::Dataset;
pub use decoding::is_decoding;
pub use error::{DataError, ShareFault};
pub use examples::Examples;
#[cfg(feature = "pictures")]
pub use folder::{PicturesBelow, pictures_below};
#[cfg(feature = "pictures")]
pub use image_file::ImageFile;
pub use load::load;
pub use name::{DatasetName, DatasetNameError};
pub use normalise::Normalisation;
pub use note::{FileKind, LeftOutReason, Note};
pub use opened::{Opened, load_from, load_test, open};
pub use options::{Channels, LoadOptions};
pub use order::{batches, epoch_order};
#[cfg(feature = "pictures")]
pub use picture::{decode_picture, read_picture};
pub use shape::{ImageShape, InputShape};
pub use source::DatasetSource;
pub use split::Split;
pub use watcher::Watcher;

#[cfg(not(feature = "pictures"))]
use no_pictures::{folder, tiny_imagenet};
