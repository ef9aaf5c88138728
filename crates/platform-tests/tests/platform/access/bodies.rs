//! The document tells each body as the route takes it.

use serde_json::{Value, json};
use test_kit::{Answer, Platform};

use super::{
    cast::Cast,
    document::{self, Operation},
    who::Who,
};

#[tokio::test]
async fn every_route_takes_the_fields_that_the_document_tells() {
    let platform = Platform::start().await;
    let operations = document::read(&platform).await;
    let mut cast = Cast::on(&platform).await;
    for operation in operations.iter().filter(|of| !of.fields().is_empty()) {
        let path = cast.fill(operation).await;
        let who = match operation.access {
            access if access.is_for_admins() => Who::Admin,
            _ => Who::Owner,
        };
        let person = cast.member(who).await;
        let send = async |body: Value| {
            let request = person.request(operation.method.clone(), &path);
            person.send(request.json(&body)).await
        };
        let told = format!("{} {path}", operation.method);

        let stranger = send(json!({"no_such_field": 1})).await;
        let mut expected = operation.required();
        expected.push("no_such_field".to_owned());
        expected.sort();
        assert_eq!(named(&stranger), expected, "{told}: {stranger}");

        let wrong = send(of_wrong_types(operation)).await;
        for name in operation.fields().keys() {
            assert!(named(&wrong).contains(name), "{told}: {name}: {wrong}");
        }
        let unknown = wrong.to_string().contains("there is no such field");
        assert!(!unknown, "{told}: {wrong}");
    }
}

/// The fields that a refusal names.
#[track_caller]
fn named(answer: &Answer) -> Vec<String> {
    answer.expect_problem(422, "invalid");
    let errors = answer.body["errors"].as_array().expect("errors").iter();
    let names = errors.filter_map(|error| error["field"].as_str());
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort();
    names
}

/// Every field, and none of them as it should be.
fn of_wrong_types(operation: &Operation) -> Value {
    let fields = operation.fields().into_iter().map(|(name, schema)| {
        // A field with fields of its own is told by its name.
        let is_object = schema.to_string().contains("$ref");
        (name, if is_object { json!(1) } else { json!({}) })
    });
    Value::Object(fields.collect())
}
