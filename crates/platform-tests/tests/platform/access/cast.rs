//! Everyone who could ask, and something of everything that can be named.

use std::collections::HashMap;

use serde_json::{Value, json};
use test_kit::{Answer, Person, Platform};

use super::{document::Operation, who::Who};
use crate::log::id;

/// All of them on one platform. Who was lost, as by deleting their account, is replaced.
pub(super) struct Cast<'a> {
    platform: &'a Platform,
    /// Makes admins, and asks for nothing else.
    root: Person,
    members: HashMap<Who, Person>,
}

impl<'a> Cast<'a> {
    pub(super) async fn on(platform: &'a Platform) -> Self {
        Self {
            platform,
            root: platform.admin().await,
            members: HashMap::new(),
        }
    }

    /// Asks; with the body that the document tells, where it tells one.
    pub(super) async fn ask(&mut self, who: Who, operation: &Operation, path: &str) -> Answer {
        let person = self.member(who).await;
        let request = person.request(operation.method.clone(), path);
        let request = match who {
            Who::Nobody => self.without_credentials(operation, path),
            _ => request,
        };
        let request = match operation.is_safe() {
            true => request,
            false => request.json(&operation.filled()),
        };
        person.send(request).await
    }

    /// The operation's path, with something of the owner's where it names a thing.
    pub(super) async fn fill(&mut self, operation: &Operation) -> String {
        let mut path = operation.pattern.replace("{stream}", "user:feedback");
        if operation.names_a_thing() {
            let owner = self.member(Who::Owner).await;
            path = path.replace("{id}", &thing(&owner, &operation.pattern).await);
        }
        assert!(!path.contains('{'), "say here what {path} names");
        path
    }

    /// Somebody who can ask: a person with a session, or with a machine token in its place.
    pub(super) async fn member(&mut self, who: Who) -> Person {
        if let Some(person) = self.members.get(&who)
            && person.get("/api/me").await.status != 401
        {
            return person.clone();
        }
        let mut person = self.platform.person().await;
        let scopes = who.scopes().unwrap_or_default();
        let was_admin = scopes.contains(&"admin") && !who.is_admin();
        if who.is_admin() || was_admin {
            self.give_roles(&person, &["user", "admin"]).await;
            person = person.sign_in_again().await;
        }
        if !scopes.is_empty() {
            person.token = machine_token(&person, scopes).await.1;
        }
        if was_admin {
            self.give_roles(&person, &["user"]).await;
        }
        self.members.insert(who, person.clone());
        person
    }

    async fn give_roles(&self, person: &Person, roles: &[&str]) {
        let account = format!("/api/admin/users/{}", person.id);
        let given = self.root.patch(&account, json!({"roles": roles})).await;
        given.expect(200);
    }

    fn without_credentials(&self, operation: &Operation, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.platform.base_url());
        reqwest::Client::new().request(operation.method.clone(), url)
    }
}

/// The id of something of the owner's, of the kind that the path is about.
async fn thing(owner: &Person, pattern: &str) -> String {
    let kinds = [
        "projects", "tasks", "comments", "sessions", "tokens", "users",
    ];
    let before = pattern.split("/{id}").next().unwrap_or_default();
    let kind = before.rsplit('/').next().unwrap_or_default();
    assert!(
        kinds.contains(&kind),
        "say here what {{id}} is in {pattern}"
    );
    match kind {
        "users" => return owner.id.clone(),
        "tokens" => return machine_token(owner, &["read"]).await.0,
        "sessions" => {
            let other = owner.sign_in_again().await.get("/api/me").await.expect(200);
            return text(&other["session"]["id"]);
        }
        _ => {}
    }
    let projects = owner.get("/api/projects?key=MATRIX").await.expect(200);
    let project = match projects["items"].get(0) {
        Some(project) => project.clone(),
        None => owner.create_project("MATRIX").await,
    };
    if kind == "projects" {
        return text(&project["id"]);
    }
    let task = owner.create_task(&project, "A task").await;
    if kind == "tasks" {
        return text(&task["id"]);
    }
    let comments = format!("/api/tasks/{}/comments", id(&task));
    let comment = owner.post(&comments, json!({"body": "Text"})).await;
    text(&comment.expect(201)["id"])
}

/// Id and text of a new machine token.
pub(super) async fn machine_token(person: &Person, scopes: &[&str]) -> (String, String) {
    let wanted = json!({"name": "matrix", "scopes": scopes, "expires_on": null});
    let made = person.post("/api/me/tokens", wanted).await.expect(201);
    (text(&made["id"]), text(&made["token"]))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
