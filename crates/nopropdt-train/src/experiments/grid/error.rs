//! What is wrong with a grid.

use crate::one_line::one_line;

/// What is wrong with a grid, in one line: the file and the line where they are known, and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{}", told(file), at(line), one_line(problem))]
pub struct GridError {
    /// The file; none of a text.
    pub file: Option<String>,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The rule, and what was found.
    pub problem: String,
}

fn told(file: &Option<String>) -> String {
    file.as_ref().map_or_else(String::new, |file| format!("{file}: "))
}

fn at(line: &Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}

/// What is wrong, and where in the text.
#[derive(Debug)]
pub(super) struct Mistake {
    /// In bytes.
    pub(super) place: Option<usize>,
    pub(super) problem: String,
}

impl Mistake {
    pub(super) fn at(place: usize, problem: impl Into<String>) -> Self {
        Self { place: Some(place), problem: problem.into() }
    }

    pub(super) fn in_text(self, text: &str) -> GridError {
        let line = |place: usize| text[..place.min(text.len())].matches('\n').count() + 1;
        GridError { file: None, line: self.place.map(line), problem: self.problem }
    }
}
