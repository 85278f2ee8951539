//! The paper's figures: accuracy against time, heads, starts of the embedding, prototypes.

use super::data::Data;
use super::row::Row;
use anyhow::{Context, Result, anyhow};
use nopropdt_data::{Examples, ImageShape};
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

const READ_EACH_EPOCH: &str = "Accuracy of the chain on the test set after each epoch, as the paper shows it; one training (seed 0) a curve, and nothing was chosen from it.";

/// A figure of curves: its number in the paper, what it shows, and the variations that are its curves.
struct Curves {
    number: usize,
    what: &'static str,
    of: fn(&Row<'_>) -> bool,
    axis: Axis,
    further: &'static str,
}

const CURVES: [Curves; 3] = [
    Curves {
        number: 3,
        what: "accuracy against training time",
        of: |row| row.variation() == Some("curve"),
        axis: Axis::Seconds,
        further: "One-hot embedding. Seconds are of training alone.",
    },
    Curves {
        number: 4,
        what: "softmax and radial head",
        of: |row| row.embedding() == "learned" && matches!(row.variation(), Some("softmax" | "radial")),
        axis: Axis::Epochs,
        further: "Learned embedding. The head's loss reaches the embedding, and the embedding all blocks.",
    },
    Curves {
        number: 5,
        what: "starts of the learned embedding",
        of: |row| matches!(row.variation(), Some("orthogonal" | "random")),
        axis: Axis::Epochs,
        further: "",
    },
];

/// Draws every figure whose cells are there into `folder`.
pub(super) fn draw(rows: &[Row<'_>], data_dir: &Path, folder: &Path) -> Result<Vec<Figure>> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut figures = Vec::new();
    for data in Data::ALL {
        let rows: Vec<Row<'_>> = rows.iter().filter(|row| row.data == data).copied().collect();
        for figure in CURVES {
            figures.extend(curves(&figure, data, &rows, folder)?);
        }
        figures.extend(prototypes(&rows, data, data_dir, folder)?);
    }
    Ok(figures)
}

/// A figure of the curves that are there; none where there are not two to compare.
fn curves(figure: &Curves, data: Data, rows: &[Row<'_>], folder: &Path) -> Result<Option<Figure>> {
    let Curves { number, what, of, axis, further } = figure;
    let rows: Vec<&Row<'_>> = rows.iter().filter(|row| of(row)).collect();
    let curves: Vec<Curve> = rows.iter().filter_map(|row| curve(row, *axis)).collect();
    if curves.len() < 2 {
        return Ok(None);
    }
    let file = format!("figure{number}-{}.svg", data.key());
    plot(&folder.join(&file), axis.title(), &curves)?;
    let not_run: Vec<&str> = rows.iter().filter(|row| row.seeds() == 0).map(|row| row.name()).collect();
    let not_run = match not_run[..] {
        [] => String::new(),
        _ => format!(" Not run: {}.", not_run.join(", ")),
    };
    let settings: Vec<String> =
        rows.iter().map(|row| format!("{}: {}", curve_name(row), row.departures())).collect();
    let caption =
        format!("{READ_EACH_EPOCH} {further}{not_run} Departures from Table 3: {}.", settings.join("; "));
    Ok(Some(Figure { title: format!("Figure {number}, {}: {what}", data.title()), file, caption }))
}

/// A row's name beside the others of its figure.
fn curve_name(row: &Row<'_>) -> String {
    match row.variation() {
        None | Some("curve") => row.method().to_owned(),
        Some(variation) => variation.to_owned(),
    }
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

/// The curve of a row's first seed; none when it was not run.
fn curve(row: &Row<'_>, axis: Axis) -> Option<Curve> {
    let (_, outcome) = row.results.outcomes().next()?;
    let mut seconds = 0.0;
    let points = outcome.epochs.iter().filter_map(|epoch| {
        seconds += epoch.seconds;
        let x = match axis {
            Axis::Seconds => seconds,
            Axis::Epochs => epoch.epoch as f64,
        };
        Some((x, 100.0 * epoch.chain?))
    });
    Some((curve_name(row), points.collect()))
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

/// Figure 2: prototypes of each class before training, in the upper row, and after it. A result does not keep its model: without one, the
/// picture that was drawn when it was made stays.
fn prototypes(rows: &[Row<'_>], data: Data, data_dir: &Path, folder: &Path) -> Result<Option<Figure>> {
    let of_prototypes =
        |row: &&Row<'_>| row.embedding() == "prototype" && row.method() == "dt" && row.seeds() > 0;
    let Some(row) = rows.iter().find(of_prototypes) else { return Ok(None) };
    let file = format!("figure2-{}.png", data.key());
    let caption = "One column a class: above the training image it starts from, below what training made of it. The first ten classes.";
    let figure = Figure {
        title: format!("Figure 2, {}: prototypes before and after training", data.title()),
        file: file.clone(),
        caption: format!("{caption} Departures from Table 3: {}.", row.departures()),
    };
    let cell = row.results.arm.cells()[0].clone();
    let model = cell.run_folder(&row.profile.work()).join("model.safetensors");
    if !model.exists() {
        return Ok(folder.join(&file).exists().then_some(figure));
    }
    let model = nopropdt_train::model_file::load(&model)?;
    let (Some(shape), Some(before)) = (model.metadata.input.image(), before_training(&cell, data, data_dir))
    else {
        return Ok(None);
    };
    let after = model.network.embedding_matrix(&model.weights);
    draw_prototypes(&[before, after], shape, &folder.join(&file))?;
    Ok(Some(figure))
}

/// What the prototypes of a cell started from, if its dataset is one that is known by name and is there.
fn before_training(cell: &Cell, data: Data, data_dir: &Path) -> Option<Tensor> {
    let name = data.known()?;
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
