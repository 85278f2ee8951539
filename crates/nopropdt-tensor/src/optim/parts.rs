//! What of a flat buffer of parameters is treated alike.

use crate::parameters::{Layout, Parameters};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which parameters weight decay is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decayed {
    /// All.
    #[default]
    All,
    /// Tensors of two axes or more: the kernels of convolutions and linear layers, not biases and the scales of norms.
    Matrices,
}

/// A stretch of parameters under one rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) range: Range<usize>,
    /// Rows and columns, as stored, where a rule takes the stretch as a matrix.
    pub(super) matrix: Option<[usize; 2]>,
    pub(super) decays: bool,
}

impl Part {
    /// All of `length` parameters, which decay.
    pub(super) fn whole(length: usize) -> Self {
        Self { range: 0..length, matrix: None, decays: true }
    }
}

/// The parts of a set, for a rule that takes matrices by themselves or does not.
pub(super) fn parts(set: &Parameters, decayed: Decayed, by_matrix: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (range, entry) in set.ranges().zip(set.entries()) {
        let is_matrix = entry.shape.len() >= 2 && !range.is_empty();
        // A convolution is stored with its outputs last, all else with its first axis first.
        let outputs = entry.shape.first().copied().unwrap_or(1).max(1);
        let sides = match entry.layout {
            Layout::Convolution => [range.len() / outputs, outputs],
            _ => [outputs, range.len() / outputs],
        };
        let matrix = (by_matrix && is_matrix).then_some(sides);
        let decays = decayed == Decayed::All || is_matrix;
        match parts.last_mut() {
            Some(last) if matrix.is_none() && last.matrix.is_none() && last.decays == decays => {
                last.range.end = range.end;
            }
            _ => parts.push(Part { range, matrix, decays }),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParameterBuilder;
    use crate::layers::{BatchNorm, Conv3x3, Linear};
    use crate::random::Stream;

    fn set() -> Parameters {
        let mut builder = ParameterBuilder::new(Stream::new(0));
        Conv3x3::new(&mut builder, "conv", 2, 3);
        BatchNorm::new(&mut builder, "bn", 3);
        Linear::new(&mut builder, "fc", 3, 4);
        builder.build()
    }

    #[test]
    fn one_rule_for_all_is_one_part() {
        assert_eq!(parts(&set(), Decayed::All, false), [Part::whole(set().len())]);
    }

    #[test]
    fn vectors_stand_together_and_matrices_alone() {
        let part = |range, matrix, decays| Part { range, matrix, decays };
        assert_eq!(
            parts(&set(), Decayed::Matrices, true),
            [
                part(0..54, Some([18, 3]), true),
                part(54..63, None, false),
                part(63..75, Some([4, 3]), true),
                part(75..79, None, false),
            ]
        );
        let decays: Vec<bool> =
            parts(&set(), Decayed::Matrices, false).iter().map(|part| part.decays).collect();
        assert_eq!(decays, [true, false, true, false]);
    }
}
