//! Test images followed through the blocks: a small heat map of class probabilities for each.

use super::data::{ChainPicture, Picture, ReportError};
use super::html::escape;
use super::palette;
use super::pictures::{answer, class_name, image};

/// More classes than this are summed into one column.
const MOST_CLASSES: usize = 10;
/// Of more blocks than this, an even choice is shown, the first and the last among them.
const MOST_ROWS: usize = 12;

/// The heat maps, a row for each `readout`.
pub(super) fn heat_maps(
    chains: &[ChainPicture],
    class_names: &[String],
    readout: &str,
) -> Result<String, ReportError> {
    if chains.is_empty() {
        return Ok("<p class=\"empty card\">No images were followed.</p>".to_owned());
    }
    let mut cards = String::new();
    for (index, chain) in chains.iter().enumerate() {
        let card = card(chain, class_names, readout).map_err(|problem| ReportError::Picture {
            which: "chain",
            number: index + 1,
            problem,
        })?;
        cards.push_str(&card);
    }
    Ok(format!(
        "<div class=\"chains\">{cards}</div><p class=\"caption\">Probability of each class in percent after each \
         {readout}, from top to bottom; the true class is blue and the others red, so a good answer is a blue column that \
         is strong from early on, and a mistake shows where red takes over.</p>"
    ))
}

fn card(chain: &ChainPicture, class_names: &[String], readout: &str) -> Result<String, String> {
    check(&chain.probabilities, class_names.len())?;
    let picture = &chain.picture;
    let verdict = if picture.label == picture.prediction { "right" } else { "wrong" };
    let header = format!(
        "<div class=\"picture {verdict}\">{}<div>{}</div></div>",
        image(picture, class_names)?,
        answer(picture, class_names)?
    );
    let shown = shown_classes(&chain.probabilities, picture);
    let others = class_names.len() - shown.len();
    let mut head = String::new();
    for &class in &shown {
        let truth = if class == picture.label { " class=\"truth\"" } else { "" };
        let name = escape(class_name(class_names, "label", class)?);
        head.push_str(&format!("<th{truth}><span>{name}</span></th>"));
    }
    if others > 0 {
        head.push_str(&format!("<th><span>{others} others</span></th>"));
    }
    let rows: String = shown_rows(chain.probabilities.len())
        .map(|row| self::row(row, &chain.probabilities[row], &shown, picture.label))
        .collect();
    let narrow = shown.iter().all(|&class| class_names[class].chars().count() <= 2) && others == 0;
    let style = if narrow { "heat" } else { "heat upright" };
    Ok(format!(
        "<div class=\"card chain\">{header}<div class=\"scroll\"><table class=\"{style}\"><thead><tr><th>{readout}</th>\
         {head}</tr></thead><tbody>{rows}</tbody></table></div></div>"
    ))
}

fn check(probabilities: &[Vec<f64>], classes: usize) -> Result<(), String> {
    if probabilities.is_empty() {
        return Err("probabilities must have a row for each block; found none".to_owned());
    }
    for (index, row) in probabilities.iter().enumerate() {
        if row.len() != classes {
            let (block, found) = (index + 1, row.len());
            return Err(format!(
                "probabilities after block {block} must number the class names, {classes}; found {found}"
            ));
        }
        // Sums in bf16 may pass 1 by a rounding; anything further is a mistake of the caller.
        if let Some(bad) = row.iter().find(|&&p| !(-0.01..=1.01).contains(&p)) {
            return Err(format!("probabilities after block {} must lie in 0..=1; found {bad}", index + 1));
        }
    }
    Ok(())
}

/// The classes that get a column, in class order: all, or the true one, the answer, and the likeliest anywhere.
fn shown_classes(probabilities: &[Vec<f64>], picture: &Picture) -> Vec<usize> {
    let classes = probabilities.first().map_or(0, Vec::len);
    if classes <= MOST_CLASSES {
        return (0..classes).collect();
    }
    let peak = |class: usize| probabilities.iter().map(|row| row[class]).fold(0.0, f64::max);
    let mut order: Vec<(bool, f64, usize)> = (0..classes)
        .map(|class| (class == picture.label || class == picture.prediction, peak(class), class))
        .collect();
    order.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    let mut shown: Vec<usize> = order.iter().take(MOST_CLASSES - 1).map(|entry| entry.2).collect();
    shown.sort_unstable();
    shown
}

fn shown_rows(blocks: usize) -> impl Iterator<Item = usize> {
    let rows = blocks.min(MOST_ROWS);
    let last = rows.saturating_sub(1).max(1);
    (0..rows).map(move |row| (row * (blocks - 1) + last / 2) / last)
}

fn row(index: usize, probabilities: &[f64], shown: &[usize], label: usize) -> String {
    let mut cells = format!("<tr><th>{}</th>", index + 1);
    let mut rest = 1.0;
    for &class in shown {
        rest -= probabilities[class];
        cells.push_str(&cell(probabilities[class], class == label));
    }
    if shown.len() < probabilities.len() {
        cells.push_str(&cell(rest, false));
    }
    cells.push_str("</tr>");
    cells
}

fn cell(probability: f64, truth: bool) -> String {
    let probability = probability.clamp(0.0, 1.0);
    if probability < 0.005 {
        return "<td class=\"low\">0</td>".to_owned();
    }
    let color = if truth { palette::CHAIN } else { palette::WRONG };
    // Dark ink reads better than white on all but the fullest colours of the light scheme.
    let class = match probability {
        0.9.. => " class=\"high full\"",
        0.5.. => " class=\"high\"",
        _ => "",
    };
    format!(
        "<td{class} style=\"background:rgba({},{},{},{probability:.2})\">{:.0}</td>",
        color.0,
        color.1,
        color.2,
        100.0 * probability
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Pixels;

    fn chain(blocks: usize, classes: usize) -> ChainPicture {
        let mut row = vec![0.2 / (classes - 1) as f64; classes];
        row[classes - 1] = 0.8;
        let picture = Picture {
            pixels: Some(Pixels { height: 1, width: 1, channels: 1, values: vec![7] }),
            label: 0,
            prediction: classes - 1,
            confidence: 0.8,
        };
        ChainPicture { picture, probabilities: vec![row; blocks] }
    }

    fn names(classes: usize) -> Vec<String> {
        (0..classes).map(|class| format!("class <{class}>")).collect()
    }

    #[test]
    fn every_block_and_class_of_a_small_chain_has_its_cell() {
        let page = heat_maps(&[chain(4, 3)], &names(3), "block").unwrap();
        assert_eq!(page.matches("<td").count(), 12);
        assert_eq!(page.matches(">80</td>").count(), 4);
        assert_eq!(page.matches(">10</td>").count(), 8);
        assert!(page.contains("class=\"truth\"><span>class &lt;0&gt;</span>"), "{page}");
        assert!(!page.contains("others</span>"));
    }

    #[test]
    fn many_classes_and_blocks_are_thinned_out() {
        let chain = chain(1000, 200);
        let page = heat_maps(std::slice::from_ref(&chain), &names(200), "read-out").unwrap();
        assert_eq!(page.matches("<td").count(), MOST_ROWS * MOST_CLASSES);
        assert!(page.contains("191 others") && page.contains("<th>read-out</th>"));
        assert!(page.contains("<th>1</th>") && page.contains("<th>1000</th>"));
        let shown = shown_classes(&chain.probabilities, &chain.picture);
        assert!(shown.contains(&0) && shown.contains(&199) && shown.is_sorted());
        assert_eq!(shown_rows(1).collect::<Vec<_>>(), [0]);
        assert_eq!(shown_rows(10).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_chain_that_contradicts_itself_is_named() {
        let mut short = chain(2, 3);
        short.probabilities[1].pop();
        let mut nan = chain(2, 3);
        nan.probabilities[0][2] = f64::NAN;
        let cases = [
            (short, "probabilities after block 2 must number the class names, 3; found 2"),
            (nan, "probabilities after block 1 must lie in 0..=1; found NaN"),
            (ChainPicture { probabilities: vec![], ..chain(1, 3) }, "found none"),
        ];
        for (bad, words) in cases {
            let message = heat_maps(&[bad], &names(3), "block").unwrap_err().to_string();
            assert!(message.starts_with("chain 1: ") && message.contains(words), "{message}");
        }
    }
}
