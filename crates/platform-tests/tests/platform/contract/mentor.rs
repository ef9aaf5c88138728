//! The mentor, and what it learns.

use serde_json::{Value, json};
use test_kit::{PATIENCE, Platform, eventually};

use super::{document::Contract, text};

pub(super) async fn tell(contract: &mut Contract, platform: &Platform) {
    let person = &platform.person().await;
    let project = person.create_project("MEN").await;
    person.create_task(&project, "Overdue").await;
    let question = json!({
        "message": "What should I do next?",
        "project_id": project["id"],
    });
    let chat = contract.ask(person, "POST /api/ai/chat", "");
    let reply = chat.json(question.clone()).expect(200).await;
    let chat = contract.ask(person, "POST /api/ai/chat", "");
    let chat = chat.with(|request| request.header("accept", "text/event-stream"));
    chat.json(question).expect(200).await;

    let message = text(&reply, "/message_id");
    let rate = contract.ask(person, "POST /api/feedback", "");
    let rating = json!({
        "target_type": "mentor_reply",
        "target_id": message,
        "rating": 5,
    });
    rate.json(rating).expect(202).await;
    let interact = contract.ask(person, "POST /api/interactions", "");
    let interaction = json!({"kind": "copied", "message_id": message});
    interact.json(interaction).expect(202).await;
    eventually("it is learned", PATIENCE, async || {
        let profile = person.get("/api/learning/profile").await.expect(200);
        let learned = profile["feedback_count"] == 1;
        learned.then_some(()).ok_or(profile)
    })
    .await;
    let profile = contract.ask(person, "GET /api/learning/profile", "");
    let profile = profile.expect(200).await;
    assert_ne!(profile["style"], Value::Null);
    let nothing = contract.ask(person, "GET /api/projects/{id}", &message);
    nothing.refused(404, "not_found").await;
}
