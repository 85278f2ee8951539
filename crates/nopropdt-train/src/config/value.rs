//! A setting's value before anybody knows what it is of: what flags, files and defaults are made of.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, Serialize, Serializer, forward_to_deserialize_any};
use std::collections::BTreeMap;
use std::fmt;
use toml::de::DeValue;

/// Values by key.
pub type Table = BTreeMap<String, Value>;

/// A value as TOML and JSON know it; whole numbers may be those of 64 bits with or without a sign.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// True or false.
    Switch(bool),
    /// A whole number.
    Whole(i128),
    /// Any other number.
    Number(f64),
    /// A name or another text.
    Text(String),
    /// Several values.
    List(Vec<Value>),
    /// Values by key.
    Table(Table),
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub(crate) String);

impl serde::de::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Value {
    /// The value of anything that has a TOML form, such as settings with their defaults.
    ///
    /// # Panics
    /// When it has none.
    pub fn of(settings: &impl Serialize) -> Self {
        // By way of text, where 0.2 is 0.2 in either precision.
        let text =
            toml::to_string(&BTreeMap::from([("value", settings)])).expect("settings have a TOML form");
        let read = toml::de::DeTable::parse(&text).expect("what was just written is TOML");
        let mut table = table_of(read.into_inner());
        table.remove("value").unwrap_or(Self::Table(Table::new()))
    }

    /// The table of a struct of settings.
    ///
    /// # Panics
    /// When it is no struct, or has no TOML form.
    pub fn table_of(settings: &impl Serialize) -> Table {
        match Self::of(settings) {
            Self::Table(table) => table,
            other => panic!("settings: must be a struct; found {other}"),
        }
    }

    /// What this is the value of.
    ///
    /// # Errors
    /// When it is not of that type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ValueError> {
        T::deserialize(self.clone())
    }

    /// The value as a cell of a table has it: a text without quotes, all else as TOML.
    pub fn plain(&self) -> String {
        self.text().map_or_else(|| self.to_string(), str::to_owned)
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A value as typed behind `=`: TOML where it is TOML, else a text.
    #[cfg(feature = "cli")]
    pub(crate) fn typed(text: &str) -> Self {
        match DeValue::parse(text) {
            Ok(value) => Self::from(value.into_inner()),
            Err(_) => Self::Text(text.to_owned()),
        }
    }
}

/// The values of a parsed table, without their places.
pub(crate) fn table_of(table: toml::de::DeTable<'_>) -> Table {
    table.into_iter().map(|(key, value)| (key.into_inner().into_owned(), value.into_inner().into())).collect()
}

impl From<DeValue<'_>> for Value {
    fn from(value: DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.into_owned()),
            DeValue::Integer(digits) => match i128::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(number) => Self::Whole(number),
                Err(_) => Self::Text(digits.as_str().to_owned()),
            },
            DeValue::Float(digits) => Self::Number(digits.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(switch) => Self::Switch(switch),
            DeValue::Datetime(time) => Self::Text(time.to_string()),
            DeValue::Array(values) => {
                Self::List(values.into_iter().map(|value| value.into_inner().into()).collect())
            }
            DeValue::Table(table) => Self::Table(table_of(table)),
        }
    }
}

/// As messages and the report show it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(switch) => switch.fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(Self::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Self::Table(table) => {
                let values: Vec<String> =
                    table.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                write!(f, "{{ {} }}", values.join(", "))
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Switch(switch) => serializer.serialize_bool(*switch),
            Self::Whole(number) => match (u64::try_from(*number), i64::try_from(*number)) {
                (Ok(number), _) => serializer.serialize_u64(number),
                (_, Ok(number)) => serializer.serialize_i64(number),
                _ => serializer.serialize_i128(*number),
            },
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => values.serialize(serializer),
            Self::Table(table) => table.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a setting's value")
    }

    fn visit_bool<E>(self, switch: bool) -> Result<Value, E> {
        Ok(Value::Switch(switch))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Whole(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Whole(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut table = Table::new();
        while let Some((key, value)) = values.next_entry::<String, Value>()? {
            if table.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate key `{key}`")));
            }
            table.insert(key, value);
        }
        Ok(Value::Table(table))
    }
}

impl<'de> IntoDeserializer<'de, ValueError> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Self::Switch(switch) => visitor.visit_bool(switch),
            Self::Whole(number) => match (u64::try_from(number), i64::try_from(number)) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => visitor.visit_i128(number),
            },
            Self::Number(number) => visitor.visit_f64(number),
            Self::Text(text) => visitor.visit_string(text),
            Self::List(values) => SeqDeserializer::new(values.into_iter()).deserialize_any(visitor),
            Self::Table(table) => MapDeserializer::new(table.into_iter()).deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self {
            Self::Text(text) => {
                let text: serde::de::value::StringDeserializer<ValueError> = text.into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            Self::Table(table) => {
                MapDeserializer::new(table.into_iter()).deserialize_enum(name, variants, visitor)
            }
            other => Err(ValueError(format!("must be a name; found {other}"))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        rate: f32,
        seed: u64,
        sizes: [usize; 3],
        name: Option<String>,
        order: crate::config::Order,
    }

    #[test]
    fn settings_survive_the_way_through_values() {
        let order = crate::config::Order::Sequential;
        let settings = Settings { rate: 0.1, seed: u64::MAX, sizes: [1, 2, 3], name: None, order };
        let value = Value::of(&settings);
        assert_eq!(value.read::<Settings>().unwrap(), settings);
        let Value::Table(table) = &value else { panic!("{value}") };
        assert_eq!((&table["rate"], &table["seed"]), (&Value::Number(0.1), &Value::Whole(u64::MAX.into())));
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert_eq!(
            value.to_string(),
            r#"{ order = "sequential", rate = 0.1, seed = 18446744073709551615, sizes = [1, 2, 3] }"#
        );
    }

    #[cfg(feature = "cli")]
    #[test]
    fn what_is_typed_is_toml_or_text() {
        for (text, value) in [
            ("4", Value::Whole(4)),
            ("-0.5", Value::Number(-0.5)),
            ("nan", Value::Number(f64::NAN)),
            ("true", Value::Switch(true)),
            ("cosine", Value::Text("cosine".into())),
            ("\"4\"", Value::Text("4".into())),
            ("[1, 2]", Value::List(vec![Value::Whole(1), Value::Whole(2)])),
        ] {
            assert_eq!(Value::typed(text).to_string(), value.to_string());
        }
    }
}
