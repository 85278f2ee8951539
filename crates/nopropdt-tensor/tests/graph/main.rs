//! What tapes write down of themselves means what they compute, for any number of rows.

mod evaluate;
mod operations;
mod refusals;
