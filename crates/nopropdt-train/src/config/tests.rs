use super::*;
use crate::registry::Registry;
use nopropdt_blocks::{ConvBlock, EmbeddingStart};
use nopropdt_data::{Augmentation, Channels, DatasetName, DatasetSource, Edges};
use nopropdt_tensor::optim::{LearningRate, OptimizerConfig};
use std::path::Path;

fn resolved(overrides: Overrides) -> RunConfig {
    overrides.resolve(None).unwrap()
}

fn refused(overrides: Overrides) -> String {
    overrides.resolve(None).unwrap_err().to_string()
}

fn network_refused(config: &RunConfig) -> String {
    config.network(&[8, 8, 1], 10).unwrap_err().to_string()
}

/// Steps, schedule and η of a method that has them.
fn method(config: &RunConfig) -> (usize, String, f64) {
    let method = &config.method;
    (method.get("steps").unwrap(), method.get("schedule").unwrap(), method.get("eta").unwrap())
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
    assert_eq!(
        (config.data.dataset.clone(), config.training.epochs, config.training.batch_size),
        (DatasetName::Digits.into(), 20, 64)
    );
    assert_eq!(method(&config), (10, "cosine".into(), 0.1));
    assert_eq!(
        (config.embedding.kind, config.block.name.as_str(), config.training.order),
        (EmbeddingKind::OneHot, "paper", Order::Interleaved)
    );
    assert_eq!((config.training.lr, config.training.weight_decay), (0.001, 0.001));
    assert_eq!(config.block.read::<ConvBlock>(&config.block.settings).unwrap(), ConvBlock::paper());
    assert_eq!(
        (config.data.limit_train, config.data.limit_test, config.data.validation, config.training.seed),
        (None, None, 0, 0)
    );
}

#[test]
fn the_dataset_decides_the_defaults_of_its_size() {
    let mnist = resolved(Overrides::default().with("dataset", DatasetSource::from(DatasetName::Mnist)));
    assert_eq!((mnist.training.epochs, mnist.training.batch_size), (10, 128));
}

#[test]
fn flags_go_over_the_file_over_the_preset_over_the_defaults() {
    let file = from_text("epochs = 7\nseed = 5\n").unwrap();
    let flags = Overrides::default().with("seed", 9);
    let config = flags.over(file).resolve(Some(Preset::Paper)).unwrap();
    // One setting from each layer, each said by every layer below it too.
    assert_eq!(config.training.seed, 9);
    assert_eq!(config.training.epochs, 7);
    assert_eq!((config.training.batch_size, config.training.order), (128, Order::Sequential));
    assert_eq!(config.method.get::<usize>("steps"), Some(10));
}

#[test]
fn a_files_dataset_decides_the_defaults_below_it() {
    assert_eq!(resolved(from_text("dataset = \"mnist\"").unwrap()).training.batch_size, 128);
}

const METHODS: [&str; 6] = ["dt", "ct", "fm", "backprop", "adjoint", "committee"];

/// Every method on every dataset, with `--preset paper`.
#[test]
fn the_paper_preset_is_table_3() {
    let known = DatasetName::ALL.map(DatasetSource::from);
    let folder: DatasetSource = "folder:/some/where".parse().unwrap();
    for dataset in known.into_iter().chain([folder]) {
        let [blocks, flows, adjoint] = match dataset.to_string().as_str() {
            "digits" | "mnist" | "fashion-mnist" | "kmnist" => [100, 100, 2],
            "cifar10" | "svhn" | "folder:/some/where" => [150, 500, 4],
            "cifar100" | "cifar100-coarse" | "tiny-imagenet" => [150, 1000, 4],
            other => panic!("the paper preset must know {other}"),
        };
        for (method, epochs, steps, eta, sampler, optimizer) in [
            ("dt", blocks, 10, Some(0.1), Some("stochastic"), OptimizerKind::Adamw),
            ("backprop", blocks, 10, None, None, OptimizerKind::Adamw),
            ("ct", flows, 1000, Some(1.0), Some("stochastic"), OptimizerKind::Adam),
            ("fm", flows, 1000, None, Some("euler"), OptimizerKind::Adam),
            ("adjoint", adjoint, 1000, None, Some("euler"), OptimizerKind::Adamw),
            ("committee", blocks, 10, None, None, OptimizerKind::Adamw),
        ] {
            let own = Overrides::default().with("dataset", &dataset).with("method", method);
            let config = own.resolve(Some(Preset::Paper)).unwrap_or_else(|error| panic!("{method}: {error}"));
            let (what, training) = (format!("{method} on {dataset}"), &config.training);
            assert_eq!((training.epochs, config.method.get("steps")), (epochs, Some(steps)), "{what}");
            assert_eq!(config.method.get::<f64>("eta"), eta, "{what}");
            assert_eq!(config.method.get::<String>("sampler").as_deref(), sampler, "{what}");
            assert_eq!((training.optimizer, training.batch_size), (optimizer, 128), "{what}");
            assert_eq!((training.lr, training.weight_decay), (0.001, 0.001), "{what}");
            assert_eq!(
                (training.lr_schedule, training.warmup_epochs),
                (LearningRateKind::Constant, 0),
                "{what}"
            );
            assert_eq!(training.order == Order::Sequential, ["dt", "committee"].contains(&method), "{what}");
            assert_eq!(training.clip_norm, 0.0, "{what}");
            let block = config.block.read::<ConvBlock>(&config.block.settings).unwrap();
            assert_eq!((config.block.name.as_str(), block), ("paper", ConvBlock::paper()), "{what}");
            let objective = config.method.get::<String>("objective");
            assert_eq!(objective.as_deref(), (method == "dt").then_some("paper"), "{what}");
            assert_eq!((config.embedding.kind, config.embedding.dim), (EmbeddingKind::OneHot, 20), "{what}");
            assert_eq!(config.data.augmentation(), Augmentation::default(), "{what}");
            assert_eq!((config.data.normalize, config.data.validation), (Some(Normalize::None), 0), "{what}");
        }
    }
}

/// What is left to the defaults belongs to a dataset or to a run, and has no effect on any other.
#[test]
fn the_paper_preset_names_every_setting() {
    for method in METHODS {
        let own = Overrides::default().with("method", method);
        let config = own.resolve(Some(Preset::Paper)).unwrap();
        let named = config.of_preset(Preset::Paper).unwrap();
        let complete = Value::table_of(&config);
        let by_default: Vec<String> = complete
            .iter()
            .flat_map(|(section, table)| {
                let Value::Table(table) = table else { panic!("{section} is no section") };
                table.iter().map(move |(key, value)| (format!("{section}.{key}"), value))
            })
            .filter(|(setting, value)| named.get(setting) != Some(value))
            .map(|(setting, _)| setting)
            .collect();
        assert_eq!(by_default, ["data.dataset", "method.name", "training.seed"], "{method}");
    }
}

#[test]
fn the_reference_preset_is_the_published_program() {
    let config = Overrides::default().resolve(Some(Preset::Reference)).unwrap();
    let objective = config.method.get::<String>("objective");
    assert_eq!((method(&config).1.as_str(), objective.as_deref()), ("reference", Some("reference")));
    assert_eq!((config.embedding.kind, config.embedding.dim), (EmbeddingKind::Learned, 256));
    assert_eq!(config.embedding.start, EmbeddingStart::Small);
    let block = config.block.read::<ConvBlock>(&config.block.settings).unwrap();
    assert_eq!(block, ConvBlock { decoder: true, ..ConvBlock::reference() });
    assert_eq!((config.block.name.as_str(), config.training.clip_norm), ("reference", 1.0));
    assert_eq!(config.training.lr_schedule, LearningRateKind::Reference);
}

#[test]
fn every_preset_makes_a_network() {
    for preset in [Preset::Paper, Preset::Reference] {
        for dataset in DatasetName::ALL {
            let overrides = Overrides::default().with("dataset", DatasetSource::from(dataset));
            let config = overrides.resolve(Some(preset)).unwrap();
            let network = config.network(&dataset.image_shape().sizes(), dataset.classes()).unwrap();
            assert_eq!(network.facts().blocks, method(&config).0, "{preset:?} on {dataset}");
        }
    }
}

#[test]
fn a_saved_configuration_comes_back() {
    for preset in [None, Some(Preset::Paper), Some(Preset::Reference)] {
        let own = Overrides::default()
            .with("seed", u64::MAX)
            .with("lr", 1.1e-7)
            .with("eta", 0.1 + 0.2)
            .with("limit-train", 130)
            .with("validation", 2);
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
    assert!(unknown.starts_with("/own.toml: line 2: unknown setting `epoch`"), "{unknown}");
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
        ("cutout", "from 0 to 256"),
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
    assert!(
        list.ends_with("seed: must be a whole number from 0 to 18446744073709551615; found [1]"),
        "{list}"
    );
    let most = from_text("seed = 18446744073709551615\n").unwrap();
    assert_eq!(most.get("seed"), Some(&Value::Whole(u64::MAX.into())));
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
            assert_eq!(refused(Overrides::default()$(.with(&stringify!($field).replace('_', "-"), $value))*), $message);
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
    more_cutout_than_pixels: { cutout: 257 } => "cutout: must be from 0 to 256; found 257";
    label_smoothing_of_one: { label_smoothing: 1.0 } => "label-smoothing: must be at least 0 and below 1; found 1";
    crop_scale_of_one: { crop_scale: 1.0 } => "crop-scale: must be at least 0 and below 1; found 1";
    ema_of_one: { ema: 1.0 } => "ema: must be at least 0 and below 1; found 1";
    label_smoothing_nan: { label_smoothing: f32::NAN } => "label-smoothing: must be at least 0 and below 1; found NaN";
    clip_norm_below_zero: { clip_norm: -1.0 } => "clip-norm: must be above 0, or 0 for no limit; found -1";
    clip_norm_nan: { clip_norm: f32::NAN } => "clip-norm: must be above 0, or 0 for no limit; found NaN";
}

#[test]
fn settings_at_the_edge_are_accepted() {
    let edge = Overrides::default()
        .with("epochs", 1)
        .with("steps", 1)
        .with("batch-size", 2)
        .with("limit-train", 2)
        .with("limit-test", 1)
        .with("embedding", EmbeddingKind::Learned)
        .with("embedding-dim", 1)
        .with("lr", f32::MIN_POSITIVE)
        .with("weight-decay", 0.0)
        .with("dropout", 0.0);
    let config = resolved(edge);
    assert!(config.network(&[8, 8, 1], 10).is_ok());
}

#[test]
fn the_network_refuses_what_it_can_not_be() {
    let config = resolved(Overrides::default());
    let with =
        |setting: &str, value: Value| network_refused(&resolved(Overrides::default().with(setting, value)));
    for eta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let message = with("eta", Value::Number(eta));
        assert!(message.starts_with("eta: must be above 0"), "{message}");
    }
    for dropout in [1.0, -0.1, f64::NAN] {
        let message = with("dropout", Value::Number(dropout));
        assert!(message.starts_with("dropout: must be "), "{message}");
    }
    for steps in [0, usize::MAX] {
        let message = with("steps", Value::Whole(steps as i128));
        assert_eq!(message, format!("steps: must be from 1 to 10000; found {steps}"));
    }
    for dim in [0, usize::MAX] {
        let learned = Overrides::default().with("embedding", EmbeddingKind::Learned);
        let message = network_refused(&resolved(learned.with("embedding-dim", dim as u64)));
        assert_eq!(message, format!("embedding-dim: must be from 1 to 65536; found {dim}"));
    }
    let falling = with("schedule", Value::Text("reference".into()));
    let rule = "falls with t, so the paper's sampler has no real coefficients; it goes with the reference objective alone";
    assert_eq!(falling, format!("schedule reference: {rule}"));
    let tiny = config.network(&[3, 8, 1], 10).unwrap_err().to_string();
    assert!(tiny.contains("at least 4×4 pixels; found 3×8"), "{tiny}");
}

#[test]
fn settings_reach_the_network_and_the_optimiser() {
    let own = Overrides::default()
        .with("steps", 4)
        .with("embedding", EmbeddingKind::Learned)
        .with("embedding-dim", 6)
        .with("dropout", 0.5)
        .with("decoder", true)
        .with("optimizer", OptimizerKind::Sgd)
        .with("weight-decay", 0.25)
        .with("warmup-epochs", 3);
    let config = resolved(own);
    let block = config.block.read::<ConvBlock>(&config.block.settings).unwrap();
    assert_eq!((config.method.get("steps"), block.dropout, block.decoder), (Some(4), 0.5, true));
    let facts = config.network(&[8, 8, 1], 10).unwrap();
    assert_eq!((facts.facts().steps, facts.facts().embedding.dim()), (4, 6));
    assert_eq!(
        config.embedding.config(),
        nopropdt_blocks::EmbeddingConfig::Learned { dim: 6, start: EmbeddingStart::Orthogonal }
    );
    assert_eq!(
        config.training.optimizer(),
        OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.25, nesterov: false }
    );
    assert_eq!(
        config.training.learning_rate(5),
        LearningRate::Cosine { warmup_steps: 15, final_fraction: 0.0 }
    );
}

#[test]
fn settings_of_data_are_absent_until_they_are_used() {
    let text = resolved(Overrides::default()).to_toml();
    for key in ["image-size", "split", "normalize", "crop-padding", "crop-edges", "flip", "cutout"] {
        assert!(!text.contains(&format!("\n{key} = ")), "{key} is in\n{text}");
    }
    let own = Overrides::default()
        .with("dataset", "folder:/a b")
        .with("image-size", ImageSize { height: 32, width: 48 })
        .with("channels", Channels::Grey)
        .with("split", 0.125)
        .with("normalize", Normalize::Standard)
        .with("crop-padding", 4)
        .with("crop-edges", Edges::Mirror)
        .with("flip", true)
        .with("cutout", 6);
    let config = resolved(own);
    assert_eq!(resolved(from_text(&config.to_toml()).unwrap()), config);
    assert_eq!(
        config.data.augmentation(),
        Augmentation { crop_scale: 0.0, crop_padding: 4, edges: Edges::Mirror, flip: true, cutout: 6 }
    );
    let options = config.data.load_options(Path::new("here"));
    assert_eq!(
        (options.image_size, options.channels, options.split),
        (Some((32, 48)), Channels::Grey, Some(0.125))
    );
    assert_eq!((config.training.epochs, config.training.batch_size), (10, 128));
}

/// A file of before, whose settings have the names of flags: with those that meant nothing to its method.
#[test]
fn files_without_sections_are_read() {
    let old = "dataset = \"digits\"\nvalidation = 0\nmethod = \"fm\"\nsteps = 7\nschedule = \"cosine\"\neta = 0.1\n\
               objective = \"paper\"\nembedding = \"learned\"\nembedding-dim = 6\nembedding-start = \"small\"\nhead = \"radial\"\n\
               head-sigma = 0.5\nblock = \"reference\"\ndecoder = false\ndropout = 0.1\nepochs = 3\nbatch-size = 32\n\
               optimizer = \"adam\"\nlr = 0.01\n";
    let config = resolved(from_text(old).unwrap());
    assert_eq!((config.method.name.as_str(), config.method.get("steps")), ("fm", Some(7)));
    assert_eq!((config.embedding.dim, config.head.sigma), (6, Some(0.5)));
    let block = config.block.read::<ConvBlock>(&config.block.settings).unwrap();
    assert_eq!(block, ConvBlock { dropout: 0.1, ..ConvBlock::reference() });
    assert_eq!((config.training.epochs, config.training.lr), (3, 0.01));
    // The same in sections.
    assert_eq!(resolved(from_text(&config.to_toml()).unwrap()), config);
    let refused = from_text("method = \"fm\"\nschedule = \"linear\"\n").unwrap().resolve(None).unwrap_err();
    let rule = "must be left out: method fm has no such setting; it has flow-sigma, sampler, steps";
    assert_eq!(refused.to_string(), format!("schedule: {rule}"));
}

#[test]
fn settings_of_another_block_are_left_out() {
    let file = from_text("[block]\nname = \"reference\"\nhidden = 7\n[training]\nepochs = 2\n").unwrap();
    let config = resolved(Overrides::default().with("block", "paper").over(file.clone()));
    assert_eq!(config.block.read::<ConvBlock>(&config.block.settings).unwrap(), ConvBlock::paper());
    assert_eq!((config.training.epochs, resolved(file).block.get("hidden")), (2, Some(7)));
}

#[test]
fn settings_that_nothing_has_are_named() {
    let unknown = |setting: &str| refused(Overrides::default().with(setting, 1));
    assert_eq!(unknown("epoch"), "unknown setting `epoch`");
    assert_eq!(unknown("training.epoch"), "unknown setting `training.epoch`");
    assert_eq!(unknown("train.epochs"), "unknown setting `train.epochs`");
    assert!(
        unknown("block.heads")
            .starts_with("block.heads: must be left out: block paper has no such setting; it has channels, ")
    );
    let kind = refused(Overrides::default().with("block.hidden", "wide"));
    assert_eq!(kind, "block.hidden: invalid type: string \"wide\", expected usize");
    let kind = refused(Overrides::default().with("epochs", "many"));
    assert_eq!(kind, "epochs: invalid type: string \"many\", expected usize");
}

/// What is added to a registry has what is built in: settings in files, names in messages.
#[test]
fn things_of_ones_own_are_settings() {
    let narrow = ConvBlock { channels: [4, 4, 4], ..ConvBlock::paper() };
    let registry = Registry::builtin().block("narrow", "fewer channels", narrow.clone());
    let own = Overrides::from_text_in("[block]\nname = \"narrow\"\nhidden = 9\n", &registry).unwrap();
    let config = own.resolve_in(&registry, None).unwrap();
    let block = config.block.read::<ConvBlock>(&config.block.settings).unwrap();
    assert_eq!(block, ConvBlock { hidden: 9, ..narrow });
    assert!(config.to_toml().contains("[block]\nname = \"narrow\"\nchannels = [4, 4, 4]\n"));
    let known = config.network(&[8, 8, 1], 10).unwrap().facts().parameters;
    assert!(known < resolved(Overrides::default()).network(&[8, 8, 1], 10).unwrap().facts().parameters / 10);
    assert!(
        Overrides::from_text("[block]\nname = \"narrow\"\n").unwrap_err().contains("unknown block `narrow`")
    );
}

/// A quarter of the run where nobody says how long the rate rises.
#[test]
fn one_cycle_rises_over_a_quarter_or_the_warm_up() {
    let rate = |warmup: usize| {
        let own = Overrides::default().with("lr-schedule", "one-cycle").with("epochs", 8);
        resolved(own.with("warmup-epochs", warmup)).training.learning_rate(10)
    };
    assert_eq!(rate(0), LearningRate::Linear { warmup_steps: 20 });
    assert_eq!(rate(1), LearningRate::Linear { warmup_steps: 10 });
}

#[test]
fn optimizers_have_their_names() {
    let named = |name: &str| {
        resolved(Overrides::default().with("optimizer", name).with("weight-decay", 0.5)).training.optimizer()
    };
    assert_eq!(named("muon"), OptimizerConfig::muon(0.5));
    assert_eq!(named("nesterov"), OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.5, nesterov: true });
}
