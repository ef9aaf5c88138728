//! A machine token that may only write.

use serde_json::json;
use test_kit::Platform;

use super::cast::machine_token;
use crate::log::id;

#[tokio::test]
async fn a_write_only_token_changes_and_deletes_whatever_its_precondition() {
    let platform = Platform::start().await;
    let owner = platform.person().await;
    let project = owner.create_project("WRITE").await;
    let task = owner.create_task(&project, "A task").await;
    let comments = format!("/api/tasks/{}/comments", id(&task));
    let comment = owner.post(&comments, json!({"body": "Text"})).await;
    let comment = comment.expect(201);
    let mut writer = owner.clone();
    writer.token = machine_token(&owner, &["write"]).await.1;
    let things = [
        ("comments", &comment, json!({"body": "Other"})),
        ("tasks", &task, json!({"title": "Other"})),
        ("projects", &project, json!({"name": "Other"})),
    ];
    for (kind, thing, change) in things {
        let path = format!("/api/{kind}/{}", id(thing));
        let ask = async |method: &str, versions: Option<&str>, body: &serde_json::Value| {
            let mut request = writer.request(method.parse().expect("a method"), &path);
            if let Some(versions) = versions {
                request = request.header("if-match", versions);
            }
            if method == "PATCH" {
                request = request.json(body);
            }
            writer.send(request).await
        };
        let current = ask("PATCH", None, &json!({})).await.expect(200);
        let version = current["version"].as_u64().expect("a version");
        let one_fits = format!("\"{}\", \"{version}\"", version + 7);
        let none_fits = format!("\"{}\", \"{}\"", version + 7, version + 8);
        for versions in [None, Some("*"), Some(one_fits.as_str())] {
            ask("PATCH", versions, &json!({})).await.expect(200);
        }
        for body in [&json!({}), &change] {
            let refused = ask("PATCH", Some(&none_fits), body).await;
            refused.expect_problem(412, "version_mismatch");
        }
        let changed = ask("PATCH", Some(&one_fits), &change).await.expect(200);
        assert_eq!(changed["version"], version + 1);
        let refused = ask("DELETE", Some(&none_fits), &json!({})).await;
        refused.expect_problem(412, "version_mismatch");
        let newest = format!("\"{version}\", \"{}\"", version + 1);
        ask("DELETE", Some(&newest), &json!({})).await.expect(204);
    }
    owner.get(&comments).await.expect_problem(404, "not_found");
}
