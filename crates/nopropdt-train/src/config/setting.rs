//! A setting that has a flag: what it is called, what it may be, and what help says of it.

use super::fields::field_names;
use super::value::Value;
use super::whole::Whole;
use crate::registry::Registry;

/// A setting that has a flag.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only flags and help read all of it"))]
pub(crate) struct Setting {
    /// The flag, without dashes; its only name in files without sections.
    pub(crate) flag: &'static str,
    /// Another flag for the same.
    pub(crate) alias: Option<&'static str>,
    /// Its section in files.
    pub(crate) section: &'static str,
    /// Its key in the section.
    pub(crate) key: String,
    /// What stands for its value in help.
    pub(crate) value_name: &'static str,
    /// Under which heading help lists it.
    pub(crate) heading: &'static str,
    /// What help says of it, line by line.
    pub(crate) help: &'static [&'static str],
    /// What it may be.
    pub(crate) kind: Kind,
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A whole number of a range.
    Whole(Whole),
    /// Any number.
    Number,
    /// True or false; true when only the flag is given.
    Switch,
    /// A text that this accepts.
    Text(Accepts),
    /// A text that the first accepts; the second says which names there are, so that shells can complete them.
    Name(
        Accepts,
        #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only shells are told names"))] Names,
    ),
}

/// Refuses a text that a setting can't be, and says what it must be.
pub(crate) type Accepts = fn(&Registry, &str) -> Result<(), String>;

/// Names that a setting may be, each with a word about it or an empty text. Others may be accepted, too.
pub(crate) type Names = fn(&Registry) -> Vec<(&'static str, &'static str)>;

impl Setting {
    /// The value of the flag's text.
    ///
    /// # Errors
    /// What it must be.
    #[cfg(feature = "cli")]
    pub(crate) fn parse(&self, registry: &Registry, text: &str) -> Result<Value, String> {
        match self.kind {
            Kind::Whole(whole) => {
                let found: u64 = whole.parse(text)?;
                Ok(Value::Whole(found.into()))
            }
            Kind::Number => {
                text.parse().map(Value::Number).map_err(|error: std::num::ParseFloatError| error.to_string())
            }
            Kind::Switch => text.parse().map(Value::Switch).map_err(|_| "must be true or false".to_owned()),
            Kind::Text(check) | Kind::Name(check, _) => {
                check(registry, text).map(|()| Value::Text(text.to_owned()))
            }
        }
    }

    /// Refuses a value of a file that is not of this setting's kind.
    ///
    /// # Errors
    /// What it must be, with the setting's flag, which people know it by.
    pub(crate) fn check(&self, registry: &Registry, value: &Value) -> Result<(), String> {
        let refuse = |rule: &str| Err(format!("{}: must be {rule}; found {value}", self.flag));
        match (self.kind, value) {
            (Kind::Whole(_), Value::Whole(found)) if u64::try_from(*found).is_ok() => Ok(()),
            (Kind::Whole(whole), _) => refuse(&format!("a whole number {}", whole.rule())),
            (Kind::Number, Value::Number(_) | Value::Whole(_)) | (Kind::Switch, Value::Switch(_)) => Ok(()),
            (Kind::Number, _) => refuse("a number"),
            (Kind::Switch, _) => refuse("true or false"),
            (Kind::Text(check) | Kind::Name(check, _), Value::Text(text)) => check(registry, text),
            (Kind::Text(_) | Kind::Name(..), _) => refuse("a text"),
        }
    }

    /// Names that its flag can be completed with, each with a word about it or an empty text.
    #[cfg(feature = "cli")]
    pub(crate) fn names(&self, registry: &Registry) -> Vec<(&'static str, &'static str)> {
        match self.kind {
            Kind::Name(_, names) => names(registry),
            Kind::Switch => vec![("true", ""), ("false", "")],
            Kind::Whole(_) | Kind::Number | Kind::Text(_) => Vec::new(),
        }
    }

    /// What help says, in one piece.
    #[cfg(feature = "cli")]
    pub(crate) fn help(&self) -> String {
        self.help.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

/// Accepts the names that a type has in files.
pub(crate) fn named<T: serde::de::DeserializeOwned>(_: &Registry, text: &str) -> Result<(), String> {
    Value::Text(text.to_owned()).read::<T>().map(|_| ()).map_err(|error| error.to_string())
}

/// One of the names that a type has in files.
pub(crate) const fn one_of<T: serde::de::DeserializeOwned>() -> Kind {
    Kind::Name(named::<T>, |_| field_names::<T>().iter().map(|&name| (name, "")).collect())
}

/// Accepts what a type is parsed from.
pub(crate) fn parsed<T: std::str::FromStr<Err: ToString>>(_: &Registry, text: &str) -> Result<(), String> {
    text.parse::<T>().map(|_| ()).map_err(|error| error.to_string())
}

/// Declares a section: a struct of its settings, and of each the help, the flag, what it may be and its default. A setting stands here and
/// nowhere else.
macro_rules! section {
    (
        $(#[$about:meta])*
        pub struct $name:ident in $section:literal under $heading:literal {
            $(
                $(#[doc = $help:literal])*
                [$flag:literal $value_name:literal $kind:expr]
                $(#[$extra:meta])?
                $field:ident: $type:ty = $default:expr;
            )*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $help])* $(#[$extra])? pub $field: $type,)*
        }

        impl $name {
            /// Its settings.
            pub(crate) fn settings() -> Vec<crate::config::setting::Setting> {
                vec![$(crate::config::setting::Setting {
                    flag: $flag,
                    alias: None,
                    section: $section,
                    key: stringify!($field).replace('_', "-"),
                    value_name: $value_name,
                    heading: $heading,
                    help: &[$($help),*],
                    kind: $kind,
                },)*]
            }

            /// What they are when nobody says anything.
            pub(crate) fn defaults() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}
pub(crate) use section;
