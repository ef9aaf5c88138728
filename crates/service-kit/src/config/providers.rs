//! `[[ai.providers]]`, which only a file can hold. They are checked, and have no use yet.

use toml::{Table, Value};

use super::{ConfigFault, Kind, reference::HTTP};

/// Whether a value is of the kind that its key takes.
type IsOfItsKind = fn(&Value) -> bool;

/// What a provider may say of itself; prices are of a million tokens.
const KEYS: [(&str, IsOfItsKind); 6] = [
    ("name", is_text),
    ("url", is_url),
    ("model", is_text),
    ("api_key", is_text),
    ("price_in", is_price),
    ("price_out", is_price),
];

/// Takes the providers out of a file, or names what is wrong with them.
pub(super) fn take(file: &mut Table) -> Result<(), ConfigFault> {
    let ai = file.get_mut("ai").and_then(Value::as_table_mut);
    let Some(providers) = ai.and_then(|ai| ai.remove("providers")) else {
        return Ok(());
    };
    let bad = || ConfigFault::bad("ai.providers", "expected [[ai.providers]] sections");
    for provider in providers.as_array().ok_or_else(bad)? {
        check(provider.as_table().ok_or_else(bad)?)?;
    }
    Ok(())
}

fn check(provider: &Table) -> Result<(), ConfigFault> {
    for (key, value) in provider {
        let name = || format!("ai.providers.{key}");
        let known = KEYS.iter().find(|(known, _)| known == key);
        let Some((_, is_good)) = known else {
            let names = KEYS.map(|(known, _)| known).join(", ");
            return Err(ConfigFault::bad(name(), format!("expected one of {names}")));
        };
        if !is_good(value) {
            return Err(ConfigFault::bad(
                name(),
                "expected text, for a url http:// or https://, for a price a number from 0",
            ));
        }
    }
    match provider.contains_key("url") {
        true => Ok(()),
        false => Err(ConfigFault::bad(
            "ai.providers",
            "expected a url in each of them",
        )),
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn is_url(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| Kind::Url(HTTP).check(text).is_ok())
}

fn is_price(value: &Value) -> bool {
    let number = value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64));
    number.is_some_and(|price| price.is_finite() && price >= 0.0)
}
