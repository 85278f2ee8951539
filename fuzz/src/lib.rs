//! What the targets share: a folder in memory to put files in, since the readers read files; a network to ask.

#![forbid(unsafe_code)]

use nopropdt_data::{ImageShape, is_decoding};
use nopropdt_train::config::Overrides;
use nopropdt_train::model_file::{Model, ModelMetadata};
use nopropdt_train::predictor::Predictor;
use std::fs;
use std::io::{Cursor, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A folder that belongs to this process; in memory where the system has such a place.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        made.expect("there is room for a folder")
    });
    made.path()
}

/// Writes a file below the folder, with the folders it lies in.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    let parent = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(parent).expect("there is room for a folder");
    fs::write(&path, bytes).expect("there is room for a file");
    path
}

/// The arrays of a NumPy file, those that must be there first.
const ARRAYS: [&str; 6] =
    ["train_images", "train_labels", "test_images", "test_labels", "val_images", "val_labels"];

/// A NumPy file of these arrays, which it may have too few of.
pub fn packed<'a>(arrays: impl Iterator<Item = &'a [u8]>, deflated: bool) -> Vec<u8> {
    let method = if deflated { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in ARRAYS.into_iter().zip(arrays) {
        zip.start_file(format!("{name}.npy"), options).expect("names are short");
        zip.write_all(array).expect("memory does not fail");
    }
    zip.finish().expect("memory does not fail").into_inner()
}

/// Lets the panics of picture decoders pass, which are caught and told as errors: the fuzzer's hook ends the process at any.
pub fn let_decoders_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let end = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !is_decoding() {
                end(panic);
            }
        }));
    });
}

/// A network of one block on images of 8×8, with fresh weights, that a server asks.
pub fn predictor() -> &'static Predictor {
    static PREDICTOR: OnceLock<Predictor> = OnceLock::new();
    PREDICTOR.get_or_init(|| {
        let config = Overrides::default().with("steps", 1).resolve(None).expect("these are right");
        let network = config.network(&[8, 8, 1], 10).expect("these are right");
        let weights = network.init(1);
        let names: Vec<String> = (0..10).map(|class| class.to_string()).collect();
        let shape = ImageShape { height: 8, width: 8, channels: 1 };
        let metadata = ModelMetadata::new(&config, shape, network.alpha_bar(&weights), &names);
        Predictor::from_model(Model { metadata, network, weights }).expect("its parts are of one network")
    })
}

/// Asserts that an error is one line for people.
pub fn assert_one_line(error: impl ToString) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
}
