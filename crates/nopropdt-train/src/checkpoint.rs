//! Checkpoints: all that a run needs to go on as if it had never stopped.
//!
//! Layout: the magic `NPDTCKPT`, a u32 format version, the u64 length and the SHA-256 of the payload, the payload
//! (bincode 2, standard configuration). See docs/formats.md.

mod numbers;

use crate::files::{WriteError, create_file_with, replace_file_with};
use crate::metrics::EpochMetrics;
use crate::one_line::one_line;
use crate::trainer::{Begun, LossSums};
use bincode::enc::write::SizeWriter;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use nopropdt_blocks::Weights;
use nopropdt_tensor::Parameters;
use nopropdt_tensor::optim::OptimizerState;
use numbers::Numbers;
use sha2::{Digest, Sha256};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"NPDTCKPT";
/// Version 2, which knew no extensions, is still read.
const VERSION: u32 = 3;
const OLDEST: u32 = 2;
/// Magic, version, length, hash.
const HEADER: usize = 8 + 4 + 8 + 32;

/// Why a checkpoint can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct CheckpointError {
    /// The file.
    pub file: String,
    /// What is wrong and what to do.
    pub problem: String,
}

/// One parameter set: trainable values, then kept statistics, flat, in stored order.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
struct SavedSet<'a> {
    values: Numbers<'a>,
    statistics: Numbers<'a>,
}

/// One optimiser's memory.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
struct SavedOptimizer<'a> {
    step: u64,
    moments: Vec<Numbers<'a>>,
}

/// A run at the end of an epoch, within one, or before its first one. One that was read owns its numbers; one to write borrows them,
/// since they can be most of a machine's memory.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Checkpoint<'a> {
    /// The run's configuration, as TOML.
    pub config: String,
    /// Hash over the training and test images.
    pub images: [u8; 32],
    /// Seconds the run has taken so far, over all its processes.
    pub seconds: f64,
    /// Metrics of the finished epochs, one JSON object each.
    metrics: Vec<String>,
    sets: Vec<SavedSet<'a>>,
    optimizers: Vec<SavedOptimizer<'a>>,
    /// What a run has beside a state, if it has.
    further: Further<'a>,
}

/// A time when a run was given another number of epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Extension {
    /// Epochs that were finished.
    pub finished: usize,
    /// Epochs that it was to have before.
    pub before: usize,
}

/// An epoch of which a part is done.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
struct SavedEpoch {
    waves: usize,
    /// Of each loss: total, squared error, cross-entropy, KL, gradient norm, seconds.
    sums: Vec<[f64; 6]>,
    seconds: f64,
}

/// What checkpoints of version 2 did not have.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
struct Further<'a> {
    extensions: Vec<Extension>,
    /// Weights of the best epoch.
    best: Option<Vec<SavedSet<'a>>>,
    within: Option<SavedEpoch>,
}

/// A checkpoint of version 2.
#[derive(Decode)]
struct Version2<'a> {
    config: String,
    images: [u8; 32],
    seconds: f64,
    metrics: Vec<String>,
    sets: Vec<SavedSet<'a>>,
    optimizers: Vec<SavedOptimizer<'a>>,
}

impl<'a> From<Version2<'a>> for Checkpoint<'a> {
    fn from(old: Version2<'a>) -> Self {
        let Version2 { config, images, seconds, metrics, sets, optimizers } = old;
        Self { config, images, seconds, metrics, sets, optimizers, further: Further::default() }
    }
}

impl<'a> Checkpoint<'a> {
    /// Takes down the state of a run.
    pub fn new(
        config: String,
        images: [u8; 32],
        seconds: f64,
        metrics: &[EpochMetrics],
        weights: &'a Weights,
        optimizers: impl Iterator<Item = &'a OptimizerState>,
    ) -> Self {
        let json = |epoch| serde_json::to_string(epoch).expect("metrics are numbers and have a JSON form");
        let optimizer = |state: &'a OptimizerState| SavedOptimizer {
            step: state.step,
            moments: state.moments.iter().map(|moments| Numbers(moments.into())).collect(),
        };
        Self {
            config,
            images,
            seconds,
            metrics: metrics.iter().map(json).collect(),
            sets: saved(weights),
            optimizers: optimizers.map(optimizer).collect(),
            further: Further::default(),
        }
    }

    /// The same, of a run that was given other numbers of epochs.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Vec<Extension>) -> Self {
        self.further.extensions = extensions;
        self
    }

    /// The same, with the weights of the best epoch where they are kept and are others.
    #[must_use]
    pub fn with_best(mut self, weights: Option<&'a Weights>) -> Self {
        self.further.best = weights.map(saved);
        self
    }

    /// The weights of the best epoch, if they were saved beside those of the state: written over a copy of `weights` of the network.
    ///
    /// # Errors
    /// When they belong to a network of another shape; `path` is named in the message.
    pub fn best(&self, path: &Path, weights: &Weights) -> Result<Option<Weights>, CheckpointError> {
        let Some(best) = &self.further.best else { return Ok(None) };
        let mut weights = weights.clone();
        fill(path, best, &mut weights)?;
        Ok(Some(weights))
    }

    /// The same, in the middle of an epoch, of which so much was done in so many seconds.
    #[must_use]
    pub fn within(mut self, begun: &Begun, seconds: f64) -> Self {
        let sums = begun.sums.iter().map(|sums| sums.numbers()).collect();
        self.further.within = Some(SavedEpoch { waves: begun.waves, sums, seconds });
        self
    }

    /// What is done of the epoch that follows the finished ones, and in how many seconds: none between epochs.
    pub fn begun(&self) -> Option<(Begun, f64)> {
        let SavedEpoch { waves, sums, seconds } = self.further.within.as_ref()?;
        let sums = sums.iter().map(|&numbers| LossSums::of_numbers(numbers)).collect();
        Some((Begun { waves: *waves, sums }, *seconds))
    }

    /// Gives the run other settings, which differ in the number of epochs.
    pub(crate) fn set_extended(&mut self, config: String, extensions: Vec<Extension>) {
        (self.config, self.further.extensions) = (config, extensions);
    }

    /// When the run was given other numbers of epochs, the first time first.
    pub fn extensions(&self) -> &[Extension] {
        &self.further.extensions
    }

    /// Replaces the file at `path`; a kill at any moment leaves the old file or the new one, whole.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        replace_file_with(path, &|| self.length(), |file| self.write_to(file))
            .map_err(|error| failed(path, error.problem()))
    }

    /// Writes the file at `path` where none may be; of two programs that try it at once, one does.
    ///
    /// # Errors
    /// [`WriteError`], of the kind [`AlreadyExists`](io::ErrorKind::AlreadyExists) when there is a file.
    pub(crate) fn create(&self, path: &Path) -> Result<(), WriteError> {
        create_file_with(path, &|| self.length(), |file| self.write_to(file))
    }

    /// Streams the payload behind room for the header, which is known only afterwards.
    fn write_to(&self, file: &mut (impl Write + Seek)) -> io::Result<()> {
        file.write_all(&[0; HEADER])?;
        let hashed = Hashed { file: &mut *file, hash: Sha256::new() };
        let mut payload = BufWriter::with_capacity(1 << 18, hashed);
        let length = bincode::encode_into_std_write(self, &mut payload, bincode::config::standard())
            .map_err(|error| match error {
                // Its own text is for programmers, and hides whether the disk is full.
                EncodeError::Io { inner, .. } => inner,
                error => io::Error::other(error),
            })?;
        let hash = payload.into_inner()?.hash.finalize();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(&(length as u64).to_le_bytes())?;
        file.write_all(&hash)
    }

    /// Bytes of the file; 0 for what has no form.
    fn length(&self) -> u64 {
        let mut counted = SizeWriter::default();
        let written = bincode::encode_into_writer(self, &mut counted, bincode::config::standard());
        written.map_or(0, |()| (HEADER + counted.bytes_written) as u64)
    }

    /// The finished epochs.
    ///
    /// # Errors
    /// When one of them is not an epoch's JSON object; `path` is named in the message.
    pub fn epochs(&self, path: &Path) -> Result<Vec<EpochMetrics>, CheckpointError> {
        let parse = |json: &String| {
            serde_json::from_str(json).map_err(|e| failed(path, one_line(&format!("metrics: {e}"))))
        };
        self.metrics.iter().map(parse).collect()
    }

    /// Writes the saved values into freshly made weights and hands out the optimisers' states.
    ///
    /// # Errors
    /// When the checkpoint belongs to a network of another shape; `path` is named in the message.
    pub fn restore(self, path: &Path, weights: &mut Weights) -> Result<Vec<OptimizerState>, CheckpointError> {
        fill(path, &self.sets, weights)?;
        let (wanted, found) = (self.sets.len(), self.optimizers.len());
        if wanted != found {
            return Err(failed(path, format!("wants {wanted} optimiser states; found {found}")));
        }
        let state = |saved: SavedOptimizer<'_>| OptimizerState {
            step: saved.step,
            moments: saved.moments.into_iter().map(|moments| moments.0.into_owned()).collect(),
        };
        Ok(self.optimizers.into_iter().map(state).collect())
    }

    /// Reads a checkpoint; nothing is decoded before its length and hash have been found right.
    ///
    /// # Errors
    /// When the file can't be read, is no checkpoint, has another version, or is damaged.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path).map_err(|error| failed(path, format!("can't be read: {error}")))?;
        Self::from_bytes(&bytes).map_err(|problem| failed(path, problem))
    }

    /// Reads a checkpoint from the bytes of a file.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (version, payload) = payload(bytes)?;
        let decoded = match version {
            VERSION => decode::<Self>(payload),
            _ => decode::<Version2<'_>>(payload).map(|(old, used)| (old.into(), used)),
        };
        let (checkpoint, used) = decoded.map_err(|error| format!("can't be decoded: {error}"))?;
        if used != payload.len() {
            return Err(format!("{} bytes too many after the last value", payload.len() - used));
        }
        Ok(checkpoint)
    }
}

/// The values of parameter sets, as they are saved.
fn saved(weights: &Weights) -> Vec<SavedSet<'_>> {
    let saved = |set| {
        let (values, statistics) = (Parameters::values(set), Parameters::statistics(set));
        SavedSet { values: Numbers(values.into()), statistics: Numbers(statistics.into()) }
    };
    weights.sets().map(saved).collect()
}

/// Writes saved values into the sets of a network, which must be as many and as long.
fn fill(path: &Path, saved: &[SavedSet<'_>], weights: &mut Weights) -> Result<(), CheckpointError> {
    let sets: Vec<&mut Parameters> = weights.sets_mut().collect();
    if sets.len() != saved.len() {
        return Err(failed(path, format!("wants {} parameter sets; found {}", sets.len(), saved.len())));
    }
    for (number, (set, saved)) in (1..).zip(sets.into_iter().zip(saved)) {
        let (wanted, found) = (set.values().len(), saved.values.0.len());
        if wanted != found || set.statistics().len() != saved.statistics.0.len() {
            return Err(failed(
                path,
                format!("parameter set {number}: wants {wanted} values; found {found}"),
            ));
        }
        set.values_mut().copy_from_slice(&saved.values.0);
        set.statistics_mut().copy_from_slice(&saved.statistics.0);
    }
    Ok(())
}

/// Hashes what passes through to a file.
struct Hashed<'f, W> {
    file: &'f mut W,
    hash: Sha256,
}

impl<W: Write> Write for Hashed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Decodes a payload. A length inside it can promise more than there is, and memory is taken on its word: the limit, far
/// above what a payload of the size decodes to, bounds that.
fn decode<T: Decode<()>>(payload: &[u8]) -> Result<(T, usize), DecodeError> {
    let standard = bincode::config::standard();
    match payload.len() {
        0..0x10_0000 => bincode::decode_from_slice(payload, standard.with_limit::<0x400_0000>()),
        0x10_0000..0x400_0000 => bincode::decode_from_slice(payload, standard.with_limit::<0x4000_0000>()),
        _ => bincode::decode_from_slice(payload, standard.with_limit::<{ usize::MAX }>()),
    }
}

/// Version and payload of a file whose length and hash are right.
fn payload(bytes: &[u8]) -> Result<(u32, &[u8]), String> {
    if bytes.len() < HEADER || &bytes[..8] != MAGIC {
        return Err("is not a checkpoint: it must begin with NPDTCKPT".into());
    }
    let version = u32::from_le_bytes(bytes[8..12].try_into().expect("4 bytes"));
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(format!(
            "format version must be from {OLDEST} to {VERSION}; found {version}, of another version of the program"
        ));
    }
    let promised = u64::from_le_bytes(bytes[12..20].try_into().expect("8 bytes"));
    let (hash, payload) = (&bytes[20..HEADER], &bytes[HEADER..]);
    if payload.len() as u64 != promised {
        return Err(format!("is damaged: header promises {promised} bytes; file holds {}", payload.len()));
    }
    if Sha256::digest(payload).as_slice() != hash {
        return Err("is damaged: its SHA-256 does not match its content".into());
    }
    Ok((version, payload))
}

fn failed(path: &Path, problem: String) -> CheckpointError {
    CheckpointError { file: path.display().to_string(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f32]) -> Numbers<'_> {
        Numbers(values.into())
    }

    fn example() -> Checkpoint<'static> {
        Checkpoint {
            config: "seed = 1".into(),
            images: [3; 32],
            seconds: 2.5,
            metrics: vec![],
            sets: vec![SavedSet {
                values: numbers(&[1.0, -0.0, f32::MIN_POSITIVE]),
                statistics: numbers(&[]),
            }],
            optimizers: vec![SavedOptimizer { step: 7, moments: vec![numbers(&[0.5; 3])] }],
            further: Further {
                extensions: vec![Extension { finished: 300, before: 400 }],
                within: Some(SavedEpoch { waves: 300, sums: vec![[0.25; 6]], seconds: 0.5 }),
                best: Some(vec![SavedSet { values: numbers(&[0.5, 1.5, 2.5]), statistics: numbers(&[]) }]),
            },
        }
    }

    fn refusal(change: impl FnOnce(&mut Vec<u8>)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.bin");
        example().write(&path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let error = Checkpoint::read(&path).unwrap_err();
        assert!(error.file.ends_with("checkpoint.bin"));
        error.problem
    }

    #[test]
    fn reads_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.bin");
        example().write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), example());
    }

    /// What version 2 wrote: the same fields, and nothing after them.
    #[test]
    fn a_checkpoint_of_before_is_read() {
        let further = Further::default();
        let now = Checkpoint { further: further.clone(), ..example() };
        let mut payload = bincode::encode_to_vec(&now, bincode::config::standard()).unwrap();
        payload.truncate(
            payload.len() - bincode::encode_to_vec(&further, bincode::config::standard()).unwrap().len(),
        );
        let hash = Sha256::digest(&payload);
        let length = (payload.len() as u64).to_le_bytes();
        let file = [&MAGIC[..], &2u32.to_le_bytes(), &length, &hash, &payload].concat();
        assert_eq!(Checkpoint::from_bytes(&file), Ok(now));
    }

    #[test]
    fn the_length_is_known_before_the_file_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.bin");
        example().write(&path).unwrap();
        assert_eq!(path.metadata().unwrap().len(), example().length());
    }

    /// A disk with room for the header alone.
    struct Small(io::Cursor<Vec<u8>>);

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.get_ref().len() + bytes.len() > HEADER {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Small {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn a_full_disk_stays_a_full_disk() {
        let error = example().write_to(&mut Small(io::Cursor::default())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error:?}");
    }

    /// Found by fuzzing: an unknown key is quoted, with the line feed its escape stands for.
    #[test]
    fn whatever_a_checkpoint_says_an_error_is_one_line() {
        let checkpoint = Checkpoint { metrics: vec![r#"{"sec\nonds": 1}"#.into()], ..example() };
        let problem = checkpoint.epochs(Path::new("checkpoint.bin")).unwrap_err().problem;
        assert!(problem.starts_with("metrics: unknown field `sec onds`"), "{problem:?}");
        assert!(!problem.contains(char::is_control), "{problem:?}");
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let length = {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("c");
            example().write(&path).unwrap();
            std::fs::read(&path).unwrap().len()
        };
        for at in 0..length {
            assert!(!refusal(|bytes| bytes[at] ^= 0x10).is_empty(), "byte {at}");
            assert!(!refusal(|bytes| bytes.truncate(at)).is_empty(), "cut at {at}");
        }
    }

    #[test]
    fn messages_say_what_is_wrong() {
        assert!(refusal(|bytes| bytes[0] = b'X').contains("must begin with NPDTCKPT"));
        assert_eq!(
            refusal(|bytes| bytes[8] = 9),
            "format version must be from 2 to 3; found 9, of another version of the program"
        );
        assert!(refusal(|bytes| bytes.push(0)).contains("header promises"));
        assert!(refusal(|bytes| *bytes.last_mut().unwrap() ^= 1).contains("SHA-256"));
    }
}
