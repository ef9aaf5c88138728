//! Reads JSON into a value. A field that is there twice, at whatever depth, is a fault.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use service_kit::Checker;

use super::place::Place;

/// The value of a text, with its doubled fields as faults. The last of them is in the value.
pub(super) fn parse(text: &[u8]) -> Result<(Value, Checker), serde_json::Error> {
    let faults = RefCell::default();
    let mut reader = serde_json::Deserializer::from_slice(text);
    let document = Node {
        place: Place::Root,
        faults: &faults,
    };
    let value = document.deserialize(&mut reader)?;
    reader.end()?;
    Ok((value, faults.into_inner()))
}

/// A value that is still to be read.
#[derive(Clone, Copy)]
struct Node<'a> {
    place: Place<'a>,
    faults: &'a RefCell<Checker>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let place = Place::Item(&self.place, items.len());
            match list.next_element_seed(Node { place, ..self })? {
                Some(item) => items.push(item),
                None => return Ok(items.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let place = Place::Field(&self.place, &name);
            let value = object.next_value_seed(Node { place, ..self })?;
            if fields.contains_key(&name) {
                let mut faults = self.faults.borrow_mut();
                faults.refuse(place, "it is there twice");
            }
            fields.insert(name, value);
        }
        Ok(fields.into())
    }
}
