//! How kernels and images lie in memory for the tile.

use crate::bf16::{Pair, as_pairs_mut};
use crate::buffer::Scratch;
use crate::conv3x3::shape::TAPS;
use crate::precision::Precision;
use crate::simd::Simd;
use crate::tile::{padded, panel};

/// Numbers of a band of pre-activations: 16 KiB, a third of the L1 cache.
pub(super) const BAND: usize = 4096;
/// A 4 KiB page in numbers: what lies that far apart falls into the same sets of the L1 cache, and a load there seems to depend on a
/// store here.
pub(super) const PAGE: usize = 1024;

/// A kernel [9, channels, outputs] as panels [outputs / PANEL][9 · padded_channels][PANEL], zero where there is no channel; in bf16
/// a pair of channels is a step.
pub(super) fn panels<S: Simd>(
    weight: &[f32],
    channels: usize,
    padded_channels: usize,
    outputs: usize,
    precision: Precision,
) -> Scratch {
    let width = panel::<S>();
    let steps = words(padded_channels, precision);
    let mut packed = Scratch::zeros(TAPS * steps * padded::<S>(outputs));
    for (index, target) in packed.chunks_exact_mut(TAPS * steps * width).enumerate() {
        let columns = index * width..((index + 1) * width).min(outputs);
        let taps = target.chunks_exact_mut(steps * width).zip(weight.chunks_exact(channels * outputs));
        for (target, source) in taps {
            match precision {
                Precision::F32 => {
                    let rows = target.chunks_exact_mut(width).zip(source.chunks_exact(outputs));
                    rows.for_each(|(to, from)| to[..columns.len()].copy_from_slice(&from[columns.clone()]));
                }
                Precision::Bf16 => {
                    let rows = as_pairs_mut(target).chunks_exact_mut(width).zip(source.chunks(2 * outputs));
                    for (to, from) in rows {
                        let second = |column: usize| from.get(outputs + column).copied().unwrap_or(0.0);
                        let pairs = columns.clone().map(|column| Pair::round(from[column], second(column)));
                        to.iter_mut().zip(pairs).for_each(|(to, pair)| *to = pair);
                    }
                }
            }
        }
    }
    packed
}

/// Words that the channels of a pixel fill.
pub(super) fn words(channels: usize, precision: Precision) -> usize {
    match precision {
        Precision::F32 => channels,
        Precision::Bf16 => channels.div_ceil(2),
    }
}
