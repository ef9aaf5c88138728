//! Bodies that are no JSON, of another type, too large, or with wrong fields.

use serde_json::{Value, json};
use test_kit::Platform;

use super::{Owner, refused, sent, with_body};

#[tokio::test]
async fn very_many_wrong_fields_are_answered_with_the_first_and_their_number() {
    let platform = Platform::start().await;
    let owner = platform.person().await;
    for count in [20, 21, 200, 20_000] {
        let scopes = (0..count).map(|index| format!("\u{1f600}wrong-{index}"));
        let scopes: Vec<_> = scopes.collect();
        let asked = json!({"name": "x", "scopes": scopes, "expires_on": null});
        let answer = owner.post("/api/me/tokens", asked).await;
        answer.expect_problem(422, "invalid");
        let errors = answer.body["errors"].as_array().expect("errors");
        assert_eq!(errors.len(), count.min(21), "{answer}");
        assert_eq!(errors[19]["field"], "scopes[19]");
        let more = format!("{} more are wrong", count.saturating_sub(20));
        assert_eq!(errors[errors.len() - 1]["message"] == more, count > 20);
    }
    let unknown = (0..10_000).map(|index| (format!("field-{index}"), json!(1)));
    let answer = owner.post(
        "/api/projects",
        unknown.collect::<serde_json::Map<_, _>>().into(),
    );
    let answer = answer.await;
    answer.expect_problem(422, "invalid");
    assert_eq!(answer.body["errors"].as_array().map(Vec::len), Some(21));
    assert!(answer.to_string().len() < 8192);
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let deep = "[".repeat(16_000);
    let deep_field = format!("{{\"title\":{}", "{\"a\":".repeat(3_000));
    let broken: [&[u8]; 14] = [
        b"",
        b" ",
        b"{",
        b"nothing",
        b"{'title':'x'}",
        b"{\"title\":\"x\",}",
        b"{\"title\":\"x\"} more",
        b"{\"title\":\"\xff\"}",
        b"{\"title\":\"\\ud800\"}",
        b"{\"title\":\"a\nb\"}",
        b"{\"title\":1e999999}",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
        deep_field.as_bytes(),
    ];
    for route in owner.bodies() {
        for body in broken {
            let answer = owner
                .person
                .send(with_body(&owner.person, &route, body.to_vec()))
                .await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(answer.status, 400, "{} {shown}: {answer}", route.path);
            answer.expect_problem(400, "malformed");
        }
    }
}

#[tokio::test]
async fn wrong_types_of_body_and_too_much_of_it_are_refused() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    for route in owner.bodies() {
        let bare = owner
            .person
            .request(route.method.clone(), &route.path)
            .body("{}");
        owner
            .person
            .send(bare)
            .await
            .expect_problem(415, "unsupported_media_type");
        for wrong in [
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "application/jsonx",
            "json",
            ";",
        ] {
            let request = owner.person.request(route.method.clone(), &route.path);
            let answer = owner
                .person
                .send(request.header("content-type", wrong).body("{}"))
                .await;
            answer.expect_problem(415, "unsupported_media_type");
        }
        let charset = owner.person.request(route.method.clone(), &route.path);
        let charset = charset
            .header("content-type", "application/json; charset=utf-8")
            .body("{");
        owner
            .person
            .send(charset)
            .await
            .expect_problem(400, "malformed");

        let large = format!("{{\"title\":\"{}\"}}", "x".repeat(1 << 20));
        owner
            .person
            .send(with_body(&owner.person, &route, large.clone()))
            .await
            .expect_problem(413, "too_large");
        let pieces =
            futures_util::stream::iter([Ok::<_, std::io::Error>(large.clone()), Ok(large)]);
        let chunked = with_body(&owner.person, &route, reqwest::Body::wrap_stream(pieces));
        owner
            .person
            .send(chunked)
            .await
            .expect_problem(413, "too_large");
    }
}

#[tokio::test]
async fn each_wrong_field_is_named() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    for route in owner.bodies() {
        for body in [json!([]), json!("text"), json!(7), json!(null), json!(true)] {
            sent(&owner.person, &route, &body)
                .await
                .expect_problem(422, "invalid");
        }
        let mut unknown = route.body.clone();
        unknown["no_such_field"] = json!(1);
        refused(
            &sent(&owner.person, &route, &unknown).await,
            "no_such_field",
        );
        for (field, good) in route.body.as_object().expect("an object") {
            for wrong in wrong_values(field, good) {
                let mut body = route.body.clone();
                body[field] = wrong.clone();
                let answer = sent(&owner.person, &route, &body).await;
                assert_eq!(
                    answer.status, 422,
                    "{} {field} = {wrong:.60}: {answer}",
                    route.path
                );
                refused(&answer, field);
            }
        }
    }
}

/// Values that a field cannot hold. Sign-in takes any text: whether it is right is another question.
fn wrong_values(field: &str, good: &Value) -> Vec<Value> {
    if good.is_number() {
        return wrong_numbers();
    }
    if good.is_object() {
        return wrong_objects(good);
    }
    let mut wrong = vec![
        json!(1),
        json!(-1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(true),
        json!({}),
        json!({"a": []}),
    ];
    if good.is_array() {
        wrong.extend([
            json!("a"),
            json!([1]),
            json!([null]),
            json!([["a"]]),
            json!([""]),
            json!(["x".repeat(65)]),
        ]);
        wrong.extend([json!(["a\u{0}"]), json!(vec!["a"; 33]), json!(null)]);
        return wrong;
    }
    wrong.extend([json!([]), json!(["a"])]);
    match field {
        "title" | "name" => {
            wrong.extend(["", " ", &"x".repeat(301), "a\nb"].map(|text| json!(text)))
        }
        "body" => wrong.extend(["", &"x".repeat(65_537)].map(|text| json!(text))),
        "description" => wrong.push(json!("x".repeat(65_537))),
        "message" => wrong.extend(["", &"x".repeat(8001)].map(|text| json!(text))),
        "comment" => wrong.push(json!("x".repeat(2001))),
        "target_type" | "kind" => {
            wrong.extend(["", "asked", "x", "mentor_reply "].map(|text| json!(text)))
        }
        "key" => wrong.extend(
            ["", "A", "abc", "1A", "TOOLONGAKEY", "A B", "\u{c4}B"].map(|text| json!(text)),
        ),
        "status" => wrong.extend(["", "open", "TODO", "todo "].map(|text| json!(text))),
        "due_on" => wrong.extend(
            [
                "tomorrow",
                "2026-02-30",
                "2026-1-1",
                "26-01-01",
                "2026-01-31T00:00:00Z",
            ]
            .map(|text| json!(text)),
        ),
        "handle" => wrong.extend(
            ["", "ab", "-abc", "Abc", &"a".repeat(33), "a b", "\u{e4}bc"].map(|text| json!(text)),
        ),
        _ => {}
    }
    if !["due_on", "comment"].contains(&field) {
        wrong.push(json!(null));
    }
    let checked = ["title", "name", "body", "description", "message", "comment"].contains(&field);
    if checked {
        wrong.extend(
            [
                "nul \u{0}",
                "bell \u{7}",
                "escape \u{1b}[31m",
                "delete \u{7f}",
                "c1 \u{85}",
            ]
            .map(|text| json!(text)),
        );
    }
    wrong
}

/// A rating is 1 to 5.
fn wrong_numbers() -> Vec<Value> {
    let numbers = [
        json!(0),
        json!(6),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
    ];
    let others = [json!("5"), json!(true), json!(null), json!([]), json!({})];
    numbers.into_iter().chain(others).collect()
}

fn wrong_objects(good: &Value) -> Vec<Value> {
    let mut unknown = good.clone();
    unknown["more"] = json!(1);
    let mut kind = good.clone();
    kind["kind"] = json!("explode");
    let missing = json!({"kind": good["kind"]});
    vec![
        json!(1),
        json!("x"),
        json!([]),
        json!({}),
        missing,
        unknown,
        kind,
    ]
}
