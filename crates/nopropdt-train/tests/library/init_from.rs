//! Runs that start from the weights of a model file.

use nopropdt_blocks::Weights;
use nopropdt_data::{Dataset, DatasetName, DatasetSource, Split, load};
use nopropdt_train::checkpoint::Checkpoint;
use nopropdt_train::config::{Overrides, RunConfig};
use nopropdt_train::metrics_file::read_metrics;
use nopropdt_train::model_file::{self, Model, Started, parse, start_from};
use nopropdt_train::prototypes::prototypes;
use nopropdt_train::registry::Registry;
use nopropdt_train::run::{self, Observer, ResumeError, Run, RunError, Silent};
use nopropdt_train::trainer::Trainer;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

const DATA: &str = "data";

/// A tiny network of the digits.
fn settings() -> Overrides {
    let small = Overrides::default().with("steps", 2).with("epochs", 2).with("batch-size", 32);
    small.with("limit-train", 300).with("limit-test", 60).with("dropout", 0.0)
}

fn resolved(settings: Overrides) -> RunConfig {
    settings.resolve(None).unwrap()
}

/// A model file of a run with these settings.
fn trained(settings: Overrides) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    run::begin(resolved(settings), Path::new(DATA), &path).unwrap().train(&Silent).unwrap();
    std::fs::read(path.join("model.safetensors")).unwrap()
}

/// The model file that most tests start from.
fn source() -> &'static [u8] {
    static SOURCE: OnceLock<Vec<u8>> = OnceLock::new();
    SOURCE.get_or_init(|| trained(settings().with("epochs", 3)))
}

/// A folder with a model file in it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn with(model: &[u8]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(place.model(), model).unwrap();
        place
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join("start.safetensors")
    }

    fn run(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// A run that starts from the model file.
    fn begin_in(&self, settings: Overrides, registry: &Registry) -> Result<Run, RunError> {
        let config = settings.with("init-from", self.model()).resolve_in(registry, None)?;
        run::begin(config, Path::new(DATA), &self.run())
    }

    fn begin(&self, settings: Overrides) -> Result<Run, RunError> {
        self.begin_in(settings, &Registry::builtin())
    }

    fn resume(&self) -> Result<Run, RunError> {
        run::resume(&self.run(), Path::new(DATA))
    }

    fn trained_model(&self) -> Vec<u8> {
        std::fs::read(self.run().join("model.safetensors")).unwrap()
    }
}

/// The weights that a run starts with, as its folder has them.
fn starting_weights(run: &Run) -> Weights {
    let mut weights = run.network().init(999);
    let path = run.folder().checkpoint();
    let checkpoint = Checkpoint::read(&path).unwrap();
    assert!(checkpoint.epochs(&path).unwrap().is_empty());
    checkpoint.restore(&path, &mut weights).unwrap();
    weights
}

fn started(run: &Run) -> Started {
    run.start().unwrap().started.clone()
}

/// A tensor of the last block.
fn of_block(weights: &Weights, name: &str) -> Vec<f32> {
    weights.blocks.last().unwrap().export(name).unwrap()
}

struct StopsAtOnce;

impl Observer for StopsAtOnce {
    fn stop(&self) -> bool {
        true
    }
}

#[test]
fn a_run_on_the_same_classes_goes_on_where_the_file_ended() {
    let place = Place::with(source());
    let begun = place.begin(settings()).unwrap();
    let Started { taken, fresh } = started(&begun);
    assert!(fresh.is_empty() && taken.len() > 60, "{fresh:?}");
    for name in ["blocks.2.image.conv1.weight", "blocks.1.label.bn2.running_var", "head.bias"] {
        assert!(taken.iter().any(|taken| taken == name), "{name}");
    }
    let model = parse(source()).unwrap();
    assert_eq!((starting_weights(&begun), begun.finished()), (model.weights, 0));
    assert_eq!(begun.start().unwrap().other_names, None);
    begun.train(&Silent).unwrap();

    let plain = Place::with(&[]);
    run::begin(resolved(settings()), Path::new(DATA), &plain.run()).unwrap().train(&Silent).unwrap();
    let first_loss = |place: &Place| {
        let epochs = read_metrics(&place.run().join("metrics.jsonl")).unwrap();
        epochs[0].train_loss.iter().sum::<f64>()
    };
    let (taken, fresh) = (first_loss(&place), first_loss(&plain));
    assert!(taken < 0.6 * fresh, "from the file {taken}, fresh {fresh}");
}

#[test]
fn no_file_of_a_run_holds_the_path_it_started_from() {
    let place = Place::with(source());
    place.begin(settings()).unwrap().train(&Silent).unwrap();
    let (path, hash) = (place.model().display().to_string(), "init-from = \"sha256:");
    let config = std::fs::read_to_string(place.run().join("config.toml")).unwrap();
    assert!(config.contains(hash), "{config}");
    assert_eq!(Checkpoint::read(&place.run().join("checkpoint.bin")).unwrap().config, config);
    for entry in std::fs::read_dir(place.run()).unwrap() {
        let file = entry.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        for text in [path.as_str(), "start.safetensors"] {
            let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "{} holds {text}", file.display());
        }
    }
    // The same file is the same run, wherever it lies.
    let other = Place::with(source());
    other.begin(settings()).unwrap().train(&Silent).unwrap();
    assert!(other.trained_model() == place.trained_model());
    let model = model_file::load(&other.run().join("model.safetensors")).unwrap();
    assert_eq!(model.metadata.config.to_toml(), config);
}

#[test]
fn a_run_killed_before_its_first_epoch_ends_in_the_same_bits() {
    let settings = || settings().with("limit-train", 128);
    let of_prototypes = trained(settings().with("embedding", "prototype").with("epochs", 1));
    let cases = [
        (source(), settings()),
        // Its embedding starts as prototypes, which the file does not have …
        (source(), settings().with("embedding", "prototype")),
        // … or as the file has it.
        (&of_prototypes, settings().with("embedding", "prototype")),
        // Then no class needs an image of its own.
        (&of_prototypes, settings().with("embedding", "prototype").with("limit-train", 5)),
    ];
    for (model, settings) in cases {
        let whole = Place::with(model);
        whole.begin(settings.clone()).unwrap().train(&Silent).unwrap();
        for loses_settings in [false, true] {
            let killed = Place::with(model);
            let error = killed.begin(settings.clone()).unwrap().train(&StopsAtOnce).unwrap_err();
            assert!(matches!(error, RunError::Stopped { saved: 0, .. }), "{error}");
            assert!(!killed.run().join("metrics.jsonl").exists());
            std::fs::remove_file(killed.model()).unwrap();
            if loses_settings {
                // As a kill between the checkpoint and the settings leaves it.
                std::fs::remove_file(killed.run().join("config.toml")).unwrap();
            }
            let run = killed.resume().unwrap();
            assert_eq!((run.finished(), run.start(), run.result()), (0, None, None));
            // And once more before it gets anywhere.
            run.train(&StopsAtOnce).unwrap_err();
            let summary = killed.resume().unwrap().train(&Silent).unwrap();
            assert_eq!(summary.epochs, 2);
            assert!(killed.trained_model() == whole.trained_model(), "resumed weights differ");
        }
    }
}

#[test]
fn a_run_that_lost_what_it_started_from_is_not_begun_anew() {
    let place = Place::with(source());
    place.begin(settings()).unwrap().train(&StopsAtOnce).unwrap_err();
    std::fs::remove_file(place.run().join("checkpoint.bin")).unwrap();
    let error = place.resume().err().unwrap();
    let told = "config.toml says that the run starts from a model file, whose weights it held";
    assert!(matches!(error, RunError::Resume(ResumeError::Lost { .. })), "{error}");
    assert!(error.to_string().contains("checkpoint.bin: is gone, but "), "{error}");
    assert!(error.to_string().ends_with(told), "{error}");
}

/// The digits below `classes`, called by these names.
fn few(names: &'static [&'static str]) -> Registry {
    Registry::builtin().dataset("few", "some of the digits", move |_| {
        let digits = load(DatasetName::Digits, Path::new("unused"))?;
        let part = |split: &Split| {
            let indices = 0..split.len() as u32;
            let few: Vec<u32> = indices.filter(|&index| split.label(index as usize) < names.len()).collect();
            split.select(&few)
        };
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Dataset::new("few", names, part(&digits.train), part(&digits.test))
    })
}

#[test]
fn other_classes_start_fresh_where_their_number_shows() {
    let place = Place::with(source());
    let few = few(&["zero", "one", "two", "three"]);
    let own = settings().with("dataset", DatasetSource::Own("few".into())).with("seed", 5);
    let begun = place.begin_in(own, &few).unwrap();
    let Started { taken, fresh } = started(&begun);
    let of_block = |block: usize| {
        ["label.fc1.weight", "join.out.weight", "join.out.bias"].map(|name| format!("blocks.{block}.{name}"))
    };
    let expected =
        [vec!["head.weight".to_owned(), "head.bias".into()], of_block(1).into(), of_block(2).into()];
    assert_eq!(fresh, expected.concat());
    assert_eq!(begun.start().unwrap().other_names, None);

    let (weights, model) = (starting_weights(&begun), parse(source()).unwrap());
    let init = begun.network().init(5);
    let export = |weights: &Weights, name: &str| self::of_block(weights, name);
    for name in ["image.conv2.weight", "image.bn.running_mean", "label.fc2.bias"] {
        assert_eq!(export(&weights, name), export(&model.weights, name), "{name}");
        assert_ne!(export(&weights, name), export(&init, name), "{name}");
    }
    for name in ["label.fc1.weight", "join.out.weight"] {
        assert_eq!(export(&weights, name), export(&init, name), "{name}");
    }
    assert_eq!(weights.shared["head"], init.shared["head"]);
    assert_eq!(taken.len() + fresh.len(), weights.sets().map(|set| set.entries().count()).sum::<usize>());
    begun.train(&Silent).unwrap();
    assert_eq!(parse_in(&place.trained_model(), &few).metadata.class_names.len(), 4);
}

fn parse_in(bytes: &[u8], registry: &Registry) -> Model {
    model_file::parse_in(bytes, registry).unwrap()
}

#[test]
fn classes_of_other_names_are_told() {
    let place = Place::with(source());
    let few = few(&["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]);
    let own = settings().with("dataset", DatasetSource::Own("few".into()));
    let begun = place.begin_in(own, &few).unwrap();
    assert!(started(&begun).fresh.is_empty());
    let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    assert_eq!(begun.start().unwrap().other_names, Some(digits));
}

/// A radial head reads classes from the same tensors.
#[test]
fn another_head_takes_all_and_another_embedding_what_fits() {
    let place = Place::with(source());
    let begun = place.begin(settings().with("head", "radial")).unwrap();
    let (weights, model) = (starting_weights(&begun), parse(source()).unwrap());
    assert!(started(&begun).fresh.is_empty());
    assert_eq!(weights, model.weights);
    begun.train(&Silent).unwrap();

    let learned = Place::with(source());
    let begun = learned.begin(settings().with("embedding", "learned").with("embedding-dim", 6)).unwrap();
    let of_label = |block: usize| format!("blocks.{block}.label.fc1.weight");
    assert_eq!(
        started(&begun).fresh,
        ["embedding.weight".into(), "head.weight".into(), of_label(1), of_label(2)]
    );
    let weights = starting_weights(&begun);
    assert_eq!(weights.shared["head"].export("head.bias"), model.weights.shared["head"].export("head.bias"));
}

#[test]
fn more_blocks_start_fresh_and_fewer_are_left_out() {
    let place = Place::with(source());
    let begun = place.begin(settings().with("steps", 3)).unwrap();
    let Started { fresh, taken } = started(&begun);
    assert!(!fresh.is_empty() && fresh.iter().all(|name| name.starts_with("blocks.3.")), "{fresh:?}");
    assert!(taken.iter().all(|name| !name.starts_with("blocks.3.")));
    let fewer = Place::with(source());
    assert!(started(&fewer.begin(settings().with("steps", 1)).unwrap()).fresh.is_empty());
}

#[test]
fn prototypes_take_the_place_of_fresh_embeddings_alone() {
    let settings = settings().with("embedding", "prototype");
    let fresh = Place::with(source());
    let begun = fresh.begin(settings.clone()).unwrap();
    assert!(started(&begun).fresh.iter().any(|name| name == "embedding.weight"));
    let matrix = begun.network().embedding_matrix(&starting_weights(&begun));
    let rows = prototypes(&begun.dataset().train, 10).unwrap();
    assert_eq!(matrix.data(), rows.data());

    let model = trained(settings.clone().with("epochs", 1));
    let taken = Place::with(&model);
    let begun = taken.begin(settings).unwrap();
    let matrix = begun.network().embedding_matrix(&starting_weights(&begun));
    let Model { network, weights, .. } = parse(&model).unwrap();
    assert_eq!(matrix, network.embedding_matrix(&weights));
    assert_ne!(matrix.data(), rows.data());
}

#[test]
fn what_can_not_be_started_from_leaves_no_folder() {
    let place = Place::with(source());
    let refused = |settings: Overrides| {
        let error = place.begin(settings).err().unwrap();
        assert!(!place.run().exists(), "{error}");
        assert_eq!(error.to_string().lines().count(), 1);
        error.to_string()
    };
    let shares = "must share tensors of blocks, in name and shape, with the network that is to start from it; it is of method dt \
                  with block paper, and shares none";
    for own in [settings().with("block", "patches"), settings().with("method", "ct")] {
        assert_eq!(refused(own), format!("{}: {shares}", place.model().display()));
    }
    std::fs::write(place.model(), &source()[..2000]).unwrap();
    assert!(refused(settings()).contains("start.safetensors: is not a whole safetensors file"));
    std::fs::remove_file(place.model()).unwrap();
    assert!(refused(settings()).contains("start.safetensors: can't be read: "));
}

#[test]
fn settings_of_a_run_that_has_begun_begin_no_other() {
    let place = Place::with(source());
    let begun = place.begin(settings()).unwrap();
    let config = begun.config().clone();
    let other = place.folder.path().join("other");
    let error = run::begin(config, Path::new(DATA), &other).err().unwrap().to_string();
    assert!(
        error.starts_with("init-from: must be the path of a model file for a new run; found sha256:"),
        "{error}"
    );
    assert!(error.ends_with(", the hash of the file that another run started from, or left out"), "{error}");
    assert!(!other.exists());
    let error = Overrides::default().with("init-from", "sha256:12").resolve(None).unwrap_err().to_string();
    assert!(error.starts_with("init-from: must be the path of a model file, or sha256: and 64"), "{error}");
    assert!(!resolved(Overrides::default()).to_toml().contains("init-from"));
}

#[test]
fn a_trainer_starts_from_a_model_too() {
    let (config, model) = (resolved(settings()), parse(source()).unwrap());
    let network = config.network(&[8, 8, 1], 10).unwrap();
    let mut trainer = Trainer::new(network.as_ref(), &config, 1).unwrap();
    assert!(trainer.start_from(&model).unwrap().fresh.is_empty());
    assert_eq!(*trainer.weights(), model.weights);

    let other = resolved(settings().with("block", "patches")).network(&[8, 8, 1], 10).unwrap();
    let mut weights = other.init(1);
    let error = start_from(&model, other.as_ref(), &mut weights).unwrap_err();
    assert_eq!((error.method.as_str(), error.block.as_str()), ("dt", "paper"));
    // The heads are alike, but nothing was taken.
    assert_eq!(weights, other.init(1));
}
