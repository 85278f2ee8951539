//! The library without the program: these tests hold whatever features are chosen.

mod run;
