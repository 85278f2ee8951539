//! Checkpoints: the bytes as a file, and as the payload of a file whose header is right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_fuzz::assert_one_line;
use nopropdt_train::checkpoint::Checkpoint;
use sha2::{Digest, Sha256};
use std::path::Path;

fn read(bytes: &[u8]) {
    match Checkpoint::from_bytes(bytes) {
        Ok(checkpoint) => drop(checkpoint.epochs(Path::new("checkpoint.bin")).map_err(assert_one_line)),
        Err(error) => assert_one_line(error),
    }
}

fuzz_target!(|data: &[u8]| {
    read(data);
    for version in [2u32, 3] {
        let mut file = b"NPDTCKPT".to_vec();
        file.extend_from_slice(&version.to_le_bytes());
        file.extend_from_slice(&(data.len() as u64).to_le_bytes());
        file.extend_from_slice(&Sha256::digest(data));
        file.extend_from_slice(data);
        read(&file);
    }
});
