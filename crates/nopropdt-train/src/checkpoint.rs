//! Checkpoints: all that a run needs to go on as if it had never stopped.
//!
//! Layout: the magic `NPDTCKPT`, a u32 format version, the u64 length and the SHA-256 of the payload, the payload
//! (bincode 2, standard configuration). See docs/formats.md.

mod file;
mod numbers;
mod sets;

use crate::files::{WriteError, create_file_with, replace_file_with};
use crate::metrics::EpochMetrics;
use crate::one_line::one_line;
use crate::trainer::{Begun, LossSums};
use bincode::enc::write::SizeWriter;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use file::{HEADER, Hashed, MAGIC, VERSION, decode, payload};
use nopropdt_blocks::Weights;
use nopropdt_tensor::optim::OptimizerState;
use numbers::Numbers;
use sets::{SavedSet, copy, fill, saved};
use sha2::{Digest, Sha256};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// Why a checkpoint can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct CheckpointError {
    /// The file.
    pub file: String,
    /// What is wrong and what to do.
    pub problem: String,
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
    /// Running averages of the sets, of a run that answers with them.
    average: Option<Vec<SavedSet<'a>>>,
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

/// What all versions have.
#[derive(Decode)]
struct Body<'a> {
    config: String,
    images: [u8; 32],
    seconds: f64,
    metrics: Vec<String>,
    sets: Vec<SavedSet<'a>>,
    optimizers: Vec<SavedOptimizer<'a>>,
}

impl Checkpoint<'static> {
    /// Decodes the parts that a version has, and says how many bytes they took.
    fn decoded(version: u32, payload: &[u8]) -> Result<(Self, usize), DecodeError> {
        let (body, mut used) = decode::<Body<'_>>(payload)?;
        let (mut further, mut average) = (Further::default(), None);
        if version >= 3 {
            let (decoded, more) = decode(&payload[used..])?;
            (further, used) = (decoded, used + more);
        }
        if version >= 4 {
            let (decoded, more) = decode(&payload[used..])?;
            (average, used) = (decoded, used + more);
        }
        let Body { config, images, seconds, metrics, sets, optimizers } = body;
        Ok((Self { config, images, seconds, metrics, sets, optimizers, further, average }, used))
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
            average: None,
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

    /// The same, with the running averages of the weights where the run has them.
    #[must_use]
    pub fn with_average(mut self, weights: Option<&'a Weights>) -> Self {
        self.average = weights.map(saved);
        self
    }

    /// The running averages of the weights, if the run has them: written over a copy of `weights` of the network.
    ///
    /// # Errors
    /// When they belong to a network of another shape; `path` is named in the message.
    pub fn average(&self, path: &Path, weights: &Weights) -> Result<Option<Weights>, CheckpointError> {
        copy(path, self.average.as_deref(), weights)
    }

    /// The weights of the best epoch, if they were saved beside those of the state: written over a copy of `weights` of the network.
    ///
    /// # Errors
    /// When they belong to a network of another shape; `path` is named in the message.
    pub fn best(&self, path: &Path, weights: &Weights) -> Result<Option<Weights>, CheckpointError> {
        copy(path, self.further.best.as_deref(), weights)
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
        let decoded = Checkpoint::decoded(version, payload);
        let (checkpoint, used) = decoded.map_err(|error| format!("can't be decoded: {error}"))?;
        if used != payload.len() {
            return Err(format!("{} bytes too many after the last value", payload.len() - used));
        }
        Ok(checkpoint)
    }
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
            average: Some(vec![SavedSet { values: numbers(&[0.75, 0.5, 0.25]), statistics: numbers(&[]) }]),
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

    /// What versions 2 and 3 wrote: the same fields, and nothing after them.
    #[test]
    fn checkpoints_of_before_are_read() {
        let bytes_of = |checkpoint: &Checkpoint<'_>| {
            bincode::encode_to_vec(checkpoint, bincode::config::standard()).unwrap()
        };
        let third = Checkpoint { average: None, ..example() };
        let second = Checkpoint { further: Further::default(), ..third.clone() };
        let further = bincode::encode_to_vec(Further::default(), bincode::config::standard()).unwrap().len();
        for (version, wanted, less) in [(2u32, second, further + 1), (3, third, 1)] {
            let mut payload = bytes_of(&wanted);
            payload.truncate(payload.len() - less);
            let hash = Sha256::digest(&payload);
            let length = (payload.len() as u64).to_le_bytes();
            let file = [&MAGIC[..], &version.to_le_bytes(), &length, &hash, &payload].concat();
            assert_eq!(Checkpoint::from_bytes(&file), Ok(wanted), "version {version}");
        }
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
            "format version must be from 2 to 4; found 9, of another version of the program"
        );
        assert!(refusal(|bytes| bytes.push(0)).contains("header promises"));
        assert!(refusal(|bytes| *bytes.last_mut().unwrap() ^= 1).contains("SHA-256"));
    }
}
