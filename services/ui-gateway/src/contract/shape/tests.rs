//! Bodies as people and attackers send them.

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use service_kit::{Code, Problem};

use super::*;
use crate::contract::{Day, Optional, read_json, read_query};

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewThing {
    title: String,
    #[schemars(length(min = 1, max = 4))]
    #[serde(default)]
    status: Optional<String>,
    #[serde(default)]
    due_on: Optional<Option<Day>>,
    #[serde(default)]
    #[schemars(length(max = 3))]
    labels: Vec<String>,
    #[serde(default)]
    cookies: bool,
    comment: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rated {
    rating: u32,
    inner: Option<Inner>,
    color: Option<Color>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Inner {
    kind: String,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Color {
    Red,
    DarkRed,
}

#[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default)]
struct Page {
    #[schemars(range(min = 1, max = 200))]
    limit: Optional<u32>,
    cursor: Optional<String>,
    overdue: bool,
}

fn read<T: serde::de::DeserializeOwned + JsonSchema>(body: &str) -> Result<T, Problem> {
    read_json(&Shape::of::<T>().expect("a known form"), body.as_bytes())
}

fn parameters(query: &str) -> Result<Page, Problem> {
    read_query(&Shape::of::<Page>().expect("a known form"), query)
}

/// Code and wrong fields.
fn wrong<T: std::fmt::Debug>(read: Result<T, Problem>) -> (Code, Vec<String>) {
    let problem = read.expect_err("a fault");
    let errors = problem.errors.into_iter();
    (problem.code, errors.map(|error| error.field).collect())
}

fn message(read: Result<NewThing, Problem>) -> String {
    let mut problem = read.expect_err("a fault");
    assert_eq!(problem.errors.len(), 1, "{problem:?}");
    problem.errors.remove(0).message
}

#[test]
fn a_body_is_read() {
    let body = r#"{"title":"A","labels":["x"],"due_on":null,"cookies":true}"#;
    let expected = NewThing {
        title: "A".to_owned(),
        status: Optional(None),
        due_on: Optional(Some(None)),
        labels: vec!["x".to_owned()],
        cookies: true,
        comment: None,
    };
    assert_eq!(read(body), Ok(expected));
}

#[test]
fn absent_null_and_a_value_are_three_things() {
    let due_on = |due_on: &str| {
        let read: NewThing = read(&format!(r#"{{"title":"A"{due_on}}}"#))?;
        Ok::<_, Problem>(read.due_on)
    };
    assert_eq!(due_on(""), Ok(Optional(None)));
    assert_eq!(due_on(r#","due_on":null"#), Ok(Optional(Some(None))));
    let day = Day("2026-01-31".to_owned());
    assert_eq!(
        due_on(r#","due_on":"2026-01-31""#),
        Ok(Optional(Some(Some(day))))
    );
}

#[test]
fn numbers_and_objects_say_what_is_wrong_in_them() {
    let rated = |rating, inner: Option<&str>| Rated {
        rating,
        inner: inner.map(|kind| Inner {
            kind: kind.to_owned(),
        }),
        color: None,
    };
    assert_eq!(read(r#"{"rating":5}"#), Ok(rated(5, None)));
    assert_eq!(
        read(r#"{"rating":0,"inner":null}"#),
        Ok(rated(0, None)),
        "whether it is allowed is the service's to say"
    );
    assert_eq!(
        read(r#"{"rating":1,"inner":{"kind":"x"}}"#),
        Ok(rated(1, Some("x")))
    );
    for (body, fields) in [
        (r#"{"rating":1.5,"inner":7}"#, ["inner", "rating"]),
        (r#"{"rating":-1,"inner":{}}"#, ["inner.kind", "rating"]),
        (
            r#"{"rating":1e300,"inner":{"kind":"x","more":1}}"#,
            ["inner.more", "rating"],
        ),
        (
            r#"{"rating":18446744073709551615,"inner":[]}"#,
            ["inner", "rating"],
        ),
        (
            r#"{"inner":{"kind":"x","kind":"y"}}"#,
            ["inner.kind", "rating"],
        ),
        (
            r#"{"rating":4294967296,"color":"blue"}"#,
            ["color", "rating"],
        ),
    ] {
        let (code, named) = wrong(read::<Rated>(body));
        assert_eq!(
            (code, named),
            (Code::Invalid, fields.map(str::to_owned).into()),
            "{body}"
        );
    }
}

#[test]
fn every_wrong_field_is_named() {
    let cases: [(&str, &[&str]); 5] = [
        (
            r#"{"status":null,"labels":["x",1],"extra":0}"#,
            &["labels[1]", "status", "title", "extra"],
        ),
        (
            r#"{"title":1,"labels":null,"cookies":"yes"}"#,
            &["cookies", "labels", "title"],
        ),
        (r#"{"title":"A","title":"B"}"#, &["title"]),
        (r#"{"title":{"deep":1},"due_on":[]}"#, &["due_on", "title"]),
        ("{}", &["title"]),
    ];
    for (body, fields) in cases {
        let (code, named) = wrong(read::<NewThing>(body));
        assert_eq!(code, Code::Invalid);
        assert_eq!(named, fields, "{body}");
    }
}

#[test]
fn a_message_says_what_is_expected() {
    for (fields, expected) in [
        (r#""title":"A","title":"B""#, "it is there twice"),
        (r#""title":1"#, "expected text"),
        (r#""title":null"#, "it may not be null"),
        (r#""cookies":true"#, "it is missing"),
        (r#""title":"A","more":1"#, "there is no such field"),
        (r#""title":"A","cookies":1"#, "expected true or false"),
        (r#""title":"A","comment":1"#, "expected text, or null"),
        (
            r#""title":"A","status":"""#,
            "expected text of 1 to 4 characters",
        ),
        (
            r#""title":"A","status":"éééé5""#,
            "expected text of 1 to 4 characters",
        ),
        (
            r#""title":"A","labels":1"#,
            "expected a list of texts of at most 3 items",
        ),
        (
            r#""title":"A","labels":["","","",""]"#,
            "expected a list of texts of at most 3 items",
        ),
        (
            r#""title":"A","due_on":"""#,
            "expected a day such as 2026-01-31, or null",
        ),
        (
            r#""title":"A","due_on":"2026-1-031""#,
            "expected a day such as 2026-01-31, or null",
        ),
    ] {
        assert_eq!(
            message(read(&format!("{{{fields}}}"))),
            expected,
            "{fields}"
        );
    }
    let long = read::<NewThing>(r#"{"title":"A","status":"éééé","labels":["","",""]}"#);
    assert!(long.is_ok(), "characters are counted, not bytes: {long:?}");
    let color = read::<Rated>(r#"{"rating":1,"color":"blue"}"#).expect_err("a fault");
    assert_eq!(
        color.errors[0].message,
        "expected one of: red, dark_red, or null"
    );
}

#[test]
fn what_is_no_json_is_malformed_and_no_depth_overflows() {
    let deep = format!("{{\"title\":{}", "[".repeat(500_000));
    let deeper = "[".repeat(900_000);
    for body in [
        "",
        "{",
        "[1,",
        "{\"title\":\"\u{1}\"}",
        r#"{"title":"\ud800"}"#,
        r#"{"\ud800":1}"#,
        "nul",
        "{}{}",
        &deep,
        &deeper,
    ] {
        let (code, _) = wrong(read::<NewThing>(body));
        assert_eq!(code, Code::Malformed, "{body:.20}");
    }
    let shape = Shape::of::<NewThing>().expect("a known form");
    let not_utf8 = read_json::<NewThing>(&shape, b"{\"title\":\"\xff\"}");
    assert_eq!(wrong(not_utf8).0, Code::Malformed);
    for body in ["[]", "null", "1", "\"text\""] {
        assert_eq!(
            wrong(read::<NewThing>(body)),
            (Code::Invalid, vec![]),
            "{body}"
        );
    }
}

/// A long name would else be written out for each of the faults below it.
#[test]
fn many_faults_in_a_deep_place_cost_no_more_than_the_named_ones() {
    let name = "x".repeat(400_000);
    let doubled = "\"a\":1,".repeat(80_000);
    let body = format!("{{\"{name}\":{{{doubled}\"a\":1}}}}");
    let began = std::time::Instant::now();
    let problem = read::<NewThing>(&body).expect_err("doubled fields");
    assert_eq!(problem.errors.len(), 21);
    assert!(problem.errors.iter().all(|error| error.field.len() <= 64));
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
fn a_query_is_text_and_what_it_does_not_know_it_leaves() {
    let page = |limit, cursor: Option<&str>| Page {
        limit: Optional(limit),
        cursor: Optional(cursor.map(str::to_owned)),
        overdue: false,
    };
    for (query, expected) in [
        ("", page(None, None)),
        ("limit=1", page(Some(1), None)),
        ("limit=200&x=y", page(Some(200), None)),
        ("limit=&cursor=&limit=7", page(Some(7), None)),
        ("limit=7&limit=0", page(Some(7), None)),
        ("cursor=a+b%26%C3%A9", page(None, Some("a b&é"))),
        ("cursor=7", page(None, Some("7"))),
    ] {
        assert_eq!(parameters(query), Ok(expected), "{query}");
    }
    assert!(parameters("overdue=true").expect("a page").overdue);
    for query in [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=ten",
        "limit=99999999999999",
    ] {
        let problem = parameters(query).expect_err(query);
        let error = &problem.errors[0];
        assert_eq!(
            (problem.code, error.field.as_str()),
            (Code::Invalid, "limit")
        );
        assert_eq!(error.message, "expected a whole number from 1 to 200");
    }
}

#[test]
fn a_schema_that_is_not_checked_is_refused() {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct Ratio {
        ratio: f64,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct Patterned {
        #[schemars(regex(pattern = "^a"))]
        name: String,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct Nested {
        inner: Option<Box<Nested>>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    enum Tagged {
        Text(String),
        Number { of: u32 },
    }

    assert!(Shape::of::<Ratio>().is_err());
    assert!(Shape::of::<Patterned>().is_err());
    assert!(Shape::of::<Nested>().is_err());
    assert!(Shape::of::<Tagged>().is_err());
}

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
