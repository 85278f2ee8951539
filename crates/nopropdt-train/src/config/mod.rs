//! Run configuration, in two stages: [`Overrides`] as people write them (flags, presets, files: anything may be left
//! out) and [`RunConfig`], complete and checked.

mod error;
mod image_size;
mod kinds;
mod method;
mod overrides;
mod presets;
mod resolve;
mod run_config;
mod size;
mod smaller;
pub(crate) mod whole;

pub use error::ConfigError;
pub use image_size::ImageSize;
pub use kinds::{
    BlockKind, EmbeddingKind, HeadKind, LearningRateKind, MethodKind, Normalize, OptimizerKind, Order,
    PrecisionKind,
};
pub use overrides::Overrides;
#[cfg(feature = "cli")]
pub(crate) use overrides::named;
pub use presets::Preset;
pub use run_config::RunConfig;
pub use smaller::Smaller;

#[cfg(test)]
mod tests;
