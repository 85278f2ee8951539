//! A trained run, and servers of it.

use nopropdt_serve::{Limits, Options, Server};
use nopropdt_train::config::Overrides;
use nopropdt_train::registry::Registry;
use nopropdt_train::run::{self, Silent};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::{JoinHandle, spawn};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Settings of a run of a few seconds that knows its digits.
pub fn small() -> Overrides {
    let settings = Overrides::default().with("steps", 3).with("epochs", 6).with("batch-size", 16);
    settings.with("lr", 0.002).with("dropout", 0.0)
}

/// A folder of runs with one that has ended, called `small`; trained once for all tests.
pub fn runs() -> &'static Path {
    static RUNS: OnceLock<TempDir> = OnceLock::new();
    RUNS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let config = small().resolve(None).unwrap();
        run::begin(config, Path::new("data"), &folder.path().join("small")).unwrap().train(&Silent).unwrap();
        folder
    })
    .path()
}

/// The model of that run.
pub fn model() -> PathBuf {
    runs().join("small/model.safetensors")
}

/// A server that runs until it is dropped.
pub struct Served {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Of the trained model and its runs.
    pub fn new() -> Self {
        Self::with(|options, _| {
            *options = Options { model: Some(model()), runs: Some(runs().to_owned()), ..options.clone() }
        })
    }

    /// As `change` has it, on a port of its own.
    pub fn with(change: impl FnOnce(&mut Options, &mut Limits)) -> Self {
        let mut options = Options { port: 0, threads: Some(2), ..Options::default() };
        let mut limits = Limits::default();
        change(&mut options, &mut limits);
        let server = Server::bind(Registry::builtin(), &options, limits).unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let thread = spawn(move || {
            let until = async move { drop(stopped.await) };
            server.run_until(until);
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("the server runs until it is told");
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A grey picture as PNG.
pub fn png(width: u32, height: u32, grey: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(grey).unwrap();
    file
}

/// Test digits: bytes [64] and label.
pub fn digits(count: usize) -> Vec<(Vec<u8>, usize)> {
    let test = nopropdt_data::load(nopropdt_data::DatasetName::Digits, Path::new("unused")).unwrap().test;
    (0..count).map(|index| (test.picture(index).unwrap().1, test.label(index))).collect()
}
