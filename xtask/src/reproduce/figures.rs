//! The paper's figures: accuracy against time, heads, starts of the embedding, prototypes.

use super::data::Data;
use super::profile::{Planned, Row, datasets};
use anyhow::{Context, Result, anyhow};
use nopropdt_data::{DatasetName, Examples, ImageShape};
use nopropdt_tensor::Tensor;
use nopropdt_train::commands::complain;
use nopropdt_train::experiments::Cell;
use nopropdt_train::files::replace_file;
use plotters::prelude::*;
use std::path::Path;

/// A figure of the page.
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) file: String,
    pub(super) caption: String,
}

/// A curve: what it is called, and its points.
type Curve = (String, Vec<(f64, f64)>);

/// Size of a drawing.
const SIZE: (u32, u32) = (720, 420);

/// Draws every figure whose cells are there into `folder`.
pub(super) fn draw(
    rows: &[Row],
    [work, cells]: [&Path; 2],
    data_dir: &Path,
    folder: &Path,
) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for data in datasets(rows) {
        let (name, key) = (data.title(), data.key());
        let plain = |row: &&Row| row.dataset == data && row.variation.is_none() && row.embedding == "one-hot";
        for (number, rows, standard, axis, what, caption) in [
            (
                3,
                rows.iter().filter(plain).collect(),
                None,
                Axis::Seconds,
                "accuracy against training time",
                "Test accuracy of the chain after each epoch, one-hot embedding, one training (seed 0) a curve.",
            ),
            (
                4,
                beside(rows, data, "radial", "softmax"),
                Some("softmax"),
                Axis::Epochs,
                "softmax and radial head",
                "Test accuracy of the chain after each epoch, one training (seed 0) a curve. One-hot embeddings are fixed, so the head changes no block. Both heads nearly always answer with the largest entry of z_T, so the curves may coincide.",
            ),
            (
                5,
                beside(rows, data, "random", "orthogonal"),
                Some("orthogonal"),
                Axis::Epochs,
                "starts of the learned embedding",
                "Test accuracy of the chain after each epoch, one training (seed 0) a curve.",
            ),
        ] {
            let curves: Vec<Curve> =
                rows.iter().filter_map(|row| curve(row, standard, cells, axis)).collect();
            if curves.len() < 2 && number != 3 || curves.is_empty() {
                continue;
            }
            let file = format!("figure{number}-{key}.svg");
            plot(&folder.join(&file), axis.title(), &curves)?;
            figures.push(Figure {
                title: format!("Figure {number}, {name}: {what}"),
                file,
                caption: caption.into(),
            });
        }
        figures.extend(prototypes(rows, data, [work, cells], data_dir, folder)?);
    }
    Ok(figures)
}

/// A row with a `variation`, and before it the one it is compared with: the row made for the figure, which is called `standard`, or,
/// where the figure needs none of its own, the table's. Empty without the variation.
fn beside<'r>(rows: &'r [Row], data: Data, variation: &str, standard: &str) -> Vec<&'r Row> {
    let Some(varied) = rows.iter().find(|row| row.dataset == data && row.variation == Some(variation)) else {
        return Vec::new();
    };
    let with = |variation: Option<&str>| {
        rows.iter().find(|row| {
            (row.dataset, row.method, row.embedding, row.variation)
                == (data, varied.method, varied.embedding, variation)
        })
    };
    with(Some(standard)).or_else(|| with(None)).into_iter().chain([varied]).collect()
}

#[derive(Clone, Copy)]
enum Axis {
    Seconds,
    Epochs,
}

impl Axis {
    fn title(self) -> &'static str {
        match self {
            Self::Seconds => "training seconds",
            Self::Epochs => "epoch",
        }
    }
}

/// The curve of a row's first seed, called `plain` if it is no variation; None when it was not run.
fn curve(row: &Row, plain: Option<&str>, cells: &Path, axis: Axis) -> Option<Curve> {
    let Planned { cell, .. } = row.cells().into_iter().next()?;
    let outcome = cell.finished(cells)?;
    let mut seconds = 0.0;
    let points = outcome.epochs.iter().filter_map(|epoch| {
        seconds += epoch.seconds;
        let x = match axis {
            Axis::Seconds => seconds,
            Axis::Epochs => epoch.epoch as f64,
        };
        Some((x, 100.0 * epoch.chain?))
    });
    Some((row.variation.or(plain).unwrap_or(row.method).to_owned(), points.collect()))
}

/// Curves of accuracy in percent.
fn plot(path: &Path, x_title: &str, curves: &[Curve]) -> Result<()> {
    let points = || curves.iter().flat_map(|curve| &curve.1);
    let most = points().map(|point| point.0).fold(1.0, f64::max);
    let least = points().map(|point| point.1).fold(100.0, f64::min);
    let failed = |error: &dyn std::fmt::Display| anyhow!("{}: can't be drawn: {error}", path.display());
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let mut chart = ChartBuilder::on(&area)
        .margin(14)
        .x_label_area_size(38)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..most * 1.02, (least - 1.0).max(0.0)..100.5)
        .map_err(|error| failed(&error))?;
    let mesh =
        chart.configure_mesh().x_desc(x_title).y_desc("test accuracy, %").light_line_style(WHITE).draw();
    mesh.map_err(|error| failed(&error))?;
    for (index, (name, points)) in curves.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3);
        let drawn = chart.draw_series(line).map_err(|error| failed(&error))?;
        drawn
            .label(name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    let legend = chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE.mix(0.85))
        .draw();
    legend.map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))?;
    drop((chart, area));
    Ok(replace_file(path, text.as_bytes())?)
}

/// Figure 2: prototypes of each class before training, in the upper row, and after it.
fn prototypes(
    rows: &[Row],
    data: Data,
    [work, cells]: [&Path; 2],
    data_dir: &Path,
    folder: &Path,
) -> Result<Option<Figure>> {
    let row =
        rows.iter().find(|row| row.dataset == data && row.embedding == "prototype" && row.method == "dt");
    let Some(Planned { cell, .. }) = row.and_then(|row| row.cells().into_iter().next()) else {
        return Ok(None);
    };
    let model = cell.run_folder(work).join("model.safetensors");
    // A result of another machine comes without its model.
    if cell.finished(cells).is_none() || !model.exists() {
        return Ok(None);
    }
    let model = nopropdt_train::model_file::load(&model)?;
    let after = model.network.embedding_matrix(&model.weights);
    let Some(shape) = model.metadata.input.image() else { return Ok(None) };
    let before = before_training(&cell, data, data_dir);
    let (title, caption) = match before {
        Some(_) => (
            "prototypes before and after training",
            "One column a class: above the training image it starts from, below what training made of it.",
        ),
        None => (
            "prototypes after training",
            "One column a class. The training images they start from are not shown: the dataset is not there.",
        ),
    };
    let file = format!("figure2-{}.png", data.key());
    draw_prototypes(&before.into_iter().chain([after]).collect::<Vec<_>>(), shape, &folder.join(&file))?;
    let more = if model.metadata.class_names.len() > COLUMNS { " The first ten classes." } else { "" };
    let title = format!("Figure 2, {}: {title}", data.title());
    Ok(Some(Figure { title, file, caption: format!("{caption}{more}") }))
}

/// What the prototypes of a cell started from, if its dataset is one that is known by name and is there.
fn before_training(cell: &Cell, data: Data, data_dir: &Path) -> Option<Tensor> {
    let name = match data {
        Data::Digits => DatasetName::Digits,
        Data::Mnist => DatasetName::Mnist,
        Data::Cifar10 => DatasetName::Cifar10,
        Data::Cifar100 => DatasetName::Cifar100,
        Data::Cifar10Jpeg => return None,
    };
    let found = nopropdt_data::load(name, data_dir).map_err(anyhow::Error::from).and_then(|dataset| {
        let train: &dyn Examples = &dataset.train;
        Ok(nopropdt_train::prototypes::prototypes(train, dataset.classes())?)
    });
    // The page is worth more than this row of pictures.
    let told =
        |error| complain(&format!("{}: drawn without the images it started from: {error:#}", cell.name));
    found.map_err(told).ok()
}

/// Classes shown: more would be too wide for a page.
const COLUMNS: usize = 10;
/// Pixels by which an image is enlarged.
const SCALE: usize = 3;
const GAP: usize = 4;

/// Rows of images side by side; each image is stretched to its own range, since what training adds knows none.
fn draw_prototypes(rows: &[Tensor], shape: ImageShape, path: &Path) -> Result<()> {
    let count = rows[0].shape()[0].min(COLUMNS);
    let (tall, wide) = (shape.height * SCALE + GAP, shape.width * SCALE + GAP);
    let mut picture = image::RgbImage::from_pixel(
        (wide * count + GAP) as u32,
        (tall * rows.len() + GAP) as u32,
        image::Rgb([255; 3]),
    );
    for (row, images) in rows.iter().enumerate() {
        for (column, pixels) in images.data().chunks_exact(shape.len()).take(COLUMNS).enumerate() {
            let low = pixels.iter().copied().fold(f32::INFINITY, f32::min);
            let high = pixels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let bright = |value: f32| (255.0 * (value - low) / (high - low).max(1e-12)) as u8;
            for y in 0..shape.height * SCALE {
                for x in 0..shape.width * SCALE {
                    let at = ((y / SCALE) * shape.width + x / SCALE) * shape.channels;
                    let channel = |index: usize| bright(pixels[at + index.min(shape.channels - 1)]);
                    let (x, y) = (GAP + column * wide + x, GAP + row * tall + y);
                    picture.put_pixel(x as u32, y as u32, image::Rgb([channel(0), channel(1), channel(2)]));
                }
            }
        }
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).with_context(|| path.display().to_string())?;
    Ok(replace_file(path, bytes.get_ref())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_become_a_drawing_with_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        let curves =
            [("dt".to_owned(), vec![(1.0, 90.0), (2.0, 95.0)]), ("ct".to_owned(), vec![(3.0, 50.0)])];
        plot(&path, "epoch", &curves).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        for word in ["dt", "ct", "epoch", "test accuracy"] {
            assert!(text.contains(word), "{word}");
        }
    }

    #[test]
    fn every_variation_is_compared_with_the_standard() {
        use super::super::profile::Profile;
        let mut compared = 0;
        for profile in [Profile::Smoke, Profile::Quick, Profile::Full] {
            let rows = profile.rows();
            for data in datasets(&rows) {
                for (variation, standard) in [("radial", "softmax"), ("random", "orthogonal")] {
                    let varied = |row: &Row| row.dataset == data && row.variation == Some(variation);
                    let found = beside(&rows, data, variation, standard);
                    let Some(row) = rows.iter().find(|row| varied(row)) else {
                        assert!(found.is_empty(), "{profile:?} {data:?}");
                        continue;
                    };
                    assert_eq!(found.len(), 2, "{profile:?} {data:?} {variation}");
                    assert!(!varied(found[0]) && varied(found[1]));
                    assert_eq!((found[0].method, found[0].embedding), (row.method, row.embedding));
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, 1 + 2 + 2 * 3);
    }

    #[test]
    fn prototypes_are_drawn_in_two_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let shape = ImageShape { height: 4, width: 5, channels: 1 };
        let images =
            Tensor::filled_by(&[3, 20], |data| data.iter_mut().enumerate().for_each(|(i, v)| *v = i as f32));
        draw_prototypes(&[images.clone(), images], shape, &path).unwrap();
        let picture = image::open(&path).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (3 * 19 + 4, 2 * 16 + 4));
        assert_eq!((picture.get_pixel(4, 4).0, picture.get_pixel(0, 0).0), ([0; 3], [255; 3]));
    }
}
