//! A chart as inline SVG: layers of lines, dashed levels, stems and texts on two [`Axis`]es.

use std::io;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::data::ReportError;
use super::palette;

/// Drawing units, two to a CSS pixel at the usual size: plotters rounds positions to whole units.
const SIZE: (u32, u32) = (960, 560);
/// Height of all text, in drawing units.
const TEXT: i32 = 33;
/// Stands for the page's ink while drawing, and becomes `currentColor`; no other colour may equal it.
const INK: RGBColor = RGBColor(1, 2, 3);
/// Series longer than this are drawn without a mark on every value.
const MOST_MARKS: usize = 60;

/// Points as (x, y) values, before their axes place them.
pub(super) type Points = Vec<(f64, f64)>;

/// One thing drawn on a chart; later ones cover earlier ones.
pub(super) enum Layer {
    /// Points joined by a line, each marked while they are few.
    Line { points: Points, color: RGBColor },
    /// A dashed horizontal line across the chart.
    Level { value: f64, color: RGBColor },
    /// A stem from zero (or from the axis, where it has no zero) to each point; negative ones in red.
    Stems { points: Points },
    /// A text just above each point.
    Texts { points: Points, texts: Vec<String> },
}

/// A chart to draw.
pub(super) struct Plot {
    /// Its name in errors.
    pub(super) name: &'static str,
    /// What it shows, for those who cannot see it.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) layers: Vec<Layer>,
}

/// A drawn chart.
pub(super) struct Drawing {
    /// The `<svg>` element.
    pub(super) svg: String,
    /// Values that the axes cannot show.
    pub(super) hidden: usize,
}

type Fault = DrawingAreaErrorKind<io::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Context<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

impl Plot {
    /// Draws the chart.
    pub(super) fn draw(&self) -> Result<Drawing, ReportError> {
        let mut svg = String::new();
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let hidden = self
            .draw_on(&root)
            .map_err(|fault| ReportError::Chart { chart: self.name, reason: fault.to_string() })?;
        drop(root);
        Ok(Drawing { svg: embed(&svg, &self.description), hidden })
    }

    fn draw_on(&self, root: &Area<'_>) -> Result<usize, Fault> {
        let longest = self.y.ticks.iter().map(|tick| tick.1.chars().count()).max().unwrap_or(0);
        let mut chart = ChartBuilder::on(root)
            .margin_top(34)
            .margin_right(26)
            .margin_left(4)
            .x_label_area_size(86)
            .y_label_area_size(66 + 16 * longest as u32)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let ink = |share: f64, size: i32| ("sans-serif", size).into_font().color(&INK.mix(share));
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(INK.mix(0.13).stroke_width(2))
            .light_line_style(TRANSPARENT)
            .axis_style(INK.mix(0.45).stroke_width(2))
            .label_style(ink(0.8, TEXT))
            .axis_desc_style(ink(0.8, TEXT))
            .x_desc(self.x.label)
            .y_desc(self.y.label)
            .draw()?;
        let mut hidden = 0;
        for layer in &self.layers {
            hidden += self.draw_layer(&mut chart, layer)?;
        }
        root.present()?;
        Ok(hidden)
    }

    /// Draws one layer and counts the values that its axes cannot show.
    fn draw_layer(&self, chart: &mut Context<'_, '_>, layer: &Layer) -> Result<usize, Fault> {
        match layer {
            Layer::Line { points, color } => {
                let places = self.places(points);
                let mark = if points.len() > MOST_MARKS { 0 } else { 6 };
                chart.draw_series(
                    LineSeries::new(places.clone(), color.filled().stroke_width(4)).point_size(mark),
                )?;
                Ok(points.len() - places.len())
            }
            Layer::Level { value, color } => {
                let Some(place) = self.y.place(*value) else { return Ok(1) };
                let ends = [(self.x.low, place), (self.x.high, place)];
                chart.draw_series(DashedLineSeries::new(ends, 16, 10, color.stroke_width(4)))?;
                Ok(0)
            }
            Layer::Stems { points } => self.draw_stems(chart, points),
            Layer::Texts { points, texts } => {
                let style = ("sans-serif", TEXT - 3)
                    .into_font()
                    .color(&INK)
                    .pos(Pos::new(HPos::Center, VPos::Bottom));
                let placed = points.iter().zip(texts).filter_map(|(&point, text)| {
                    Some(
                        EmptyElement::at(self.place(point)?)
                            + Text::new(text.clone(), (0, -8), style.clone()),
                    )
                });
                chart.draw_series(placed)?;
                Ok(0)
            }
        }
    }

    fn draw_stems(&self, chart: &mut Context<'_, '_>, points: &Points) -> Result<usize, Fault> {
        let base = self.y.place(0.0).unwrap_or(self.y.low);
        if base > self.y.low {
            let ends = vec![(self.x.low, base), (self.x.high, base)];
            chart.draw_series([PathElement::new(ends, INK.mix(0.45).stroke_width(2))])?;
        }
        let many = points.len() > MOST_MARKS;
        let mut drawn = 0;
        for &(x, y) in points {
            let Some(place) = self.place((x, y)) else { continue };
            let color = if y < 0.0 { palette::WRONG } else { palette::CHAIN };
            let width = if many { 2 } else { 6 };
            chart.draw_series([PathElement::new(vec![(place.0, base), place], color.stroke_width(width))])?;
            if !many {
                chart.draw_series([Circle::new(place, 10, color.filled())])?;
            }
            drawn += 1;
        }
        Ok(points.len() - drawn)
    }

    fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.x.place(x)?, self.y.place(y)?))
    }

    fn places(&self, points: &Points) -> Points {
        points.iter().filter_map(|&point| self.place(point)).collect()
    }
}

/// plotters' view of an axis: places on a line, with our ticks and their texts.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (start, end): (i32, i32)) -> i32 {
        let share = (place - self.low) / (self.high - self.low);
        (f64::from(start) + share * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Light grid lines are those without a text; there are none.
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.ticks.iter().map(|tick| tick.0).collect()
        }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        self.tick_text(*place)
    }
}

/// The drawing with a header that fits a page: it scales, has a description, and takes the page's ink.
fn embed(svg: &str, description: &str) -> String {
    let inner = svg.split_once('>').map_or("", |(_header, inner)| inner);
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}",
        SIZE.0,
        SIZE.1,
        super::html::escape(description),
        inner.replace("\"#010203\"", "\"currentColor\"").trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Points) -> Plot {
        Plot {
            name: "test",
            description: "a <test>".to_owned(),
            x: Axis::counting("epoch", 1, points.len()),
            y: Axis::log("loss", points.iter().map(|point| point.1).collect::<Vec<_>>().into_iter()),
            layers: vec![Layer::Line { points, color: palette::CHAIN }],
        }
    }

    #[test]
    fn a_drawing_is_one_svg_element_in_the_ink_of_the_page() {
        let drawing = plot(vec![(1.0, 0.1), (2.0, 0.05)]).draw().unwrap();
        assert!(drawing.svg.starts_with("<svg class=\"chart\" viewBox=\"0 0 960 560\" role=\"img\""));
        assert!(drawing.svg.ends_with("</svg>"));
        assert!(drawing.svg.contains("aria-label=\"a &lt;test&gt;\""));
        assert!(drawing.svg.contains("currentColor") && !drawing.svg.contains("#010203"));
        assert!(!drawing.svg.contains("xmlns"));
        assert!(drawing.svg.contains("#3B7DD8") && drawing.svg.contains("epoch"));
        assert_eq!(drawing.hidden, 0);
    }

    #[test]
    fn values_that_the_axis_cannot_show_are_counted() {
        let points = vec![(1.0, 0.1), (2.0, 0.0), (3.0, f64::NAN), (4.0, f64::INFINITY)];
        let drawing = plot(points).draw().unwrap();
        assert_eq!(drawing.hidden, 3);
        assert!(!drawing.svg.contains("NaN") && !drawing.svg.contains("inf"));
    }

    #[test]
    fn a_stem_below_zero_is_red_and_longer_than_nothing() {
        let points = vec![(1.0, -0.5), (2.0, 20.0)];
        let chart = Plot {
            y: Axis::signed_log("weight", points.clone().into_iter().map(|point| point.1)),
            layers: vec![Layer::Stems { points: points.clone() }],
            ..plot(points)
        };
        let drawing = chart.draw().unwrap();
        assert_eq!(drawing.hidden, 0);
        assert_eq!(drawing.svg.matches("<circle").count(), 2);
        assert!(drawing.svg.contains("#D6453D"), "the negative stem is missing");
    }
}
