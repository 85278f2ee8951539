//! Back-propagation beside NoProp, as SVG. Colours follow the reader's light or dark mode.

use std::fmt::Write;

/// The picture's file.
pub(super) const FILE: &str = "backprop-and-noprop.svg";

const STYLE: &str = "\
.page { fill: #ffffff; stroke: #d5dae2; }
.panel { fill: #f5f6f8; }
.box { fill: #ffffff; stroke: #5d6675; stroke-width: 1.5; }
.loss { fill: #fdeedd; stroke: #b85f0b; stroke-width: 1.5; }
.apart { stroke: #9aa5b6; stroke-width: 1.5; stroke-dasharray: 5 5; }
text { fill: #1c2330; font: 15px system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; text-anchor: middle; }
.title { font-size: 19px; font-weight: 650; }
.soft { fill: #4c5565; font-size: 14px; }
.start { text-anchor: start; }
.values { stroke: #2f6cc0; fill: #2f6cc0; }
.gradients { stroke: #b85f0b; fill: #b85f0b; }
@media (prefers-color-scheme: dark) {
  .page { fill: #12151b; stroke: #303846; }
  .panel { fill: #1b2029; }
  .box { fill: #262d39; stroke: #9aa5b6; }
  .loss { fill: #3a2a18; stroke: #f0a050; }
  .apart { stroke: #5d6675; }
  text { fill: #e4e8ef; }
  .soft { fill: #b4bdcb; }
  .values { stroke: #7fb0f5; fill: #7fb0f5; }
  .gradients { stroke: #f0a050; fill: #f0a050; }
}
";

/// What the picture shows, for readers who don't see it.
const DESCRIPTION: &str = "Left: back-propagation. The image goes up through layer 1, layer 2 and layer 3 to one loss, and the gradient \
    comes down from the loss through layer 3, layer 2 and layer 1. Right: NoProp. Block 1, block 2 and block T each take the image \
    and a noisy target of their own, and each has a loss of its own, whose gradient ends inside the block. No arrow joins two blocks \
    in training. Below: to answer, the blocks run one after the other, from noise to the class.";

/// Centre lines of the three blocks.
const BLOCKS: [(f64, &str, &str); 3] =
    [(450.0, "block 1", "noisiest"), (640.0, "block 2", "less noisy"), (850.0, "block T", "least noisy")];

/// The whole picture.
pub(super) fn draw() -> String {
    let mut canvas = Canvas::default();
    canvas.area("page", [0.5, 0.5, 979.0, 559.0]);
    canvas.area("panel", [16.0, 16.0, 304.0, 468.0]);
    canvas.area("panel", [336.0, 16.0, 628.0, 468.0]);
    back_propagation(&mut canvas);
    training(&mut canvas);
    answering(&mut canvas);
    canvas.arrow("values", [250.0, 522.0], [300.0, 522.0]);
    canvas.text("soft start", 310.0, 527.0, "values, forward");
    canvas.arrow("gradients", [520.0, 522.0], [470.0, 522.0]);
    canvas.text("soft start", 530.0, 527.0, "gradients, back");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 980 560\" role=\"img\" aria-labelledby=\"title description\">\n\
         <title id=\"title\">Back-propagation beside NoProp</title>\n\
         <desc id=\"description\">{DESCRIPTION}</desc>\n\
         <style>\n{STYLE}</style>\n{}</svg>\n",
        canvas.body
    )
}

/// Left panel: layers in a column under one loss.
fn back_propagation(canvas: &mut Canvas) {
    const CENTRE: f64 = 168.0;
    canvas.text("title", CENTRE, 50.0, "Back-propagation");
    let rows =
        [("loss", "the loss"), ("box", "layer 3"), ("box", "layer 2"), ("box", "layer 1"), ("box", "image")];
    for (row, (class, name)) in rows.into_iter().enumerate() {
        let top = 72.0 + 78.0 * row as f64;
        canvas.labelled(class, [CENTRE - 75.0, top, 150.0, 42.0], name);
        if row == 0 {
            continue;
        }
        canvas.arrow("values", [CENTRE - 26.0, top - 3.0], [CENTRE - 26.0, top - 33.0]);
        if name != "image" {
            canvas.arrow("gradients", [CENTRE + 26.0, top - 33.0], [CENTRE + 26.0, top - 3.0]);
        }
    }
    canvas.text("soft", CENTRE, 452.0, "Every layer waits for the gradient");
    canvas.text("soft", CENTRE, 471.0, "of the layer above it.");
}

/// Right panel, above: blocks that train side by side.
fn training(canvas: &mut Canvas) {
    canvas.text("title", 650.0, 50.0, "NoProp: training");
    for (centre, block, noise) in BLOCKS {
        canvas.labelled("loss", [centre - 75.0, 72.0, 150.0, 42.0], "its own loss");
        canvas.labelled("box", [centre - 75.0, 154.0, 150.0, 52.0], block);
        canvas.labelled("box", [centre - 75.0, 246.0, 62.0, 56.0], "image");
        canvas.area("box", [centre - 5.0, 246.0, 84.0, 56.0]);
        canvas.text("soft", centre + 37.0, 269.0, noise);
        canvas.text("soft", centre + 37.0, 288.0, "target");
        canvas.arrow("values", [centre - 26.0, 151.0], [centre - 26.0, 117.0]);
        canvas.arrow("gradients", [centre + 26.0, 117.0], [centre + 26.0, 151.0]);
        canvas.arrow("values", [centre - 44.0, 243.0], [centre - 44.0, 209.0]);
        canvas.arrow("values", [centre + 37.0, 243.0], [centre + 37.0, 209.0]);
    }
    canvas.line("apart", [545.0, 72.0], [545.0, 302.0]);
    canvas.text("title", 745.0, 187.0, "…");
    canvas.line("apart", [745.0, 72.0], [745.0, 160.0]);
    canvas.line("apart", [745.0, 200.0], [745.0, 302.0]);
    canvas.text(
        "soft",
        650.0,
        330.0,
        "No arrow joins two blocks: they can train at the same time, in any order.",
    );
}

/// Right panel, below: the chain.
fn answering(canvas: &mut Canvas) {
    canvas.text("title", 650.0, 386.0, "NoProp: answering");
    let parts = [
        ("noise", 62.0),
        ("block 1", 84.0),
        ("block 2", 84.0),
        ("…", 0.0),
        ("block T", 84.0),
        ("class", 62.0),
    ];
    let mut left = 364.0;
    for (index, (name, width)) in parts.into_iter().enumerate() {
        let width: f64 = if width == 0.0 { 26.0 } else { width };
        match name {
            "…" => canvas.text("", left + width / 2.0, 427.0, name),
            _ => canvas.labelled("box", [left, 402.0, width, 40.0], name),
        }
        left += width;
        if index + 1 < parts.len() {
            canvas.arrow("values", [left + 4.0, 422.0], [left + 31.0, 422.0]);
            left += 35.0;
        }
    }
    canvas.text("soft", 650.0, 469.0, "Each block sees the image and what the block before it made.");
}

/// SVG elements, one a line.
#[derive(Default)]
struct Canvas {
    body: String,
}

impl Canvas {
    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("writing to a string");
    }

    /// A rounded rectangle: left, top, width, height.
    fn area(&mut self, class: &str, [x, y, width, height]: [f64; 4]) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>"
        ));
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.push(format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>"));
    }

    /// A box with its name in the middle.
    fn labelled(&mut self, class: &str, place: [f64; 4], name: &str) {
        self.area(class, place);
        self.text("", place[0] + place[2] / 2.0, place[1] + place[3] / 2.0 + 5.0, name);
    }

    fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        self.push(format_args!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"));
    }

    /// A line, level or upright, with a head at its end.
    fn arrow(&mut self, class: &str, from: [f64; 2], to: [f64; 2]) {
        let (dx, dy) = ((to[0] - from[0]).signum(), (to[1] - from[1]).signum());
        let (dx, dy) = if from[0] == to[0] { (0.0, dy) } else { (dx, 0.0) };
        let base = [to[0] - 9.0 * dx, to[1] - 9.0 * dy];
        let corner = |side: f64| [base[0] + side * 5.0 * dy, base[1] + side * 5.0 * dx];
        let ([x1, y1], [x2, y2]) = (from, base);
        let ([ax, ay], [bx, by], [cx, cy]) = (corner(1.0), corner(-1.0), to);
        self.push(format_args!(
            "<g class=\"{class}\"><line stroke-width=\"2.5\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\
             <path stroke=\"none\" d=\"M{ax} {ay}L{bx} {by}L{cx} {cy}Z\"/></g>"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_picture_is_what_is_drawn() {
        let path = crate::root().join("docs/pictures").join(FILE);
        let committed =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(committed == draw(), "{}: run `cargo xtask pictures`", path.display());
    }

    /// The claim of the picture: every gradient stays in the column of its block, and ends at the block.
    #[test]
    fn no_gradient_goes_from_block_to_block() {
        let mut canvas = Canvas::default();
        training(&mut canvas);
        let gradients: Vec<&str> =
            canvas.body.lines().filter(|line| line.contains("class=\"gradients\"")).collect();
        assert_eq!(gradients.len(), BLOCKS.len());
        for (line, (centre, ..)) in gradients.into_iter().zip(BLOCKS) {
            let x = centre + 26.0;
            assert!(line.contains(&format!("x1=\"{x}\" y1=\"117\" x2=\"{x}\" y2=\"142\"")), "{line}");
        }
    }
}
