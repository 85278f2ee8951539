use super::*;
use nopropdt_blocks::{EmbeddingStart, ObjectiveKind, ScheduleKind};
use nopropdt_data::ImageShape;
use nopropdt_data::{Augmentation, Channels, DatasetName, DatasetSource};
use nopropdt_tensor::optim::{LearningRate, OptimizerConfig};
use std::path::Path;

fn resolved(overrides: Overrides) -> RunConfig {
    overrides.resolve(None).unwrap()
}

fn refused(overrides: Overrides) -> String {
    overrides.resolve(None).unwrap_err().to_string()
}

fn network_refused(config: &RunConfig) -> String {
    let image = ImageShape { height: 8, width: 8, channels: 1 };
    config.network(image, 10).unwrap_err().to_string()
}

fn from_text(text: &str) -> Result<Overrides, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    std::fs::write(&path, text).unwrap();
    Overrides::from_file(&path).map_err(|error| {
        let message = error.to_string();
        message
            .strip_prefix(&folder.path().display().to_string())
            .expect("the message names the file")
            .to_owned()
    })
}

#[test]
fn nothing_said_is_the_paper_with_few_epochs() {
    let config = resolved(Overrides::default());
    assert_eq!((config.dataset, config.epochs, config.batch_size), (DatasetName::Digits.into(), 20, 64));
    assert_eq!((config.steps, config.schedule, config.eta), (10, ScheduleKind::Cosine, 0.1));
    assert_eq!(
        (config.embedding, config.block, config.order),
        (EmbeddingKind::OneHot, BlockKind::Paper, Order::Interleaved)
    );
    assert_eq!((config.lr, config.weight_decay, config.dropout), (0.001, 0.001, 0.2));
    assert_eq!((config.limit_train, config.limit_test, config.validation, config.seed), (None, None, 0, 0));
}

#[test]
fn the_dataset_decides_the_defaults_of_its_size() {
    let mnist = resolved(Overrides { dataset: Some(DatasetName::Mnist.into()), ..Overrides::default() });
    assert_eq!((mnist.epochs, mnist.batch_size), (10, 128));
}

#[test]
fn flags_go_over_the_file_over_the_preset_over_the_defaults() {
    let file = from_text("epochs = 7\nseed = 5\n").unwrap();
    let flags = Overrides { seed: Some(9), ..Overrides::default() };
    let config = flags.over(file).resolve(Some(Preset::Paper)).unwrap();
    // One setting from each layer, each said by every layer below it too.
    assert_eq!(config.seed, 9);
    assert_eq!(config.epochs, 7);
    assert_eq!((config.batch_size, config.order), (128, Order::Sequential));
    assert_eq!(config.steps, 10);
}

#[test]
fn a_files_dataset_decides_the_defaults_below_it() {
    assert_eq!(resolved(from_text("dataset = \"mnist\"").unwrap()).batch_size, 128);
}

/// Every method on every dataset, with `--preset paper`.
#[test]
fn the_paper_preset_is_table_3() {
    use MethodKind::{Adjoint, Backprop, Ct, Dt, Fm};
    let known = DatasetName::ALL.map(DatasetSource::from);
    let folder: DatasetSource = "folder:/some/where".parse().unwrap();
    for dataset in known.into_iter().chain([folder]) {
        let [blocks, flows, adjoint] = match dataset.to_string().as_str() {
            "digits" | "mnist" | "fashion-mnist" | "kmnist" => [100, 100, 2],
            "cifar10" | "svhn" | "folder:/some/where" => [150, 500, 4],
            "cifar100" | "cifar100-coarse" | "tiny-imagenet" => [150, 1000, 4],
            other => panic!("the paper preset must know {other}"),
        };
        for (method, epochs, steps, eta, optimizer) in [
            (Dt, blocks, 10, 0.1, OptimizerKind::Adamw),
            (Backprop, blocks, 10, 0.1, OptimizerKind::Adamw),
            (Ct, flows, 1000, 1.0, OptimizerKind::Adam),
            (Fm, flows, 1000, 0.1, OptimizerKind::Adam),
            (Adjoint, adjoint, 1000, 0.1, OptimizerKind::Adamw),
        ] {
            let own =
                Overrides { dataset: Some(dataset.clone()), method: Some(method), ..Overrides::default() };
            let config =
                own.resolve(Some(Preset::Paper)).unwrap_or_else(|error| panic!("{method:?}: {error}"));
            let what = format!("{method:?} on {dataset}");
            assert_eq!((config.epochs, config.steps, config.eta), (epochs, steps, eta), "{what}");
            assert_eq!((config.optimizer, config.batch_size), (optimizer, 128), "{what}");
            assert_eq!((config.lr, config.weight_decay, config.dropout), (0.001, 0.001, 0.2), "{what}");
            assert_eq!((config.lr_schedule, config.warmup_epochs), (LearningRateKind::Constant, 0), "{what}");
            assert_eq!(config.order == Order::Sequential, method == Dt, "{what}");
            assert_eq!((config.clip_norm, config.decoder), (0.0, false), "{what}");
            assert_eq!((config.objective, config.block), (ObjectiveKind::Paper, BlockKind::Paper), "{what}");
            assert_eq!((config.embedding, config.embedding_dim), (EmbeddingKind::OneHot, 20), "{what}");
            assert_eq!(config.augmentation(), Augmentation { crop_padding: 0, flip: false }, "{what}");
            assert_eq!((config.normalize, config.validation), (Some(Normalize::None), 0), "{what}");
            assert_eq!(config.sampler(), method.sampler(), "{what}");
        }
    }
}

/// What is left to the defaults belongs to a dataset or to a run, and has no effect on any other.
#[test]
fn the_paper_preset_names_every_setting() {
    for method in [MethodKind::Dt, MethodKind::Ct, MethodKind::Fm, MethodKind::Backprop, MethodKind::Adjoint]
    {
        let named = Preset::Paper.overrides(&DatasetName::Mnist.into(), method);
        let named = toml::Table::try_from(&named).unwrap();
        let own = Overrides { method: Some(method), ..Overrides::default() };
        let config = toml::Table::try_from(own.resolve(Some(Preset::Paper)).unwrap()).unwrap();
        let by_default: Vec<&String> = config.keys().filter(|key| !named.contains_key(*key)).collect();
        assert_eq!(by_default, ["dataset", "method", "seed"], "{method:?}");
        assert!(named.iter().all(|(key, value)| config.get(key) == Some(value)), "{method:?}");
    }
}

#[test]
fn the_reference_preset_is_the_published_program() {
    let config = Overrides::default().resolve(Some(Preset::Reference)).unwrap();
    assert_eq!((config.schedule, config.objective), (ScheduleKind::Reference, ObjectiveKind::Reference));
    assert_eq!((config.embedding, config.embedding_dim), (EmbeddingKind::Learned, 256));
    assert_eq!(config.embedding_start, EmbeddingStart::Small);
    assert_eq!((config.block, config.decoder, config.clip_norm), (BlockKind::Reference, true, 1.0));
    assert_eq!(config.lr_schedule, LearningRateKind::Reference);
}

#[test]
fn every_preset_makes_a_network() {
    for preset in [Preset::Paper, Preset::Reference] {
        for dataset in DatasetName::ALL {
            let overrides = Overrides { dataset: Some(dataset.into()), ..Overrides::default() };
            let config = overrides.resolve(Some(preset)).unwrap();
            let network = config.network(dataset.image_shape(), dataset.classes()).unwrap();
            assert_eq!(network.facts().blocks, config.steps, "{preset:?} on {dataset}");
        }
    }
}

#[test]
fn a_saved_configuration_comes_back() {
    for preset in [None, Some(Preset::Paper), Some(Preset::Reference)] {
        let own = Overrides {
            seed: Some(u64::MAX),
            lr: Some(1.1e-7),
            eta: Some(0.1 + 0.2),
            limit_train: Some(130),
            validation: Some(2),
            ..Overrides::default()
        };
        let config = own.resolve(preset).unwrap();
        let text = config.to_toml();
        let again = resolved(from_text(&text).unwrap());
        assert_eq!(again, config);
        assert_eq!(again.to_toml(), text);
        assert_eq!(from_text(&config.to_toml()).unwrap().resolve(None).unwrap(), config);
    }
}

#[test]
fn files_speak_of_the_line_that_is_wrong() {
    let unknown = from_text("seed = 1\nepoch = 3\n").unwrap_err();
    assert!(unknown.starts_with("/own.toml: line 2: unknown field `epoch`"), "{unknown}");
    let kind = from_text("seed = 1\n\nepochs = \"three\"\n").unwrap_err();
    assert_eq!(kind, "/own.toml: line 3: epochs: must be a whole number from 1 to 1000000; found \"three\"");
    let name = from_text("order = \"random\"\n").unwrap_err();
    assert!(name.starts_with("/own.toml: line 1: unknown variant `random`"), "{name}");
    assert!(name.contains("`interleaved`") && name.contains("`sequential`"), "{name}");
    let syntax = from_text("seed = 1\nepochs 3\n").unwrap_err();
    assert!(syntax.starts_with("/own.toml: line 2: "), "{syntax}");
    let twice = from_text("seed = 1\nseed = 2\n").unwrap_err();
    assert!(twice.starts_with("/own.toml: line 2: duplicate key"), "{twice}");
    for message in [unknown, kind, name, syntax, twice] {
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

/// One row a setting: what is no number of its kind, and the range that is told.
#[test]
fn whole_numbers_in_files_are_told_their_range() {
    let range = [
        ("crop-padding", "from 0 to 256"),
        ("limit-train", "at least 2"),
        ("limit-test", "at least 1"),
        ("validation", "at least 0"),
        ("steps", "at least 1"),
        ("embedding-dim", "at least 1"),
        ("epochs", "from 1 to 1000000"),
        ("batch-size", "at least 2"),
        ("warmup-epochs", "from 0 to 1000000"),
        ("seed", "from 0 to 18446744073709551615"),
    ];
    for (key, rule) in range {
        for found in ["-1", "2.5", "true", "\"ten\"", "-9223372036854775808"] {
            let message = from_text(&format!("{key} = {found}\n")).unwrap_err();
            let expected = format!("/own.toml: line 1: {key}: must be a whole number {rule}; found {found}");
            assert_eq!(message, expected);
        }
    }
    let list = from_text("seed = [1]\n").unwrap_err();
    assert!(list.ends_with("expected for seed a whole number from 0 to 18446744073709551615"), "{list}");
    assert_eq!(from_text("seed = 18446744073709551615\n").unwrap().seed, Some(u64::MAX));
}

#[test]
fn a_missing_file_is_named() {
    let error = Overrides::from_file(Path::new("no/such.toml")).unwrap_err().to_string();
    assert!(error.starts_with("no/such.toml: can't be read: "), "{error}");
}

/// One test a rule: the setting, a value on the wrong side, what the message says.
macro_rules! refusals {
    ($($name:ident: { $($field:ident: $value:expr),* } => $message:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(refused(Overrides { $($field: Some($value),)* ..Overrides::default() }), $message);
        }
    )*};
}

refusals! {
    epochs_of_zero: { epochs: 0 } => "epochs: must be from 1 to 1000000; found 0";
    epochs_without_end: { epochs: usize::MAX } => format!("epochs: must be from 1 to 1000000; found {}", usize::MAX);
    warm_up_without_end: { warmup_epochs: 1_000_001 } => "warmup-epochs: must be from 0 to 1000000; found 1000001";
    warm_up_beyond_a_cosine: { epochs: 3, warmup_epochs: 4 } => "warmup-epochs: must be at most the 3 epochs of the run; found 4";
    warm_up_beyond_a_constant: { epochs: 3, warmup_epochs: 4, lr_schedule: LearningRateKind::Constant } => "warmup-epochs: must be at most the 3 epochs of the run; found 4";
    batches_of_zero: { batch_size: 0 } => "batch-size: must be at least 2; found 0";
    batches_of_one: { batch_size: 1 } => "batch-size: must be at least 2; found 1";
    one_training_image: { limit_train: 1 } => "limit-train: must be at least 2; found 1";
    more_padding_than_pixels: { crop_padding: 257 } => "crop-padding: must be from 0 to 256; found 257";
    a_split_of_nothing: { split: 0.0 } => "split: must be above 0 and below 1; found 0";
    a_split_of_everything: { split: 1.0 } => "split: must be above 0 and below 1; found 1";
    a_split_nan: { split: f64::NAN } => "split: must be above 0 and below 1; found NaN";
    no_test_image: { limit_test: 0 } => "limit-test: must be at least 1; found 0";
    lr_of_zero: { lr: 0.0 } => "lr: must be above 0 and finite; found 0";
    lr_below_zero: { lr: -1.0 } => "lr: must be above 0 and finite; found -1";
    lr_nan: { lr: f32::NAN } => "lr: must be above 0 and finite; found NaN";
    lr_infinite: { lr: f32::INFINITY } => "lr: must be above 0 and finite; found inf";
    weight_decay_below_zero: { weight_decay: -0.5 } => "weight-decay: must be at least 0 and finite; found -0.5";
    weight_decay_nan: { weight_decay: f64::NAN } => "weight-decay: must be at least 0 and finite; found NaN";
    weight_decay_beyond_f32: { weight_decay: 1e60 } => format!("weight-decay: must be at least 0 and finite; found {}", 1e60);
    clip_norm_below_zero: { clip_norm: -1.0 } => "clip-norm: must be above 0, or 0 for no limit; found -1";
    clip_norm_nan: { clip_norm: f32::NAN } => "clip-norm: must be above 0, or 0 for no limit; found NaN";
}

#[test]
fn settings_at_the_edge_are_accepted() {
    let edge = Overrides {
        epochs: Some(1),
        steps: Some(1),
        batch_size: Some(2),
        limit_train: Some(2),
        limit_test: Some(1),
        embedding: Some(EmbeddingKind::Learned),
        embedding_dim: Some(1),
        lr: Some(f32::MIN_POSITIVE),
        weight_decay: Some(0.0),
        dropout: Some(0.0),
        ..Overrides::default()
    };
    let config = resolved(edge);
    assert!(config.network(ImageShape { height: 8, width: 8, channels: 1 }, 10).is_ok());
}

#[test]
fn the_network_refuses_what_it_can_not_be() {
    let config = resolved(Overrides::default());
    for eta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let message = network_refused(&RunConfig { eta, ..config.clone() });
        assert!(message.starts_with("eta: must be above 0"), "{message}");
    }
    for dropout in [1.0, -0.1, f32::NAN] {
        let message = network_refused(&RunConfig { dropout, ..config.clone() });
        assert!(message.starts_with("dropout: must be "), "{message}");
    }
    for steps in [0, usize::MAX] {
        let message = network_refused(&RunConfig { steps, ..config.clone() });
        assert_eq!(message, format!("steps: must be from 1 to 10000; found {steps}"));
    }
    for embedding_dim in [0, usize::MAX] {
        let learned = RunConfig { embedding: EmbeddingKind::Learned, embedding_dim, ..config.clone() };
        let message = network_refused(&learned);
        assert_eq!(message, format!("embedding-dim: must be from 1 to 65536; found {embedding_dim}"));
    }
    let falling = network_refused(&RunConfig { schedule: ScheduleKind::Reference, ..config.clone() });
    let rule = "falls with t, so the paper's sampler has no real coefficients; it goes with the reference objective alone";
    assert_eq!(falling, format!("schedule reference: {rule}"));
    let tiny = config.network(ImageShape { height: 3, width: 8, channels: 1 }, 10).unwrap_err().to_string();
    assert!(tiny.contains("at least 4×4 pixels; found 3×8"), "{tiny}");
}

#[test]
fn settings_reach_the_network_and_the_optimiser() {
    let own = Overrides {
        steps: Some(4),
        embedding: Some(EmbeddingKind::Learned),
        embedding_dim: Some(6),
        dropout: Some(0.5),
        decoder: Some(true),
        optimizer: Some(OptimizerKind::Sgd),
        weight_decay: Some(0.25),
        warmup_epochs: Some(3),
        ..Overrides::default()
    };
    let config = resolved(own);
    let made = config.dt_config(ImageShape { height: 8, width: 8, channels: 1 }, 10);
    assert_eq!((made.steps, made.block.dropout, made.block.decoder), (4, 0.5, true));
    assert_eq!(
        made.embedding,
        nopropdt_blocks::EmbeddingConfig::Learned { dim: 6, start: EmbeddingStart::Orthogonal }
    );
    assert_eq!(config.optimizer(), OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.25 });
    assert_eq!(config.learning_rate(5), LearningRate::Cosine { warmup_steps: 15, final_fraction: 0.0 });
}

#[test]
fn settings_of_data_are_absent_until_they_are_used() {
    let text = resolved(Overrides::default()).to_toml();
    for key in ["image-size", "channels", "split", "normalize", "crop-padding", "flip"] {
        assert!(!text.contains(key), "{key} is in\n{text}");
    }
    let own = Overrides {
        dataset: Some("folder:/a b".parse().unwrap()),
        image_size: Some(ImageSize { height: 32, width: 48 }),
        channels: Some(Channels::Grey),
        split: Some(0.125),
        normalize: Some(Normalize::Standard),
        crop_padding: Some(4),
        flip: Some(true),
        ..Overrides::default()
    };
    let config = resolved(own);
    assert_eq!(resolved(from_text(&config.to_toml()).unwrap()), config);
    assert_eq!(config.augmentation(), Augmentation { crop_padding: 4, flip: true });
    let options = config.load_options(Path::new("here"));
    assert_eq!(
        (options.image_size, options.channels, options.split),
        (Some((32, 48)), Channels::Grey, Some(0.125))
    );
    assert_eq!((config.epochs, config.batch_size), (10, 128));
}
