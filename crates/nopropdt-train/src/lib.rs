#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod commands;
pub mod config;
pub mod data_folder;
pub mod evaluate;
pub mod files;
pub mod home;
pub mod image_hash;
pub mod memory;
pub mod memory_limit;
pub mod metrics;
pub mod model_file;
mod one_line;
pub mod prototypes;
pub mod report;
pub mod run_folder;
pub mod signals;
pub mod trainer;
