//! Answers of a network that was read from its file.

use nopropdt_blocks::ConvBlock;
use nopropdt_data::{DatasetName, Examples, Normalisation, Split, load};
use nopropdt_train::config::{Overrides, RunConfig};
use nopropdt_train::evaluate::{answers, chain_of};
use nopropdt_train::model_file::{self, Model, ModelMetadata, parse};
use nopropdt_train::predictor::{PredictError, Predictor};
use nopropdt_train::registry::Registry;
use nopropdt_train::run::{self, Silent};
use std::path::Path;
use std::sync::OnceLock;

/// A network that knows its digits, trained once for all tests.
fn trained() -> Model {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = BYTES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let small = Overrides::default()
            .with("steps", 2)
            .with("epochs", 6)
            .with("batch-size", 16)
            .with("lr", 0.002)
            .with("dropout", 0.0)
            .with("normalize", "standard");
        run::begin(small.resolve(None).unwrap(), Path::new("data"), &path).unwrap().train(&Silent).unwrap();
        std::fs::read(path.join("model.safetensors")).unwrap()
    });
    parse(bytes).unwrap()
}

fn predictor() -> Predictor {
    Predictor::from_model(trained()).unwrap()
}

/// The first test digits: normalised as the network sees them, and as they are.
fn digits(count: usize) -> (Split, Vec<Vec<f32>>) {
    let test = load(DatasetName::Digits, Path::new("unused")).unwrap().test.limited(Some(count));
    let values = |split: &Split, index: usize| {
        let mut values = vec![0.0; split.shape().len()];
        Examples::fill(split, index, &mut values);
        values
    };
    let plain = (0..count).map(|index| values(&test, index)).collect();
    let normalisation = trained().metadata.normalisation.unwrap();
    (test.with_normalisation(normalisation).unwrap(), plain)
}

#[test]
fn answers_are_those_of_evaluation() {
    let (predictor, (test, images)) = (predictor(), digits(250));
    let found = predictor.predict_all(&images).unwrap();
    let Model { network, weights, metadata } = predictor.model();
    let seed = metadata.config.training.seed;
    // The first image has the noise that evaluation gives it, and the same normalisation.
    let expected = chain_of(network.as_ref(), weights, &test, seed, 0);
    assert_eq!(found[0].after_each, expected);
    // The others have another noise there.
    let evaluated = answers(network.as_ref(), weights, &test, seed);
    let agree = found.iter().zip(&evaluated).filter(|(one, other)| one.class == other.prediction).count();
    let right = (0..test.len()).filter(|&index| found[index].class == test.label(index)).count();
    assert!(agree >= 200 && right >= 200, "{agree} of 250 agree, {right} are right");
}

#[test]
fn an_image_has_one_answer() {
    let (predictor, (_, images)) = (predictor(), digits(203));
    let all = predictor.predict_all(&images).unwrap();
    assert_eq!(predictor.predict_all(&images[..0]).unwrap(), []);
    for index in [0, 1, 199, 200, 202] {
        assert_eq!(predictor.predict(&images[index]).unwrap(), all[index], "image {index}");
    }
    let twice = predictor.predict_all(&[&images[7], &images[3], &images[7]]).unwrap();
    assert_eq!([&twice[0], &twice[1], &twice[2]], [&all[7], &all[3], &all[7]]);
}

#[test]
fn the_parts_of_an_answer_belong_together() {
    let (predictor, (_, images)) = (predictor(), digits(20));
    for answer in predictor.predict_all(&images).unwrap() {
        let second = &answer.runner_up;
        assert_eq!((answer.probabilities.len(), answer.after_each.len()), (10, 2));
        assert_eq!(answer.name, answer.class.to_string());
        assert_eq!(second.name, second.class.to_string());
        let of = |class: usize| answer.probabilities[class];
        assert_eq!((of(answer.class), of(second.class)), (answer.probability, second.probability));
        let below = (0..10).filter(|class| ![answer.class, second.class].contains(class)).map(of);
        assert!(answer.probability >= second.probability && below.clone().all(|p| p <= second.probability));
        for class in 0..10 {
            let mean = answer.after_each.iter().map(|block| block[class]).sum::<f64>() / 2.0;
            assert!((mean - answer.consensus[class]).abs() < 1e-6, "{answer:?}");
        }
    }
}

#[test]
fn draws_are_averaged_and_seeds_differ() {
    let (_, images) = digits(1);
    let one = predictor().predict(&images[0]).unwrap();
    assert_eq!(predictor().with_draws(0).predict(&images[0]).unwrap(), one);
    let other = predictor().with_seed(99).predict(&images[0]).unwrap();
    assert_ne!(other.probabilities, one.probabilities);
    let mean = predictor().with_draws(20).predict(&images[0]).unwrap();
    assert_ne!(mean.probabilities, one.probabilities);
    let sum: f64 = mean.probabilities.iter().sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
}

#[test]
fn what_is_no_image_of_the_model_is_refused() {
    let predictor = predictor();
    let refused = |image: &[f32]| predictor.predict_all(&[&[0.5; 64], image]).unwrap_err().to_string();
    assert_eq!(refused(&[0.5; 63]), "image 1: must have 64 values, 8x8x1; found 63");
    assert_eq!(refused(&[]), "image 1: must have 64 values, 8x8x1; found 0");
    for (value, shown) in [(f32::NAN, "NaN"), (f32::NEG_INFINITY, "-inf")] {
        let mut image = [0.5; 64];
        image[9] = value;
        assert_eq!(refused(&image), format!("image 1: values must be finite; value 9 is {shown}"));
    }
    // Finite values may still be too much for a network.
    let error = predictor.predict(&[f32::MAX; 64]).unwrap_err();
    assert!(matches!(error, PredictError::NoAnswer { index: 0 }), "{error}");
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let refused = |change: &dyn Fn(&mut Model)| {
        let mut model = trained();
        change(&mut model);
        Predictor::from_model(model).err().unwrap().to_string()
    };
    let error = refused(&|model| drop(model.metadata.class_names.pop()));
    assert_eq!(error, "model: must have 10 class names; found 9");
    let error = refused(&|model| drop(model.weights.blocks.pop()));
    assert_eq!(error, "model: weights must be of the network; found those of another");
    // A network of these settings on such inputs would be another, or is none.
    for sizes in [vec![4, 4, 4], vec![64]] {
        let error = refused(&|model| model.metadata.input = sizes.clone().into());
        assert_eq!(error, "model: the network must be that of the settings and the shape; found another");
    }
    let two = Normalisation { mean: vec![0.5; 2], deviation: vec![0.1; 2] };
    let error = refused(&|model| model.metadata.normalisation = Some(two.clone()));
    assert!(error.starts_with("normalisation: there must be a finite mean"), "{error}");
    let absent = Predictor::load(Path::new("no/such.safetensors")).err().unwrap().to_string();
    assert!(absent.starts_with("no/such.safetensors: can't be read: "), "{absent}");
}

/// A model file of fresh weights.
fn saved(config: &RunConfig, path: &Path) {
    let Model { metadata, .. } = trained();
    let network = config.network(metadata.input.sizes(), 10).unwrap();
    let weights = network.init(3);
    let metadata = ModelMetadata::new(
        config,
        metadata.input.clone(),
        network.alpha_bar(&weights),
        &metadata.class_names,
    );
    model_file::save(path, &metadata, network.as_ref(), &weights).unwrap();
}

#[test]
fn a_network_of_ones_own_answers_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let narrow = ConvBlock { channels: [4, 4, 4], ..ConvBlock::paper() };
    let registry = Registry::builtin().block("narrow", "fewer channels", narrow);
    let own = Overrides::default().with("block", "narrow").with("steps", 2);
    saved(&own.resolve_in(&registry, None).unwrap(), &path);
    let error = Predictor::load(&path).err().unwrap().to_string();
    assert!(error.contains("unknown block `narrow`"), "{error}");
    let predictor = Predictor::load_in(&path, &registry).unwrap();
    assert_eq!(predictor.predict(&[0.25; 64]).unwrap().after_each.len(), 2);
}

#[test]
fn one_network_for_all_steps_answers_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for method in ["ct", "fm", "backprop"] {
        let config = Overrides::default().with("method", method).with("steps", 4).resolve(None).unwrap();
        saved(&config, &path);
        let predictor = Predictor::load(&path).unwrap();
        let images: Vec<Vec<f32>> = (0..3).map(|index| vec![0.25 * index as f32; 64]).collect();
        let all = predictor.predict_all(&images).unwrap();
        let readouts = predictor.model().network.facts().readouts;
        assert_eq!((all[2].after_each.len(), all[2].consensus.len()), (readouts, 10), "{method}");
        assert_eq!(predictor.predict(&images[2]).unwrap(), all[2], "{method}");
    }
}

#[cfg(feature = "pictures")]
#[test]
fn pictures_are_read_as_those_of_a_folder() {
    use nopropdt_data::{DatasetSource, LoadOptions, load_from};
    let folder = tempfile::tempdir().unwrap();
    // A bitmap in grey: 24 bits a pixel, 12 wide and 10 high, from the bottom up.
    let file = |shade: u32| {
        let pixels: Vec<u8> = (0..120).flat_map(|place| [((place * 7 + shade) % 256) as u8; 3]).collect();
        let long = |number: u32| number.to_le_bytes();
        let sizes = [long(40), long(12), long(10), [1, 0, 24, 0], long(0), long(360)].concat();
        [b"BM", &[long(414), long(0), long(54)].concat()[..], &sizes, &[0; 16], &pixels].concat()
    };
    for part in ["train/a", "train/b", "test/a", "test/b"] {
        std::fs::create_dir_all(folder.path().join(part)).unwrap();
        std::fs::write(folder.path().join(part).join("1.bmp"), file(part.len() as u32)).unwrap();
    }
    let source = DatasetSource::Folder(folder.path().display().to_string());
    let options = LoadOptions {
        image_size: Some((8, 8)),
        channels: nopropdt_data::Channels::Grey,
        ..LoadOptions::new("unused")
    };
    let dataset = load_from(&source, &options).unwrap();
    let mut expected = vec![0.0; 64];
    dataset.test.fill(0, &mut expected);
    let predictor = predictor();
    let picture = predictor.picture(&folder.path().join("test/a/1.bmp")).unwrap();
    assert_eq!(picture, expected);
    // The same bytes from elsewhere.
    let bytes = std::fs::read(folder.path().join("test/a/1.bmp")).unwrap();
    assert_eq!(predictor.picture_of(&bytes, 120).unwrap(), expected);
    let error = predictor.picture_of(&bytes, 119).unwrap_err().to_string();
    assert!(error.starts_with("picture: a picture must have at most 119 pixels"), "{error}");
    let error = predictor.picture_of(b"no picture", 120).unwrap_err().to_string();
    assert!(error.starts_with("picture: must be a PNG, JPEG, BMP or WebP picture; its first"), "{error}");
    assert_eq!(predictor.predict(&picture).unwrap().probabilities.len(), 10);
    let error = predictor.picture(&folder.path().join("test/a/2.bmp")).unwrap_err();
    assert!(matches!(error, PredictError::Data(_)) && error.to_string().contains("2.bmp"), "{error}");
}

#[test]
fn a_watched_answer_is_the_answer_and_tells_of_every_draw() {
    let (_, images) = digits(3);
    let predictor = predictor().with_draws(5);
    for image in &images {
        let watched = predictor.watch(image, <[f32]>::to_vec).unwrap();
        assert_eq!(watched.answer, predictor.predict(image).unwrap());
        let agreeing = watched.draws.iter().filter(|draw| draw.answer.class == watched.answer.class);
        assert_eq!((watched.draws.len(), agreeing.count() as u64), (5, watched.answer.agreeing));
        for (index, draw) in watched.draws.iter().enumerate() {
            assert_eq!((draw.after_each.len(), draw.given.len(), draw.estimates.len()), (2, 2, 2));
            // One-hot embeddings: an estimate is the block's class probabilities.
            for (said, estimate) in draw.after_each.iter().zip(&draw.estimates) {
                assert!((f64::from(estimate[said.class]) - said.probability).abs() < 1e-6, "{draw:?}");
            }
            let other = &watched.draws[(index + 1) % 5];
            assert_ne!(draw.given[0], other.given[0], "each draw starts from noise of its own");
        }
        let mean = watched.draws.iter().map(|draw| f64::from(draw.estimates[0][3])).sum::<f64>() / 5.0;
        assert!((mean - watched.answer.after_each[0][3]).abs() < 1e-6);
    }
    assert!(predictor.watch(&[0.5; 63], |_| ()).is_err());
}

#[test]
fn a_method_whose_blocks_cannot_be_asked_alone_is_watched_without_latents() {
    let small = Overrides::default().with("method", "backprop").with("steps", 2);
    let config = small.resolve(None).unwrap();
    let network = config.network(&[8, 8, 1], 10).unwrap();
    let weights = network.init(1);
    let shape = nopropdt_data::ImageShape { height: 8, width: 8, channels: 1 };
    let names: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let metadata = ModelMetadata::new(&config, shape, network.alpha_bar(&weights), &names);
    let predictor = Predictor::from_model(Model { metadata, network, weights }).unwrap();
    let watched = predictor.watch(&[0.5; 64], |_| ()).unwrap();
    assert_eq!(watched.answer, predictor.predict(&[0.5; 64]).unwrap());
    assert_eq!((watched.draws[0].given.len(), watched.draws[0].after_each.len()), (0, 2));
}
