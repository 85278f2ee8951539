//! Names of class folders, compared as people read them.
//!
//! The same letters may be stored in several ways: macOS takes é apart (NFD: e and an accent), other systems keep it in one piece
//! (NFC). Class names are composed (NFC) here, whatever their folders'.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// A name as it is kept: composed, NFC.
pub(super) fn composed(name: &str) -> Cow<'_, str> {
    if is_nfc(name) { name.into() } else { name.nfc().collect::<String>().into() }
}

/// Places of class names, by the composed name.
pub(super) struct Places<'a> {
    names: &'a [String],
    places: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Places<'a> {
    /// Of these names, such as a model's, composed or not.
    pub(super) fn of(names: &'a [String]) -> Self {
        Self { names, places: names.iter().zip(0..).map(|(name, place)| (composed(name), place)).collect() }
    }

    pub(super) fn get(&self, name: &str) -> Option<usize> {
        self.places.get(&composed(name)).copied()
    }

    /// Whether one of the names is that of a class but for case, spaces or form.
    pub(super) fn any_nearly(&self, names: &[String]) -> bool {
        let folds: HashSet<String> = self.names.iter().map(|name| folded(name, [true; 3])).collect();
        names.iter().any(|name| folds.contains(&folded(name, [true; 3])))
    }

    /// The class whose name is `name` but for case, spaces or form, and in what it differs.
    pub(super) fn nearly(&self, name: &str) -> Option<(&'a str, String)> {
        self.names.iter().find_map(|known| Some((known.as_str(), difference(name, known)?)))
    }
}

/// Names that differ in nothing but case, spaces or form, each with the one before it, and in what they differ.
pub(super) fn near_pairs(names: &[String]) -> Vec<(&str, &str, String)> {
    let mut by_fold: Vec<(String, &str)> =
        names.iter().map(|name| (folded(name, [true; 3]), name.as_str())).collect();
    by_fold.sort();
    let near = |pair: &[(String, &'_ str)]| difference(pair[0].1, pair[1].1);
    by_fold.windows(2).filter_map(|pair| Some((pair[0].1, pair[1].1, near(pair)?))).collect()
}

/// In what two different names differ, when it is but "case", "spaces" or "form"; several are joined by "and".
pub(super) fn difference(one: &str, other: &str) -> Option<String> {
    const ASPECTS: [&str; 3] = ["case", "spaces", "form"];
    let same_but_for = |aspects: [bool; 3]| folded(one, aspects) == folded(other, aspects);
    if !same_but_for([true; 3]) {
        return None;
    }
    let differ = (0..3).filter(|&aspect| !same_but_for([0, 1, 2].map(|other| other != aspect)));
    let differ: Vec<&str> = differ.map(|aspect| ASPECTS[aspect]).collect();
    if !differ.is_empty() {
        return Some(differ.join(" and "));
    }
    // A space of another kind is a matter of spaces as well as of form: the first that explains it will do.
    let alone = (0..3).find(|&aspect| same_but_for([0, 1, 2].map(|other| other == aspect)));
    (!same_but_for([false; 3])).then(|| alone.map_or("form", |aspect| ASPECTS[aspect]).to_owned())
}

/// A name without what it is not to differ in: case, spaces (those that can't be seen included), form (½ for 1/2, wide letters).
fn folded(name: &str, [case, spaces, form]: [bool; 3]) -> String {
    let name: String = if form { name.nfkc().collect() } else { name.nfc().collect() };
    let is_space = |c: &char| c.is_whitespace() || ('\u{200b}'..='\u{200d}').contains(c) || *c == '\u{feff}';
    let name: String = name.chars().filter(|c| !(spaces && is_space(c))).collect();
    if case { name.to_lowercase() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_in_what_is_said() {
        for (one, other, expected) in [
            ("Cat", "cat", Some("case")),
            ("cat ", "cat", Some("spaces")),
            ("Cat ", "cat", Some("case and spaces")),
            ("ca\u{a0}t", "ca t", Some("spaces")),
            ("red\u{200b}fox", "red fox", Some("spaces")),
            ("ｃat", "cat", Some("form")),
            ("ÉTÉ", "e\u{301}té", Some("case")),
            ("cat", "cow", None),
            ("cat", "cat", None),
            ("caf\u{e9}", "cafe\u{301}", None),
        ] {
            assert_eq!(difference(one, other).as_deref(), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn places_are_found_in_either_form() {
        let names = ["cafe\u{301}".to_owned(), "dog".into()];
        let places = Places::of(&names);
        assert_eq!((places.get("caf\u{e9}"), places.get("cafe\u{301}")), (Some(0), Some(0)));
        assert_eq!((places.get("dog"), places.get("Dog"), places.get("cafe")), (Some(1), None, None));
        assert_eq!(places.nearly("Dog "), Some(("dog", "case and spaces".into())));
        assert!(places.any_nearly(&["cow".into(), "DOG".into()]) && !places.any_nearly(&["cow".into()]));
        assert_eq!(composed("cafe\u{301}"), "caf\u{e9}");
    }
}
