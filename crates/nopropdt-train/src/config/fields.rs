//! Names of a struct's fields and of an enum's variants, as files have them.

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::Cell;

/// The names that `T` is read by: a struct or an enum says them to whoever reads it.
pub(crate) fn field_names<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let names = Cell::new(&[][..]);
    // It always fails, once the names are known.
    T::deserialize(Listener(&names)).err();
    names.get()
}

/// Has nothing to read, and listens to what is asked for.
struct Listener<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("nothing to read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.set(fields);
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.set(variants);
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::Summary;

    #[test]
    fn names_are_those_of_files() {
        let names = super::field_names::<crate::config::EmbeddingKind>();
        assert_eq!(names, ["one-hot", "learned", "prototype"]);
        let names = super::field_names::<Summary>();
        assert!(names.contains(&"test_accuracy") && names.contains(&"train_rss_bytes"), "{names:?}");
        assert_eq!(super::field_names::<u8>(), [""; 0]);
    }
}
