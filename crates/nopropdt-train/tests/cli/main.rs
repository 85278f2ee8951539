//! The built program from end to end: each test has a folder of its own and runs commands in it.

mod bad_data;
mod bad_folders;
mod bad_models;
mod bad_settings;
mod completions;
mod data_folder;
mod determinism;
mod diverging;
mod eval;
mod export;
#[cfg(feature = "fetch")]
mod fetch;
mod folder;
mod folder_notes;
mod harness;
mod idx;
mod info;
mod init_from;
mod learning;
mod methods;
#[cfg(not(feature = "fetch"))]
mod no_fetch;
mod npz;
mod output;
mod predict;
mod report;
mod resume;
mod run_files;
mod runs;
#[cfg(unix)]
mod stopping;
#[cfg(unix)]
mod sweep;
mod tracking;
