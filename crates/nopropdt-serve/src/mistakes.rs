//! A run's wrong answers to its test images, by class.

use crate::answer::Pixels;
use crate::app::App;
use crate::models::{Asked, Version};
use crate::reply::{Refusal, encode};
use crate::runs;
use nopropdt_blocks::Readout;
use nopropdt_data::Split;
use nopropdt_train::evaluate::{Answer, inspect};
use nopropdt_train::images::load_test_images;
use serde::Serialize;

/// Wrong answers of a class that are shown, the surest first.
const MOST_SHOWN: usize = 12;

#[derive(Serialize)]
struct Mistakes<'a> {
    run: &'a str,
    dataset: String,
    readout: Readout,
    /// Test images answered.
    images: usize,
    wrong: usize,
    classes: Vec<OfClass<'a>>,
}

/// The test images of one class.
#[derive(Serialize)]
struct OfClass<'a> {
    class: &'a str,
    label: usize,
    images: usize,
    wrong: usize,
    shown: Vec<Mistake<'a>>,
}

#[derive(Serialize)]
struct Mistake<'a> {
    /// Index among the test images.
    index: usize,
    answered: &'a str,
    probability: f64,
    /// What it looks like, where that is an image.
    image: Option<Pixels>,
}

/// The wrong answers of the run called `name`, as JSON: its network as it is now, on the test images that its settings name.
pub(crate) fn of_run(app: &App, name: &str) -> Result<String, Refusal> {
    let record = runs::record(app, name)?;
    let version = Version::of(&record.model_file())
        .map_err(|_| Refusal::absent(format!("run {name:?}: has no model yet")))?;
    let found = app.mistakes_kept.get(version, || {
        let asked = app.model(Some(name))?;
        let data = &record.config.data;
        let metadata = &asked.predictor.model().metadata;
        let options = data.load_options(&app.data_dir);
        let most = data.limit_test.map_or(app.limits.images, |limit| limit.min(app.limits.images));
        app.pool.install(|| {
            let unread =
                |error| Refusal::absent(format!("the images of run {name:?} can't be read: {error}"));
            let (test, _) = load_test_images(&data.dataset, &options, metadata).map_err(unread)?;
            found(&asked, name, &test.limited(Some(most)))
        })
    })?;
    Ok(found.to_string())
}

fn found(asked: &Asked, name: &str, test: &Split) -> Result<String, Refusal> {
    let (model, readout) = (asked.predictor.model(), asked.predictor.readout());
    let (metadata, names) = (&model.metadata, &model.metadata.class_names);
    let seed = metadata.config.training.seed;
    let answers = inspect(model.network.as_ref(), &model.weights, test, seed, readout).answers;
    let mut wrong: Vec<Vec<Answer>> = names.iter().map(|_| Vec::new()).collect();
    let mut images = vec![0; names.len()];
    for answer in answers {
        let label = test.label(answer.index);
        images[label] += 1;
        if answer.prediction != label {
            wrong[label].push(answer);
        }
    }
    let mistake = |answer: &Answer| Mistake {
        index: answer.index,
        answered: &names[answer.prediction],
        probability: answer.confidence,
        image: test.picture(answer.index).map(|(shape, bytes)| Pixels::of_bytes(shape, &bytes)),
    };
    let of_class = |(label, wrong): (usize, &mut Vec<Answer>)| {
        // The worst first: those the network was surest of.
        wrong.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
        let shown = wrong.iter().take(MOST_SHOWN).map(mistake).collect();
        OfClass { class: &names[label], label, images: images[label], wrong: wrong.len(), shown }
    };
    let classes: Vec<OfClass<'_>> = wrong.iter_mut().enumerate().map(of_class).collect();
    let sum = classes.iter().map(|class| class.wrong).sum();
    let dataset = metadata.config.data.dataset.short_name();
    encode(&Mistakes { run: name, dataset, readout, images: test.len(), wrong: sum, classes })
}
