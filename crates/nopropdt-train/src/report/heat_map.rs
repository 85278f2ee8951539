//! A square of shares, one for each two blocks, as inline SVG. Its ink is the page's, so that it follows a light or dark scheme.

use super::html::escape;
use super::numbers;
use super::palette;

/// Side of a cell and room for the numbers of blocks, in units of the drawing.
const CELL: usize = 40;
const MARGIN: usize = 46;
/// Up to this many blocks, each cell shows its number.
const MOST_WRITTEN: usize = 12;
/// The faintest colour, which still shows that a cell is there, and the fullest, on which ink can be read.
const SHADES: [f64; 2] = [0.04, 0.8];

/// A square of shares, 0 to 1.
pub(super) struct HeatMap<'a> {
    /// Heading of its card.
    pub(super) title: &'static str,
    /// What a number is: `same answers`.
    pub(super) what: &'static str,
    /// Number of the block that each row and each column is of.
    pub(super) blocks: &'a [usize],
    pub(super) values: &'a [Vec<f64>],
    /// How to read it.
    pub(super) caption: &'static str,
}

impl HeatMap<'_> {
    /// The card. Colours run from the smallest share, faint, to 1.
    pub(super) fn card(&self) -> String {
        let lowest = self.values.iter().flatten().copied().fold(1.0, f64::min);
        let side = MARGIN + CELL * self.blocks.len();
        let cells: String = (0..self.blocks.len()).map(|row| self.row(row, lowest)).collect();
        let color = palette::css(palette::CHAIN);
        let [low, high] = [lowest, 1.0].map(|share| numbers::percent(share, 1));
        let legend = format!(
            "<span>{low}</span><i class=\"ramp\" style=\"background:linear-gradient(90deg,transparent,{color})\"></i><span>{high}</span>"
        );
        format!(
            "<figure class=\"card\"><h3>{}</h3><div class=\"legend\">{legend}</div><svg class=\"chart map\" viewBox=\"0 0 {side} {side}\" \
             role=\"img\" aria-label=\"{}: a square of {count} by {count} blocks\" font-size=\"13\">{cells}</svg><figcaption>{}</figcaption></figure>",
            escape(self.title),
            escape(self.title),
            escape(self.caption),
            count = self.blocks.len(),
        )
    }

    /// A row of cells, with its number at the left, and above the first row the numbers of the columns.
    fn row(&self, row: usize, lowest: f64) -> String {
        let at = |index: usize| MARGIN + CELL * index;
        let middle = at(row) + CELL / 2;
        let mut text = label(MARGIN - 8, middle, "end", &self.blocks[row].to_string());
        for (column, &value) in self.values[row].iter().enumerate() {
            if row == 0 {
                let number = self.blocks[column].to_string();
                text.push_str(&label(at(column) + CELL / 2, MARGIN - 14, "middle", &number));
            }
            let (one, two, what) = (self.blocks[row], self.blocks[column], self.what);
            let title = format!("{one} and {two}: {} {what}", numbers::percent(value, 1));
            let strength = shade(value, lowest);
            text.push_str(&format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"{}\" fill-opacity=\"{strength:.3}\"><title>{}</title></rect>",
                at(column),
                at(row),
                palette::css(palette::CHAIN),
                escape(&title),
            ));
            if self.blocks.len() <= MOST_WRITTEN {
                let number = format!("{:.0}", 100.0 * value);
                text.push_str(&label(at(column) + CELL / 2, middle, "middle", &number));
            }
        }
        text
    }
}

/// How full the colour of a share is, between the lowest one and 1.
fn shade(value: f64, lowest: f64) -> f64 {
    let place = if lowest < 1.0 { (value - lowest) / (1.0 - lowest) } else { 1.0 };
    SHADES[0] + place.clamp(0.0, 1.0) * (SHADES[1] - SHADES[0])
}

fn label(x: usize, y: usize, anchor: &str, text: &str) -> String {
    format!(
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" dominant-baseline=\"central\" fill=\"currentColor\" \
         pointer-events=\"none\" style=\"stroke:none\">{text}</text>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map<'a>(blocks: &'a [usize], values: &'a [Vec<f64>]) -> HeatMap<'a> {
        HeatMap { title: "Agreement <1>", what: "same answers", blocks, values, caption: "Read it." }
    }

    #[test]
    fn each_two_blocks_have_a_cell_with_its_share() {
        let card = map(&[1, 5], &[vec![1.0, 0.75], vec![0.75, 1.0]]).card();
        assert_eq!(card.matches("<rect").count(), 4);
        assert_eq!(card.matches("<title>1 and 5: 75.0\u{a0}% same answers</title>").count(), 1);
        assert_eq!(card.matches("fill-opacity=\"0.800\"").count(), 2);
        assert_eq!(card.matches("fill-opacity=\"0.040\"").count(), 2);
        assert_eq!(card.matches(">75</text>").count(), 2);
        assert!(card.contains("Agreement &lt;1&gt;") && card.contains("<figcaption>Read it.</figcaption>"));
    }

    #[test]
    fn many_blocks_have_cells_without_numbers_and_equal_ones_are_full() {
        let blocks: Vec<usize> = (1..=20).collect();
        let values = vec![vec![1.0; 20]; 20];
        let card = map(&blocks, &values).card();
        assert_eq!((card.matches("<rect").count(), card.matches("<text").count()), (400, 40));
        assert_eq!(card.matches("fill-opacity=\"0.800\"").count(), 400);
    }
}
