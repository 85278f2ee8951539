//! The built program from end to end: each test has a folder of its own and runs commands in it.

mod bad_data;
mod bad_folders;
mod bad_models;
mod bad_settings;
mod determinism;
mod diverging;
mod eval;
mod folder;
mod folder_notes;
mod harness;
mod idx;
mod info;
mod learning;
mod methods;
mod output;
mod resume;
mod run_files;
#[cfg(unix)]
mod stopping;
