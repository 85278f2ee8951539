//! A small dataset in MNIST's format, whole or damaged.

use crate::harness::Sandbox;

const TRAIN: u32 = 40;
const TEST: u32 = 20;

/// Writes the four files to `data/mnist`.
pub fn write(sandbox: &Sandbox) {
    write_in(sandbox, "data");
}

/// Writes the four files to `mnist` in a folder of datasets.
pub fn write_in(sandbox: &Sandbox, data: &str) {
    for (prefix, count) in [("train", TRAIN), ("t10k", TEST)] {
        sandbox.write(&format!("{data}/mnist/{prefix}-images-idx3-ubyte"), images(count));
        sandbox.write(&format!("{data}/mnist/{prefix}-labels-idx1-ubyte"), labels(count));
    }
}

pub fn images(count: u32) -> Vec<u8> {
    let header = [0x0803, count, 28, 28].map(u32::to_be_bytes).concat();
    let pixels = (0..count * 28 * 28).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8);
    header.into_iter().chain(pixels).collect()
}

pub fn labels(count: u32) -> Vec<u8> {
    let header = [0x0801, count].map(u32::to_be_bytes).concat();
    header.into_iter().chain((0..count).map(|place| (place % 10) as u8)).collect()
}
