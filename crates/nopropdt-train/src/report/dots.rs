//! Dots along one axis, a line for each of several things: each value a dot, their mean a bar.

use super::axis::Axis;
use super::html::escape;
use super::palette;
use plotters::style::RGBColor;
use std::fmt::Write;

/// Width of the drawing; the page scales it.
const WIDTH: f64 = 960.0;
/// Height of a line.
const LINE: f64 = 40.0;
const TOP: f64 = 14.0;
/// Below the lines: ticks and what the axis measures.
const BOTTOM: f64 = 62.0;
const RIGHT: f64 = 24.0;
/// Width of a letter of a name, about, at this size of text.
const LETTER: f64 = 10.0;
const TEXT: usize = 18;
/// Longest name that is shown whole, in letters.
const MOST_LETTERS: usize = 34;

/// A line of dots.
pub(super) struct Line {
    pub(super) name: String,
    /// Each value, and what it is.
    pub(super) dots: Vec<(f64, String)>,
    pub(super) mean: Option<f64>,
    pub(super) color: RGBColor,
}

/// The drawing: one SVG element that scales, in the ink of the page.
pub(super) fn svg(description: &str, axis: &Axis, lines: &[Line]) -> String {
    let longest = lines.iter().map(|line| shown(&line.name).chars().count()).max().unwrap_or(0);
    let left = 24.0 + LETTER * longest as f64;
    let height = TOP + LINE * lines.len() as f64 + BOTTOM;
    let x = |value: f64| {
        axis.place(value)
            .map(|place| left + (place - axis.low) / (axis.high - axis.low) * (WIDTH - RIGHT - left))
    };
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\" font-size=\"{TEXT}\" fill=\"currentColor\">",
        escape(description)
    );
    let bottom = height - BOTTOM + 6.0;
    for (place, text) in &axis.ticks {
        let Some(x) = x(*place) else { continue };
        svg += &format!(
            "<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"currentColor\" opacity=\".15\" stroke-width=\"2\"/>"
        );
        svg += &format!(
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" opacity=\".8\">{}</text>",
            bottom + 20.0,
            escape(text)
        );
    }
    let middle = f64::midpoint(left, WIDTH - RIGHT);
    svg += &format!(
        "<text x=\"{middle:.1}\" y=\"{}\" text-anchor=\"middle\" opacity=\".8\">{}</text>",
        bottom + 46.0,
        escape(axis.label)
    );
    for (index, line) in lines.iter().enumerate() {
        let y = TOP + LINE * (index as f64 + 0.5);
        let color = palette::css(line.color);
        svg += &format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            left - 12.0,
            y + 6.0,
            escape(&shown(&line.name))
        );
        if let Some(x) = line.mean.and_then(x) {
            svg += &format!(
                "<path d=\"M{x:.1} {}V{}\" stroke=\"{color}\" stroke-width=\"4\"/>",
                y - 14.0,
                y + 14.0
            );
        }
        for (value, title) in &line.dots {
            let Some(x) = x(*value) else { continue };
            write!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"7\" fill=\"{color}\" fill-opacity=\".55\" stroke=\"{color}\"><title>{}</title></circle>",
                escape(title)
            )
            .ok();
        }
    }
    svg + "</svg>"
}

/// A name that leaves room for dots.
fn shown(name: &str) -> String {
    match name.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_that_can_be_shown_is_a_dot() {
        let line = |name: &str, values: &[f64]| Line {
            name: name.into(),
            dots: values.iter().map(|value| (*value, format!("seed <{value}>"))).collect(),
            mean: values.first().copied(),
            color: palette::CHAIN,
        };
        let axis = Axis::linear("accuracy (%)", [90.0, 95.0].into_iter(), 1.0, (0.0, 100.0));
        let svg = svg("a <test>", &axis, &[line("one", &[90.0, 91.0, f64::NAN]), line("two", &[])]);
        assert_eq!((svg.matches("<circle").count(), svg.matches("<svg").count()), (2, 1));
        assert!(
            svg.contains("a &lt;test&gt;") && svg.contains("seed &lt;90&gt;") && svg.contains(">two</text>")
        );
        assert!(svg.ends_with("</svg>") && !svg.contains("NaN"), "{svg}");
    }
}
