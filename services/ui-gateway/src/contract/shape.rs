//! What a document has to look like.

mod compile;
mod expected;
mod format;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde_json::{Map, Value};
use service_kit::Checker;

pub(crate) use self::compile::UnknownForm;
use self::format::Format;
use super::place::Place;

/// What a document, or a part of it, has to look like.
#[derive(Debug)]
pub(crate) struct Shape {
    nullable: bool,
    kind: Kind,
    /// What is said of anything else.
    expected: Box<str>,
}

#[derive(Debug)]
enum Kind {
    Flag,
    Whole(RangeInclusive<i128>),
    Text(Length, Option<&'static Format>),
    /// One of these texts.
    Choice(Vec<String>),
    List(Length, Box<Shape>),
    Object(Object),
}

#[derive(Debug)]
struct Object {
    fields: BTreeMap<String, Field>,
    /// Whether other fields are refused.
    is_closed: bool,
}

#[derive(Debug)]
struct Field {
    shape: Shape,
    required: bool,
}

/// Characters of a text, or items of a list.
type Length = RangeInclusive<usize>;

impl Shape {
    /// Notes all that is wrong with a value.
    pub(super) fn check(&self, value: &Value, place: Place<'_>, faults: &mut Checker) {
        match (&self.kind, value) {
            (_, Value::Null) if self.nullable => {}
            (_, Value::Null) => faults.refuse(place, "it may not be null"),
            (Kind::Object(object), Value::Object(given)) => object.check(given, place, faults),
            (Kind::List(length, item), Value::Array(items)) if length.contains(&items.len()) => {
                for (index, value) in items.iter().enumerate() {
                    item.check(value, Place::Item(&place, index), faults);
                }
            }
            (kind, value) if kind.takes(value) => {}
            _ => faults.refuse(place, &*self.expected),
        }
    }

    /// The shape of a field of this object.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Object(object) => object.fields.get(name).map(|field| &field.shape),
            _ => None,
        }
    }

    /// The value that a text stands for, where there is nothing but text: in a URL.
    pub(super) fn value_of(&self, text: String) -> Value {
        let value = match self.kind {
            Kind::Flag => text.parse::<bool>().ok().map(Value::from),
            Kind::Whole(_) => text.parse::<u64>().ok().map(Value::from),
            _ => None,
        };
        value.unwrap_or(Value::String(text))
    }
}

impl Kind {
    /// Whether it takes a value that has no parts.
    fn takes(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Flag, Value::Bool(_)) => true,
            (Self::Whole(range), Value::Number(number)) => number
                .as_i128()
                .is_some_and(|number| range.contains(&number)),
            (Self::Text(length, format), Value::String(text)) => {
                has_length(text, length) && format.is_none_or(|format| (format.fits)(text))
            }
            (Self::Choice(choices), Value::String(text)) => choices.contains(text),
            _ => false,
        }
    }
}

impl Object {
    fn check(&self, given: &Map<String, Value>, place: Place<'_>, faults: &mut Checker) {
        for (name, field) in &self.fields {
            let place = Place::Field(&place, name);
            match given.get(name) {
                Some(value) => field.shape.check(value, place, faults),
                None if field.required => faults.refuse(place, "it is missing"),
                None => {}
            }
        }
        if self.is_closed {
            for name in given.keys().filter(|name| !self.fields.contains_key(*name)) {
                faults.refuse(Place::Field(&place, name), "there is no such field");
            }
        }
    }
}

/// Whether a text has so many characters. They are counted where its bytes do not decide.
fn has_length(text: &str, length: &Length) -> bool {
    const LONGEST_CHARACTER: usize = 4;
    let bytes = text.len();
    let at_least = bytes.div_ceil(LONGEST_CHARACTER);
    match length.contains(&bytes) && length.contains(&at_least) {
        true => true,
        false => {
            bytes >= *length.start()
                && at_least <= *length.end()
                && length.contains(&text.chars().count())
        }
    }
}
