//! A grid as its file has it: read and checked piece by piece, and not yet crossed.

use super::error::Mistake;
use super::fields::Fields;
use super::terms::Terms;
use crate::config::fields::field_names;
use crate::config::known::{SECTIONS, canonical};
use crate::config::{Overrides, Preset, Value};
use crate::registry::Registry;
use toml::de::{DeTable, DeValue};

/// A grid as written.
pub(super) struct Written {
    pub(super) about: Option<String>,
    pub(super) preset: Option<Preset>,
    pub(super) test: bool,
    /// The arm to compare with, and where it is named.
    pub(super) against: Option<(usize, String)>,
    pub(super) terms: Terms,
    pub(super) settings: Overrides,
    pub(super) vary: Vec<Axis>,
    pub(super) arms: Vec<Bundle>,
}

/// A setting that varies.
pub(super) struct Axis {
    pub(super) place: usize,
    /// `section.key`.
    pub(super) setting: String,
    /// Each value, as a setting.
    pub(super) values: Vec<(Value, Overrides)>,
}

/// An `[[arm]]`.
pub(super) struct Bundle {
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) settings: Overrides,
    pub(super) terms: Terms,
}

impl Written {
    pub(super) fn read(text: &str, registry: &Registry) -> Result<Self, Mistake> {
        let parsed = DeTable::parse(text).map_err(|error| Mistake {
            place: error.span().map(|span| span.start),
            problem: error.message().to_owned(),
        })?;
        let mut fields = Fields::of("", parsed.into_inner());
        let about = fields.text("about")?;
        let names = field_names::<Preset>().join(" or ");
        let preset = fields.read("preset", &names, |value| value.read().ok())?;
        let test = fields.switch("test")?.unwrap_or(true);
        let place = fields.place("against").unwrap_or_default();
        let against = fields.text("against")?.map(|name| (place, name));
        let terms = Terms::read(&mut fields, test)?;
        let settings = settings(&mut fields, registry)?;
        let vary = match fields.raw("vary") {
            None => Vec::new(),
            Some((_, DeValue::Table(table))) => axes(table, registry)?,
            Some((place, _)) => return Err(Mistake::at(place, "vary: must be a table, [vary]")),
        };
        let arms = arms(&mut fields, test, registry)?;
        fields.end()?;
        Ok(Self { about, preset, test, against, terms, settings, vary, arms })
    }
}

/// The settings of a table.
fn settings(fields: &mut Fields<'_>, registry: &Registry) -> Result<Overrides, Mistake> {
    let Some((place, value)) = fields.raw("settings") else { return Ok(Overrides::default()) };
    let DeValue::Table(table) = value else {
        return Err(Mistake::at(place, "settings: must be a table of sections or of settings"));
    };
    let found = Overrides::from_table_in(table, registry)
        .map_err(|(place, problem)| Mistake::at(place, format!("settings: {problem}")))?;
    refuse_seed(&found, place)?;
    Ok(found)
}

fn refuse_seed(settings: &Overrides, place: usize) -> Result<(), Mistake> {
    match settings.get("training.seed") {
        Some(_) => Err(Mistake::at(place, "training.seed: must be left out; `seeds` says which are trained")),
        None => Ok(()),
    }
}

fn arms(fields: &mut Fields<'_>, test: bool, registry: &Registry) -> Result<Vec<Bundle>, Mistake> {
    let rule = "arm: must be a list of tables, [[arm]]";
    let values = match fields.raw("arm") {
        None => return Ok(Vec::new()),
        Some((_, DeValue::Array(values))) => values,
        Some((place, _)) => return Err(Mistake::at(place, rule)),
    };
    let mut arms = Vec::new();
    for value in values {
        let place = value.span().start;
        let DeValue::Table(table) = value.into_inner() else { return Err(Mistake::at(place, rule)) };
        arms.push(bundle(table, place, test, registry)?);
    }
    Ok(arms)
}

fn bundle(table: DeTable<'_>, place: usize, test: bool, registry: &Registry) -> Result<Bundle, Mistake> {
    let mut fields = Fields::of("[[arm]]", table);
    let name =
        fields.read("name", NAME, |value| value.text().filter(|name| is_name(name)).map(str::to_owned))?;
    let name = name.ok_or_else(|| Mistake::at(place, "arm: must have a name"))?;
    let settings = settings(&mut fields, registry)?;
    let terms = Terms::read(&mut fields, test)?;
    fields.end()?;
    Ok(Bundle { place, name, settings, terms })
}

const NAME: &str = "1 to 60 letters, digits, - and _ of ASCII, and begin with a letter or digit";

/// Whether it can begin a folder's name on every system.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) && name.len() <= 60
}

/// What varies, in the order of the file: by flag, by quoted section and key, or with a table a section.
fn axes(table: DeTable<'_>, registry: &Registry) -> Result<Vec<Axis>, Mistake> {
    let mut axes = Vec::new();
    for (key, value) in table {
        let (place, key) = (key.span().start, key.into_inner().into_owned());
        match value.into_inner() {
            DeValue::Table(settings) if SECTIONS.contains(&key.as_str()) => {
                for (name, value) in settings {
                    let (place, name) = (name.span().start, name.into_inner());
                    axes.push(axis(place, &format!("{key}.{name}"), value.into_inner(), registry)?);
                }
            }
            value => axes.push(axis(place, &canonical(&key), value, registry)?),
        }
    }
    axes.sort_by_key(|axis| axis.place);
    let twice =
        (1..axes.len()).find(|&index| axes[..index].iter().any(|axis| axis.setting == axes[index].setting));
    match twice {
        Some(index) => {
            let Axis { place, setting, .. } = &axes[index];
            Err(Mistake::at(*place, format!("vary: {setting} must be there once; found it twice")))
        }
        None => Ok(axes),
    }
}

fn axis(place: usize, setting: &str, value: DeValue<'_>, registry: &Registry) -> Result<Axis, Mistake> {
    let at = |problem: String| Mistake::at(place, format!("vary: {problem}"));
    let values = match Value::from(value) {
        Value::List(values) if !values.is_empty() => values,
        other => return Err(at(format!("{setting}: must be a list of one value or more; found {other}"))),
    };
    let read = |value: Value| Ok((value.clone(), Overrides::one_in(setting, value, registry).map_err(&at)?));
    let values: Vec<(Value, Overrides)> = values.into_iter().map(read).collect::<Result<_, Mistake>>()?;
    values.iter().try_for_each(|(_, settings)| refuse_seed(settings, place))?;
    Ok(Axis { place, setting: setting.to_owned(), values })
}
