//! Compiles a JSON schema, as schemars writes it for a type, into a shape.

use std::ops::RangeInclusive;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Field, Kind, Length, Object, Shape, expected, format::Format};

/// A schema says something that is not checked.
#[derive(Debug, Error)]
#[error("a body or query has a schema that cannot be checked: {0}")]
pub(crate) struct UnknownForm(String);

/// All that a schema may say: a keyword that is not here would be published and not held.
const KEYWORDS: [&str; 19] = [
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "enum",
    "examples",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "oneOf",
    "properties",
    "required",
    "title",
];

impl Shape {
    /// The shape of a type.
    pub(crate) fn of<T: JsonSchema>() -> Result<Self, UnknownForm> {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let schema = settings.into_generator().into_root_schema_for::<T>();
        Self::compile(schema.as_value())
    }

    fn compile(schema: &Value) -> Result<Self, UnknownForm> {
        let form = schema.as_object().ok_or_else(|| unknown(schema))?;
        let known = |name: &String| name == "type" || KEYWORDS.contains(&name.as_str());
        if !form.keys().all(known) {
            return Err(unknown(schema));
        }
        if let Some(alternatives) = form.get("anyOf") {
            let told = |name: &String| ["anyOf", "default", "description"].contains(&name.as_str());
            return match form.keys().all(told) {
                true => Self::or_null(alternatives),
                false => Err(unknown(schema)),
            };
        }
        let types = form.get("type").map_or_else(Vec::new, texts);
        let nullable = types.contains(&"null");
        let mut of_type = types.into_iter().filter(|name| *name != "null");
        let of_type = (of_type.next(), of_type.next());
        let (of_type, None) = of_type else {
            return Err(unknown(schema));
        };
        let kind = kind(of_type, form).ok_or_else(|| unknown(schema))??;
        Ok(Self::new(kind, nullable))
    }

    /// `Option` of what has no type of its own: it, or null.
    fn or_null(alternatives: &Value) -> Result<Self, UnknownForm> {
        let is_null = |of: &Value| of["type"] == "null";
        match alternatives.as_array().map(Vec::as_slice) {
            Some([one, null]) if is_null(null) => Ok(Self::new(Self::compile(one)?.kind, true)),
            _ => Err(unknown(alternatives)),
        }
    }

    fn new(kind: Kind, nullable: bool) -> Self {
        let or_null = if nullable { ", or null" } else { "" };
        Self {
            expected: format!("{}{or_null}", expected::of(&kind)).into(),
            nullable,
            kind,
        }
    }
}

type Form = Map<String, Value>;

/// `None`: a kind that is not known.
fn kind(of_type: Option<&str>, form: &Form) -> Option<Result<Kind, UnknownForm>> {
    Some(Ok(match of_type {
        None => Kind::Choice(constants(form.get("oneOf")?)?),
        Some("string") if form.contains_key("enum") || form.contains_key("const") => {
            Kind::Choice(choices(form)?)
        }
        Some("string") => {
            let format = match form.get("format") {
                Some(name) => Some(Format::named(name.as_str()?)?),
                None => None,
            };
            Kind::Text(length(form, "minLength", "maxLength"), format)
        }
        Some("boolean") => Kind::Flag,
        Some("integer") => Kind::Whole(range(form)?),
        Some("array") => {
            let item = Shape::compile(form.get("items")?);
            let length = length(form, "minItems", "maxItems");
            return Some(item.map(|item| Kind::List(length, Box::new(item))));
        }
        Some("object") => return Some(object(form).map(Kind::Object)),
        Some(_) => return None,
    }))
}

fn object(form: &Form) -> Result<Object, UnknownForm> {
    let required = form.get("required").map_or_else(Vec::new, texts);
    let is_closed = match form.get("additionalProperties") {
        Some(Value::Bool(false)) => true,
        None => false,
        Some(_) => return Err(unknown(&form.clone().into())),
    };
    let properties = form.get("properties").and_then(Value::as_object);
    let fields = properties.into_iter().flatten().map(|(name, schema)| {
        let field = Field {
            shape: Shape::compile(schema)?,
            required: required.contains(&name.as_str()),
        };
        Ok((name.clone(), field))
    });
    Ok(Object {
        fields: fields.collect::<Result<_, _>>()?,
        is_closed,
    })
}

/// The choices of an enum whose variants have comments: each is a schema of its own.
fn constants(alternatives: &Value) -> Option<Vec<String>> {
    let alternatives = alternatives.as_array()?.iter();
    let choices = alternatives.map(|one| choices(one.as_object()?));
    Some(choices.collect::<Option<Vec<_>>>()?.concat())
}

fn choices(form: &Form) -> Option<Vec<String>> {
    let choices = form.get("enum").or_else(|| form.get("const"))?;
    Some(texts(choices).into_iter().map(str::to_owned).collect())
}

/// A number that serde reads has the range of its type, whatever the schema allows.
fn range(form: &Form) -> Option<RangeInclusive<i128>> {
    let of_type = match form.get("format")?.as_str()? {
        "uint32" => 0..=u32::MAX.into(),
        "uint64" => 0..=u64::MAX.into(),
        _ => return None,
    };
    let bound = |name: &str| form.get(name)?.as_number()?.as_i128();
    let least = bound("minimum").unwrap_or(*of_type.start());
    let most = bound("maximum").unwrap_or(*of_type.end());
    Some(least.max(*of_type.start())..=most.min(*of_type.end()))
}

fn length(form: &Form, least: &str, most: &str) -> Length {
    let bound = |name: &str| usize::try_from(form.get(name)?.as_u64()?).ok();
    bound(least).unwrap_or(0)..=bound(most).unwrap_or(usize::MAX)
}

/// The texts of a list, or the one that there is.
fn texts(of: &Value) -> Vec<&str> {
    match of {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn unknown(schema: &Value) -> UnknownForm {
    UnknownForm(schema.to_string())
}
