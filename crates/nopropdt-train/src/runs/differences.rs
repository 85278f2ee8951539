//! In which settings runs differ.

use super::record::RunRecord;
use crate::config::known::{SECTIONS, is_component, setting_name};
use crate::config::{Table, Value};
use std::collections::BTreeSet;

/// A setting in which runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `section.key`.
    pub key: String,
    /// What people call it: its flag, else `section.key`.
    pub name: String,
}

/// The settings in which `runs` differ, in the order of sections. Compared is what settings mean, not how they were typed. Method, block
/// and dataset are not among them. A method's or block's own setting differs where two runs that have it differ; any other one also
/// where one run has it and another has not.
pub fn differing_settings(runs: &[RunRecord]) -> Vec<Difference> {
    differing_tables(&runs.iter().map(|run| &run.settings).collect::<Vec<_>>())
}

/// As [`differing_settings`], of settings by `section.key` ([`RunConfig::meant_settings`](crate::config::RunConfig::meant_settings)).
pub(crate) fn differing_tables(tables: &[&Table]) -> Vec<Difference> {
    let keys: BTreeSet<&String> = tables.iter().flat_map(|settings| settings.keys()).collect();
    let mut differing: Vec<(usize, &str, &String)> = keys
        .into_iter()
        .filter_map(|key| {
            let (section, name) = key.split_once('.')?;
            let place = SECTIONS.iter().position(|known| *known == section)?;
            (!is_named_elsewhere(section, name) && differs(tables, section, key))
                .then_some((place, name, key))
        })
        .collect();
    differing.sort();
    let told = |(place, name, key): (usize, &str, &String)| Difference {
        key: key.clone(),
        name: setting_name(SECTIONS[place], name),
    };
    differing.into_iter().map(told).collect()
}

/// What has a column of its own.
fn is_named_elsewhere(section: &str, key: &str) -> bool {
    is_component(section) && key == "name" || (section, key) == ("data", "dataset")
}

fn differs(tables: &[&Table], section: &str, key: &str) -> bool {
    let values = tables.iter().map(|settings| settings.get(key));
    let counted: Vec<Option<&Value>> = match is_component(section) {
        true => values.filter(Option::is_some).collect(),
        false => values.collect(),
    };
    counted.windows(2).any(|pair| pair[0] != pair[1])
}
