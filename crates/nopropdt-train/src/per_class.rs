//! How well each class is answered.

use crate::confusion::Confusion;
use serde::{Deserialize, Serialize};

/// How the inputs of a class are answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassResult {
    /// The class.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// Answers to inputs of the class: one an input and run.
    pub answers: usize,
    /// Share of them that are right, a fraction; none without inputs.
    pub accuracy: Option<f64>,
    /// Answers that named the class, whatever the input's.
    pub named: usize,
    /// The other class most often named for inputs of this one; none where no answer is wrong.
    pub mistaken_for: Option<Mistaken>,
}

/// A class that another is taken for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistaken {
    /// The class that was named.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// How often.
    pub answers: usize,
}

/// Each class, in the order of the labels.
///
/// # Panics
/// When there are not as many names as classes.
pub fn per_class(confusion: &Confusion, names: &[String]) -> Vec<ClassResult> {
    assert_eq!(names.len(), confusion.classes(), "per_class: must be as many names as classes");
    let (named, of_class, hits) = (confusion.answered(), confusion.of_class(), confusion.hits());
    let mut mistaken: Vec<Option<Mistaken>> = vec![None; names.len()];
    for (label, answer, count) in confusion.pairs().filter(|(label, answer, _)| label != answer) {
        let (most, answers) = (&mut mistaken[label], count as usize);
        // Of equals the first.
        if most.as_ref().is_none_or(|most| answers > most.answers) {
            *most = Some(Mistaken { class: answer, name: names[answer].clone(), answers });
        }
    }
    let classes = names.iter().zip(mistaken).enumerate();
    classes
        .map(|(class, (name, mistaken_for))| ClassResult {
            class,
            name: name.clone(),
            answers: of_class[class],
            accuracy: (of_class[class] > 0).then(|| hits[class] as f64 / of_class[class] as f64),
            named: named[class],
            mistaken_for,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_its_share_and_what_it_is_taken_for() {
        let mut confusion = Confusion::none(4);
        for (label, answer, times) in [(0, 0, 3), (0, 2, 1), (1, 0, 2), (1, 2, 2), (2, 2, 1)] {
            (0..times).for_each(|_| confusion.add(label, answer));
        }
        let names = ["a", "b", "c", "d"].map(String::from);
        let found = per_class(&confusion, &names);
        assert_eq!(found[0].accuracy, Some(0.75));
        assert_eq!(found.iter().map(|class| class.named).collect::<Vec<_>>(), [5, 0, 4, 0]);
        // Of equals the first.
        let mistaken = found[1].mistaken_for.as_ref().unwrap();
        assert_eq!((mistaken.class, mistaken.name.as_str(), mistaken.answers), (0, "a", 2));
        assert_eq!((found[2].accuracy, &found[2].mistaken_for), (Some(1.0), &None));
        assert_eq!((found[3].answers, found[3].accuracy), (0, None));
    }
}
