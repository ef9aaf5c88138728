//! Schemas. Whoever writes a value may leave out forms of it, whoever reads it may take more of them,
//! and neither may do the other's.

use serde_json::{Map, Value, json};

use super::comparison::{Comparison, Direction, list, object, resolved};

/// What has been compared at this depth holds itself.
const DEPTH_MAX: usize = 24;

impl Comparison<'_> {
    pub fn schema(
        &self,
        direction: Direction,
        released: &Value,
        now: &Value,
        place: &str,
    ) -> Vec<String> {
        if place.matches('.').count() > DEPTH_MAX {
            return Vec::new();
        }
        let before = forms(self.released, released);
        let after = forms(self.now, now);
        match direction {
            Direction::Sent => before
                .iter()
                .flat_map(|written| {
                    let read = after.iter().filter(|read| is_read(read, written));
                    let faults = read.map(|read| self.form(direction, written, read, place));
                    fewest(faults)
                        .unwrap_or_else(|| vec![format!("{place} takes no {} now", kind(written))])
                })
                .collect(),
            Direction::Answered => after
                .iter()
                .flat_map(|written| {
                    let read = before.iter().filter(|read| is_read(read, written));
                    let faults = read.map(|read| self.form(direction, read, written, place));
                    fewest(faults)
                        .unwrap_or_else(|| vec![format!("{place} can be {} now", kind(written))])
                })
                .collect(),
        }
    }

    fn form(
        &self,
        direction: Direction,
        released: &Value,
        now: &Value,
        place: &str,
    ) -> Vec<String> {
        let mut faults = self.properties(direction, released, now, place);
        faults.extend(required(direction, released, now, place));
        faults.extend(values(direction, released, now, place));
        faults.extend(text_format(direction, released, now, place));
        if direction == Direction::Sent {
            faults.extend(bounds(released, now, place));
        }
        for (part, suffix) in [("items", "[]"), ("additionalProperties", ".*")] {
            // An answer without it says nothing of what is not named.
            let is_compared = match direction {
                Direction::Sent => !(released[part].is_null() && now[part].is_null()),
                Direction::Answered => released[part].is_object(),
            };
            if is_compared {
                let place = format!("{place}{suffix}");
                faults.extend(self.schema(direction, &released[part], &now[part], &place));
            }
        }
        faults
    }

    fn properties(
        &self,
        direction: Direction,
        released: &Value,
        now: &Value,
        place: &str,
    ) -> Vec<String> {
        object(&released["properties"])
            .flat_map(|(name, before)| {
                let place = format!("{place}.{name}");
                match now["properties"].get(name) {
                    Some(after) => self.schema(direction, before, after, &place),
                    None => vec![format!("{place} is gone")],
                }
            })
            .collect()
    }
}

/// What has to be there in an answer stays; in what is sent nothing is added to it.
fn required(direction: Direction, released: &Value, now: &Value, place: &str) -> Vec<String> {
    let (before, after) = (list(&released["required"]), list(&now["required"]));
    let (named, known, fault) = match direction {
        Direction::Sent => (after, before, "has to be there now"),
        Direction::Answered => (before, after, "can be left out now"),
    };
    let names = named.iter().filter(|name| !known.contains(name));
    names
        .filter_map(Value::as_str)
        .map(|name| format!("{place}.{name} {fault}"))
        .collect()
}

/// Values may be added in both directions, and none goes.
fn values(direction: Direction, released: &Value, now: &Value, place: &str) -> Vec<String> {
    let (before, after) = (&released["enum"], &now["enum"]);
    match (before.as_array(), after.as_array()) {
        (Some(before), Some(after)) => before
            .iter()
            .filter(|value| !after.contains(value))
            .map(|value| format!("{place} {value} is gone"))
            .collect(),
        (None, Some(_)) if direction == Direction::Sent => {
            vec![format!("{place} takes {after} alone now")]
        }
        _ => Vec::new(),
    }
}

fn text_format(direction: Direction, released: &Value, now: &Value, place: &str) -> Vec<String> {
    if kind(released) != "string" {
        return Vec::new();
    }
    let parts = ["format", "pattern"].into_iter();
    parts
        .filter(|part| match direction {
            Direction::Sent => !now[part].is_null() && now[part] != released[part],
            Direction::Answered => !released[part].is_null() && now[part] != released[part],
        })
        .map(|part| format!("{place} has another {part} now"))
        .collect()
}

fn bounds(released: &Value, now: &Value, place: &str) -> Vec<String> {
    const BOUNDS: [(&str, f64); 6] = [
        ("minimum", 1.0),
        ("minLength", 1.0),
        ("minItems", 1.0),
        ("maximum", -1.0),
        ("maxLength", -1.0),
        ("maxItems", -1.0),
    ];
    let narrower = BOUNDS.into_iter().filter(|(name, sign)| {
        let before = released[name]
            .as_f64()
            .map_or(f64::NEG_INFINITY, |it| it * sign);
        now[name]
            .as_f64()
            .is_some_and(|after| after * sign > before)
    });
    narrower
        .map(|(name, _)| format!("{place} has a narrower {name} now"))
        .collect()
}

/// The forms that a schema allows, each of one kind; the values of one kind of scalar are one form.
fn forms(document: &Value, schema: &Value) -> Vec<Value> {
    let schema = resolved(document, schema);
    let options = ["oneOf", "anyOf"]
        .iter()
        .find_map(|union| schema[union].as_array());
    if let Some(options) = options {
        let all = options.iter().flat_map(|option| forms(document, option));
        return all.fold(Vec::new(), merge_scalar);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(|part| resolved(document, part));
        let mut whole = json!({});
        parts.for_each(|part| merge(&mut whole, part));
        return forms(document, &whole);
    }
    match schema {
        Value::Bool(false) => Vec::new(),
        Value::Object(schema) => kinds(schema)
            .iter()
            .map(|kind| of_kind(schema, kind))
            .collect(),
        _ => vec![json!({})],
    }
}

fn kinds(schema: &Map<String, Value>) -> Vec<String> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind.clone()],
        Some(kinds) => list(kinds)
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        None => vec![String::new()],
    }
}

fn of_kind(schema: &Map<String, Value>, kind: &str) -> Value {
    let mut form = schema.clone();
    if !kind.is_empty() {
        form.insert("type".to_owned(), json!(kind));
    }
    if let Some(value) = form.remove("const") {
        form.insert("enum".to_owned(), json!([value]));
    }
    Value::Object(form)
}

fn merge_scalar(mut forms: Vec<Value>, form: Value) -> Vec<Value> {
    let same = forms
        .iter_mut()
        .find(|it| it["enum"].is_array() && form["enum"].is_array() && kind(it) == kind(&form));
    match same.and_then(|it| it["enum"].as_array_mut()) {
        Some(values) => values.extend_from_slice(list(&form["enum"])),
        None => forms.push(form),
    }
    forms
}

/// The later one goes before where both say something.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn kind(form: &Value) -> &str {
    form["type"].as_str().unwrap_or("anything")
}

fn is_read(reader: &Value, written: &Value) -> bool {
    match (kind(reader), kind(written)) {
        ("anything", _) | ("number", "integer") => true,
        (reader, written) => reader == written,
    }
}

fn fewest(faults: impl Iterator<Item = Vec<String>>) -> Option<Vec<String>> {
    faults.min_by_key(Vec::len)
}
