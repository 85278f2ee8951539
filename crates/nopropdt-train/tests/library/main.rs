//! The library without the program: these tests hold whatever features are chosen.

mod init_from;
mod judging;
mod old_models;
mod own_inputs;
mod predictor;
mod run;
mod within_epochs;
