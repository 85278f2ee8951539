#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod calibration;
pub mod checkpoint;
pub mod class_balance;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod commands;
pub mod config;
pub mod confusion;
mod csv;
pub mod data_folder;
pub mod diagnostics;
pub mod estimate;
pub mod evaluate;
pub mod evaluation;
pub mod experiments;
pub mod export;
pub mod files;
pub mod home;
pub mod image_hash;
pub mod images;
pub mod import;
pub mod machine;
pub mod memory;
pub mod memory_limit;
pub mod metrics;
mod metrics_csv;
pub mod metrics_file;
pub mod model_file;
pub mod one_line;
pub mod per_class;
#[cfg(feature = "report")]
pub mod pixels;
pub mod predictor;
mod protobuf;
pub mod prototypes;
pub mod registry;
#[cfg(feature = "report")]
pub mod report;
pub mod run;
pub mod run_folder;
pub mod runs;
#[cfg(feature = "cli")]
pub mod signals;
pub mod statistics;
pub mod tensorboard;
pub mod trainer;
