//! Class by class: how many are right, and what is taken for what.

use super::data::{ReportData, ReportError};
use super::frame::pair;
use super::html::escape;
use super::numbers;
use super::palette;
use crate::confusion::Confusion;
use crate::per_class::{ClassResult, per_class};

/// Up to this many classes have a table of all counts; of more, the most frequent mistakes are listed.
const MOST_CLASSES: usize = 20;
/// Mistakes listed.
const MOST_MISTAKES: usize = 30;

/// Both cards.
pub(super) fn section(data: &ReportData) -> Result<String, ReportError> {
    let confusion = &data.counts(data.readout).confusion;
    let names = &data.class_names;
    if confusion.classes() != names.len() {
        let (wanted, found) = (confusion.classes(), names.len());
        return Err(ReportError::Classes { wanted, found });
    }
    let table = class_table(&per_class(confusion, names), data);
    let other = match names.len() <= MOST_CLASSES {
        true => matrix(confusion, names),
        false => mistakes(confusion, names),
    };
    Ok(pair(&table, &other))
}

fn class_table(classes: &[ClassResult], data: &ReportData) -> String {
    let row = |class: &ClassResult| {
        let mistaken = class.mistaken_for.as_ref().map_or_else(
            || "–".to_owned(),
            |other| format!("{} ({})", escape(&other.name), numbers::count(other.answers as u64)),
        );
        let accuracy = class.accuracy.map_or_else(|| "–".to_owned(), |share| numbers::percent(share, 1));
        let width = 100.0 * class.accuracy.unwrap_or(0.0);
        format!(
            "<tr><th>{}</th><td>{}</td><td class=\"share\"><i style=\"width:{width:.1}%\"></i><span>{accuracy}</span></td><td>{}</td><td>{mistaken}</td></tr>",
            escape(&class.name),
            class.answers,
            class.named,
        )
    };
    let rows: String = classes.iter().map(row).collect();
    format!(
        "<figure class=\"card\"><h3>Accuracy of each class</h3><div class=\"scroll tall\"><table class=\"numbers classes\"><thead><tr><th>class</th>\
         <th>test</th><th>right</th><th>named</th><th>mistaken for</th></tr></thead><tbody>{rows}</tbody></table></div>\
         <figcaption>Answers of the {}: a class that is named more often than it is there takes images from the \
         others.</figcaption></figure>",
        data.readout
    )
}

/// All counts: a row for each true class.
fn matrix(confusion: &Confusion, names: &[String]) -> String {
    let head: String = names.iter().map(|name| format!("<th><span>{}</span></th>", escape(name))).collect();
    let of_class = confusion.of_class();
    let rows: String = names
        .iter()
        .enumerate()
        .map(|(class, name)| {
            let cells = (0..names.len())
                .map(|answer| cell(confusion.of(class, answer), of_class[class] as u64, answer == class));
            format!("<tr><th>{}</th>{}</tr>", escape(name), cells.collect::<String>())
        })
        .collect();
    let narrow = names.iter().all(|name| name.chars().count() <= 2);
    let style = if narrow { "heat" } else { "heat upright" };
    format!(
        "<figure class=\"card\"><h3>Confusion</h3><div class=\"scroll\"><table class=\"{style}\"><thead><tr><th></th>{head}</tr></thead>\
         <tbody>{rows}</tbody></table></div><figcaption>A row is what the images of a class were answered with: all should stand on \
         the diagonal; a strong red square is a pair of classes that the network can't tell apart.</figcaption></figure>"
    )
}

fn cell(count: u64, of_class: u64, is_right: bool) -> String {
    if count == 0 {
        return "<td class=\"low\">0</td>".to_owned();
    }
    let share = count as f64 / of_class as f64;
    let color = if is_right { palette::CHAIN } else { palette::WRONG };
    let class = if share >= 0.9 { " class=\"full\"" } else { "" };
    // Even a single mistake is to be seen.
    let strength = share.max(0.08);
    format!(
        "<td{class} style=\"background:rgba({},{},{},{strength:.2})\">{count}</td>",
        color.0, color.1, color.2
    )
}

/// The pairs of classes most often mistaken.
fn mistakes(confusion: &Confusion, names: &[String]) -> String {
    let of_class = confusion.of_class();
    let wrong = confusion.pairs().filter(|(class, answer, _)| class != answer);
    let mut pairs: Vec<(u64, usize, usize, u64)> =
        wrong.map(|(class, answer, count)| (count, class, answer, of_class[class] as u64)).collect();
    pairs.sort_by(|one, other| other.0.cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2))));
    let row = |&(count, class, answer, of_class): &(u64, usize, usize, u64)| {
        format!(
            "<tr><th>{}</th><td>{}</td><td>{count}</td><td>{}</td></tr>",
            escape(&names[class]),
            escape(&names[answer]),
            numbers::percent(count as f64 / of_class as f64, 1)
        )
    };
    let rows: String = pairs.iter().take(MOST_MISTAKES).map(row).collect();
    let body = match rows.is_empty() {
        true => "<p class=\"empty\">No answer is wrong.</p>".to_owned(),
        false => format!(
            "<div class=\"scroll tall\"><table class=\"numbers classes\"><thead><tr><th>class</th><th>taken for</th><th>times</th><th>of its \
             images</th></tr></thead><tbody>{rows}</tbody></table></div>"
        ),
    };
    format!(
        "<figure class=\"card\"><h3>Most frequent mistakes</h3>{body}<figcaption>Pairs of classes that the network can't tell \
         apart.</figcaption></figure>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(classes: usize, answers: &[(usize, usize, usize)]) -> Confusion {
        let mut confusion = Confusion::none(classes);
        for &(label, answer, times) in answers {
            (0..times).for_each(|_| confusion.add(label, answer));
        }
        confusion
    }

    #[test]
    fn few_classes_have_all_counts() {
        let names = ["<a>", "b"].map(String::from);
        let table = matrix(&counted(2, &[(0, 0, 9), (0, 1, 1), (1, 1, 5)]), &names);
        assert_eq!(table.matches("<td").count(), 4);
        assert!(table.contains("0.90)\">9</td>") && table.contains("0.10)\">1</td>"), "{table}");
        assert!(table.contains("<td class=\"low\">0</td>") && table.contains("&lt;a&gt;"), "{table}");
    }

    #[test]
    fn of_many_classes_the_frequent_mistakes_come_first() {
        let names: Vec<String> = (0..30).map(|class| format!("class {class}")).collect();
        let list = mistakes(&counted(30, &[(3, 4, 2), (7, 8, 5), (7, 7, 5), (9, 9, 1)]), &names);
        let (first, second) = (list.find("class 7").unwrap(), list.find("class 3").unwrap());
        assert!(first < second && list.contains("50.0\u{a0}%") && !list.contains("class 9"), "{list}");
        assert!(mistakes(&counted(30, &[(1, 1, 1)]), &names).contains("No answer is wrong"));
    }
}
