//! Values of any type, whose faults quote no more of the archive than anybody reads.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

/// Bytes of a text that is quoted where no text belongs. What is told of it is shorter.
const LONGEST_QUOTE: usize = 4096;

/// A value that is no text. Where there is one all the same, the fault would hold all of it, twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quoted<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Quoted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(AnyOf(PhantomData))?;
        Ok(Self(value))
    }
}

/// The beginning of a text where all of it is too much to quote.
pub(super) fn quote(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_QUOTE)]
}

/// Looks at what is there, then reads it as it would be read without a look.
struct AnyOf<T>(PhantomData<T>);

macro_rules! read_again {
    ($($method:ident($type:ty);)+) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<T, E> {
            T::deserialize(serde::de::IntoDeserializer::into_deserializer(value))
        })+
    };
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyOf<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    read_again! {
        visit_bool(bool);
        visit_i64(i64);
        visit_u64(u64);
        visit_f64(f64);
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::deserialize(serde::de::IntoDeserializer::into_deserializer(quote(text)))
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        T::deserialize(serde::de::IntoDeserializer::into_deserializer(()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(entries))
    }
}
