//! `devmentor up --tour`: a first project whose tasks teach the product.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Api;

/// A task of the tour.
struct Stop {
    title: &'static str,
    description: &'static str,
    status: &'static str,
    due_on: Option<&'static str>,
}

const fn stop(title: &'static str, status: &'static str, description: &'static str) -> Stop {
    Stop {
        title,
        description,
        status,
        due_on: None,
    }
}

/// In the order they are gone through.
fn stops() -> [Stop; 10] {
    [
        stop(
            "Drag me to In progress",
            "todo",
            "With the mouse, or focus the card and press Control and the right arrow. Press ? for all keys.",
        ),
        stop(
            "Open a second window and watch",
            "todo",
            "Open this address in another window, side by side. Move a card here: it moves there at once.",
        ),
        stop(
            "Edit me in both windows",
            "todo",
            "Change this title here and there, and save both. Nobody's change is written over: the second is asked.",
        ),
        stop(
            "Write a comment",
            "todo",
            "Open this card and say something. The other window counts it.",
        ),
        Stop {
            due_on: Some("2020-01-31"),
            ..stop(
                "Ask the mentor what is overdue",
                "in_progress",
                "This card was due long ago. Press m, ask, and take the suggestion. Undo is one click.",
            )
        },
        stop(
            "Split me with the mentor",
            "todo",
            "Ask the mentor what to split.\n\n- [ ] Ask\n- [ ] Read why\n- [ ] Accept\n- [ ] Undo, if you like\n- [ ] Look at the board",
        ),
        stop(
            "Rate the mentor, and watch your profile",
            "todo",
            "Open your profile beside the mentor, then rate a reply. The bars move when the rating counts, and the next reply is drawn from them.",
        ),
        stop(
            "Kill Redis, and watch",
            "todo",
            "In a terminal: `pkill -9 -f 'redis-server.*:6380'` (with --port-offset N, 6380 + N). Go on moving cards: changes are kept, \
             live updates wait, and a rating says that it cannot be kept. `devmentor up` starts Redis again, and nothing is missing.",
        ),
        stop(
            "Talk to the API",
            "todo",
            "The README's curl lines run as they are printed. `devmentor smoke` goes the whole way in some seconds.",
        ),
        stop(
            "Bring your own issues",
            "in_review",
            "`devmentor import FILE --project KEY` takes an archive of GitHub issues. Then move this card to Done: the tour is over.",
        ),
    ]
}

/// Makes the project as the first admin.
pub(super) async fn make(api: &Api) -> anyhow::Result<()> {
    let project = json!({
        "key": "TOUR", "name": "The tour",
        "description": "Ten tasks that show what this is. Begin with the first."
    });
    let project: Value = create(api, "/api/projects", &project).await?;
    let path = format!(
        "/api/projects/{}/tasks",
        project["id"].as_str().unwrap_or_default()
    );
    for stop in stops() {
        let task = json!({
            "title": stop.title, "description": stop.description, "status": stop.status,
            "due_on": stop.due_on, "labels": ["tour"],
        });
        create(api, &path, &task).await?;
    }
    Ok(())
}

async fn create(api: &Api, path: &str, body: &Value) -> anyhow::Result<Value> {
    let request = api.request(Method::POST, path).await?;
    api.fetch(request.json(body)).await
}
