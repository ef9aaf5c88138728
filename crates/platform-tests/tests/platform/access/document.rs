//! The routes, as the gateway's OpenAPI document tells them.

use reqwest::Method;
use serde_json::{Map, Value, json};
use test_kit::Platform;

use super::who::Access;

/// One method of one path.
pub(super) struct Operation {
    pub(super) method: Method,
    /// With its parameters in braces.
    pub(super) pattern: String,
    pub(super) access: Access,
    /// The gRPC methods that do the same.
    pub(super) grpc: Vec<String>,
    /// The schema of its body.
    pub(super) body: Option<Value>,
}

/// Every operation of the document in the repository.
pub(super) fn written() -> Vec<Operation> {
    let document = include_str!("../../../../../docs/openapi.json");
    operations(&serde_json::from_str(document).expect("a document"))
}

/// Every operation of the document that the gateway serves.
pub(super) async fn read(platform: &Platform) -> Vec<Operation> {
    let url = format!("{}/api/openapi.json", platform.base_url());
    let answer = reqwest::get(url).await.expect("the gateway answers");
    let document: Value = answer.json().await.expect("a document");
    operations(&document)
}

fn operations(document: &Value) -> Vec<Operation> {
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(pattern, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(|(method, told)| Operation::new(document, method, pattern, told))
    });
    operations.collect()
}

impl Operation {
    fn new(document: &Value, method: &str, pattern: &str, told: &Value) -> Self {
        let schema = told.pointer("/requestBody/content/application~1json/schema");
        let schema = schema.map(|schema| match schema["$ref"].as_str() {
            Some(name) => document.pointer(&name[1..]).expect("a schema"),
            None => schema,
        });
        let method: Method = method.to_uppercase().parse().expect("a method");
        let access = told["x-access"].as_str();
        let access = access.and_then(|name| Access::from_document(name, method.is_safe()));
        let grpc = told["x-grpc"].as_array().into_iter().flatten();
        let grpc = grpc.filter_map(Value::as_str).map(str::to_owned);
        Self {
            access: access.unwrap_or_else(|| panic!("whom is {pattern} for?")),
            grpc: grpc.collect(),
            method,
            pattern: pattern.to_owned(),
            body: schema.cloned(),
        }
    }

    pub(super) fn is_safe(&self) -> bool {
        self.method.is_safe()
    }

    /// Whether its path has the id of something.
    pub(super) fn names_a_thing(&self) -> bool {
        self.pattern.contains("{id}")
    }

    /// The fields of its body.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let body = self.body.as_ref();
        let fields = body.and_then(|body| body["properties"].as_object());
        fields.cloned().unwrap_or_default()
    }

    /// The fields that its body has to have.
    pub(super) fn required(&self) -> Vec<String> {
        let body = self.body.as_ref();
        let required = body.and_then(|body| body["required"].as_array());
        let names = required.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    }

    /// A body with every field that has to be there, each of its type.
    pub(super) fn filled(&self) -> Value {
        let fields = self.fields();
        let filled = self.required().into_iter().map(|name| {
            let schema = fields.get(&name).map(|schema| &schema["type"]);
            let value = match schema.and_then(Value::as_str) {
                Some("boolean") => json!(true),
                Some("integer") => json!(1),
                Some("array") => json!(["x"]),
                _ => json!("x"),
            };
            (name, value)
        });
        Value::Object(filled.collect())
    }
}
