//! The keys of a table, each read once, and refused if nobody reads it.

use super::error::Mistake;
use crate::config::Value;
use crate::config::whole::Whole;
use toml::de::{DeTable, DeValue};

/// A table's values by key, each with its place in the text.
pub(super) struct Fields<'t> {
    /// What the table is, for messages: empty for the file.
    table: &'static str,
    /// Where each key is.
    places: Vec<(String, usize)>,
    left: Vec<(String, usize, DeValue<'t>)>,
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    pub(super) fn of(table: &'static str, values: DeTable<'t>) -> Self {
        let left = values.into_iter().map(|(key, value)| {
            let place = key.span().start;
            (key.into_inner().into_owned(), place, value.into_inner())
        });
        let left: Vec<_> = left.collect();
        let places = left.iter().map(|(key, place, _)| (key.clone(), *place)).collect();
        Self { table, places, left, known: Vec::new() }
    }

    /// Where a key is, read or not.
    pub(super) fn place(&self, key: &str) -> Option<usize> {
        self.places.iter().find(|(known, _)| known == key).map(|(_, place)| *place)
    }

    /// The value of a key and its place, if it is there.
    pub(super) fn raw(&mut self, key: &'static str) -> Option<(usize, DeValue<'t>)> {
        self.known.push(key);
        let index = self.left.iter().position(|field| field.0 == key)?;
        let (_, place, value) = self.left.swap_remove(index);
        Some((place, value))
    }

    pub(super) fn value(&mut self, key: &'static str) -> Option<(usize, Value)> {
        self.raw(key).map(|(place, value)| (place, value.into()))
    }

    /// A value of which `read` makes something, unless it is not what the `rule` says.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        rule: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, Mistake> {
        let Some((place, value)) = self.value(key) else { return Ok(None) };
        let wrong = || Mistake::at(place, format!("{key}: must be {rule}; found {value}"));
        read(&value).map(Some).ok_or_else(wrong)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, Mistake> {
        self.read(key, "a text", |value| value.text().map(str::to_owned))
    }

    pub(super) fn switch(&mut self, key: &'static str) -> Result<Option<bool>, Mistake> {
        self.read(key, "true or false", |value| match value {
            Value::Switch(switch) => Some(*switch),
            _ => None,
        })
    }

    pub(super) fn whole(&mut self, whole: Whole) -> Result<Option<usize>, Mistake> {
        let rule = format!("a whole number {}", whole.rule());
        self.read(whole.key, &rule, |value| match value {
            Value::Whole(found) => {
                let found = u64::try_from(*found).ok().filter(|found| whole.contains(*found))?;
                usize::try_from(found).ok()
            }
            _ => None,
        })
    }

    /// A number of a range, which `rule` says.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        rule: &str,
        holds: impl Fn(f64) -> bool,
    ) -> Result<Option<f64>, Mistake> {
        self.read(key, rule, |value| {
            let found = match value {
                Value::Number(found) => *found,
                Value::Whole(found) => *found as f64,
                _ => return None,
            };
            Some(found).filter(|&found| holds(found))
        })
    }

    /// Refuses what nobody asked for.
    pub(super) fn end(self) -> Result<(), Mistake> {
        let Some((key, place, _)) = self.left.iter().min_by_key(|field| field.1) else { return Ok(()) };
        let of = if self.table.is_empty() { String::new() } else { format!(" of {}", self.table) };
        let known = self.known.join(", ");
        Err(Mistake::at(*place, format!("unknown key `{key}`{of}; known are {known}")))
    }
}
