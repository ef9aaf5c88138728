//! Bodies as people and attackers send them.

mod agreement;
mod forms;

use schemars::JsonSchema;
use serde::Deserialize;
use service_kit::{Code, Problem};

use super::*;
use crate::contract::{Day, Optional, read_json};

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

fn read<T: serde::de::DeserializeOwned + JsonSchema>(body: &str) -> Result<T, Problem> {
    read_json(&Shape::of::<T>().expect("a known form"), body.as_bytes())
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
