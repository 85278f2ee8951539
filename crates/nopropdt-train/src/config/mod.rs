//! Run configuration, in two stages: [`Overrides`] as people write them (flags, presets, files: anything may be left
//! out) and [`RunConfig`], complete and checked.

#[cfg(feature = "cli")]
mod args;
mod by_images;
mod component;
mod departures;
mod error;
pub(crate) mod fields;
mod image_size;
mod init_from;
mod kinds;
pub(crate) mod known;
mod meant;
mod overrides;
mod presets;
mod resolve;
mod run_config;
mod sections;
pub(crate) mod setting;
mod size;
mod smaller;
mod value;
pub(crate) mod whole;

#[cfg(feature = "cli")]
pub(crate) use args::{offering, with_registry};
pub use by_images::Images;
pub use component::Component;
pub use departures::Departure;
pub use error::ConfigError;
pub use image_size::ImageSize;
pub use init_from::InitFrom;
pub use kinds::{
    ClassWeights, EmbeddingKind, HeadKind, LearningRateKind, Normalize, OptimizerKind, Order, PrecisionKind,
};
pub use overrides::Overrides;
pub use presets::Preset;
pub use run_config::RunConfig;
pub use sections::{DataSettings, EmbeddingSettings, HeadSettings, TrainingSettings};
pub use smaller::Smaller;
pub use value::{Table, Value, ValueError};

#[cfg(test)]
mod tests;
