//! A shape and serde agree, whatever is sent.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Values that are sometimes right.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("2026-01-31".to_owned()),
        Just("red".to_owned()),
        "[a-zé]{0,5}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 16, 4, |inner| {
        let name = prop_oneof![Just("kind".to_owned()), Just("more".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name, inner, 0..2)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn object(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let name = prop::sample::select(names).prop_map(str::to_owned);
    let fields = prop::collection::hash_map(name, value(), 0..=names.len());
    fields.prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

/// What the shape passes, serde takes.
fn agrees<T: serde::de::DeserializeOwned + JsonSchema>(value: Value) -> Result<(), TestCaseError> {
    let shape = Shape::of::<T>().expect("a known form");
    let mut faults = Checker::default();
    shape.check(&value, Place::Root, &mut faults);
    if faults.finish().is_ok() {
        prop_assert!(
            serde_json::from_value::<T>(value.clone()).is_ok(),
            "{value}"
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_a_shape_passes_serde_takes(
        thing in object(&["title", "status", "due_on", "labels", "cookies", "comment", "more"]),
        rated in object(&["rating", "inner", "color"]),
    ) {
        agrees::<NewThing>(thing)?;
        agrees::<Rated>(rated)?;
    }
}
