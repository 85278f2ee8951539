mod archives;
mod folder;
mod hostile;
mod network;
mod planning;
mod server;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::dataset_folder::DatasetFolder;
use crate::hash::sha256_hex;
use crate::lock::lock;
use crate::record::Record;
use crate::{
    FetchError, FetchEvent, FetchOptions, FetchPlan, FetchReport, Fetcher, Manifest, ManifestDataset,
    ManifestFile, disk, install, space,
};

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// 300,000 bytes that don't compress, so that a transfer takes several chunks.
fn images() -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..300_000).map(|_| next()).collect()
}

fn labels() -> Vec<u8> {
    vec![7; 1000]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The manifest entry of a dataset of one file, or of two, under MNIST's name.
fn entry(files: &[(&str, Vec<u8>)], mirrors: &[String]) -> ManifestDataset {
    let mut text = format!(
        "[[dataset]]\nname = \"mnist\"\ntitle = \"t\"\nhomepage = \"h\"\nlicence = \"l\"\ncredit = \"c\"\nmirrors = {mirrors:?}\n"
    );
    for (name, content) in files {
        let (bytes, sha256) = (content.len(), sha256_hex(content));
        text += &format!("[[dataset.file]]\nname = \"{name}\"\nbytes = {bytes}\nsha256 = \"{sha256}\"\n");
    }
    Manifest::parse(&text).unwrap().dataset("mnist").unwrap().clone()
}

/// A data folder, and options that fetch into it without waiting.
fn fresh() -> (TempDir, FetchOptions) {
    let data = TempDir::new().unwrap();
    let options = FetchOptions {
        // One after the other, so that tests can tell the order of requests.
        parallel: 1,
        attempts: 3,
        back_off: Duration::from_millis(1),
        stall_timeout: Duration::from_secs(5),
        environment_proxy: false,
        ..FetchOptions::new(data.path())
    };
    (data, options)
}

/// Fetches, and returns the result with the events in short form.
fn fetch(options: &FetchOptions, entry: &ManifestDataset) -> (Result<FetchReport, FetchError>, Vec<String>) {
    let mut events = Vec::new();
    let result = Fetcher::new(options.clone()).fetch(entry, &mut |event| match event {
        FetchEvent::Started { done, .. } => events.push(format!("start at {done}")),
        FetchEvent::Received { .. } => {}
        FetchEvent::Retrying { error, .. } => events.push(format!("again: {error}")),
        FetchEvent::MirrorFailed { error, .. } => events.push(format!("next: {error}")),
        FetchEvent::Waiting { .. } => events.push("waiting".to_owned()),
        FetchEvent::Unknown { file } => events.push(format!("unknown: {file}")),
        FetchEvent::SetAside { to, .. } => events.push(format!("aside: {}", to.display())),
        FetchEvent::Unpacking { file } => events.push(format!("unpack: {file}")),
        FetchEvent::LocalFailed { error, .. } => events.push(format!("not local: {error}")),
        FetchEvent::Finished { file } => events.push(format!("done: {file}")),
    });
    (result, events)
}

/// Names in the dataset's folder, sorted, without the lock and the record.
fn names(data: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(data.path().join("mnist"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".fetch-lock" && name != "fetched.toml")
        .collect();
    names.sort();
    names
}

fn content(data: &TempDir, name: &str) -> Vec<u8> {
    fs::read(data.path().join("mnist").join(name)).unwrap()
}
