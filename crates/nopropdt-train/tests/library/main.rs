//! The library without the program: these tests hold whatever features are chosen.

mod init_from;
mod old_models;
mod predictor;
mod run;
