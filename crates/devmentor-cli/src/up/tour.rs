//! `devmentor up --tour`: a first project whose tasks teach the product.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::format_description};

use super::{data_dir::DataDir, plan::Plan, redis_server};
use crate::{api::Api, arguments::Global, output};

/// Its key.
pub(super) const KEY: &str = "TOUR";

/// Whose end is watched.
const STREAMS: &str = "redis-streams";

/// Makes the project of a platform that is new.
pub(super) struct Tour {
    api: Api,
    streams_pid_file: PathBuf,
}

/// A task of it.
struct Stop {
    title: &'static str,
    status: &'static str,
    description: String,
    due_in_days: Option<i64>,
}

impl Tour {
    /// None, and why, for a platform that is not new or has no web app.
    pub(super) fn new(
        global: &Global,
        data_dir: &DataDir,
        plan: &Plan,
    ) -> anyhow::Result<Option<Self>> {
        if !data_dir.was_empty() {
            let path = data_dir.path().display();
            output::tell(&format!(
                "--tour is for an empty data directory, and {path} is not: there is none"
            ));
            return Ok(None);
        }
        if plan.sign_in.is_none() {
            output::tell("--tour needs ui-gateway, which is not started here: there is none");
            return Ok(None);
        }
        // The platform that is started here, whichever other commands talk to.
        let own = Global {
            url: None,
            token: None,
            redis: None,
            data_dir: data_dir.path().to_owned(),
            ..*global
        };
        Ok(Some(Self {
            api: Api::new(&own)?,
            streams_pid_file: data_dir.path().join(STREAMS).join(redis_server::PID_FILE),
        }))
    }

    /// Makes it as the first admin.
    pub(super) async fn make(&self) -> anyhow::Result<()> {
        let project = json!({
            "key": KEY, "name": "The tour",
            "description": "Ten tasks that show what this is. Begin with the first."
        });
        let project = self.create("/api/projects", &project).await?;
        let tasks = format!(
            "/api/projects/{}/tasks",
            project["id"].as_str().unwrap_or_default()
        );
        for stop in self.stops() {
            let due_on = stop.due_in_days.map(day_in).transpose()?;
            let task = json!({
                "title": stop.title, "description": stop.description, "status": stop.status,
                "due_on": due_on, "labels": ["tour"],
            });
            self.create(&tasks, &task).await?;
        }
        Ok(())
    }

    async fn create(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.api.request(Method::POST, path).await?;
        self.api.fetch(request.json(body)).await
    }

    /// In the order they are gone through; together they give the mentor something to say.
    fn stops(&self) -> [Stop; 10] {
        let (url, pid_file) = (self.api.url(), self.streams_pid_file.display());
        [
            todo(
                "Drag me to In progress",
                "With the mouse, or with Alt and the right arrow. ? shows all keys.",
            ),
            todo(
                "Open a second window and watch",
                "Open this page in another window, side by side. Move a card here: it moves there at once.",
            ),
            todo(
                "Edit me in both windows",
                "Press e here and there, change this title in both, and save both. Nobody's change is \
                 written over: the second one is asked.",
            ),
            todo(
                "Write a comment",
                "Open this card and say something. The other window shows it.",
            ),
            Stop {
                status: "in_progress",
                due_in_days: Some(-1),
                ..todo(
                    "Ask the mentor what is overdue",
                    "This card was due yesterday. Press m, ask, and take what the mentor suggests. Undo \
                     is one click.",
                )
            },
            todo(
                "Split me with the mentor",
                "Ask the mentor what to do next. It sees that I am too big, and offers to make a card of \
                 each step.\n\n- [ ] Ask\n- [ ] Read why\n- [ ] Accept\n- [ ] Undo, if you like\n\
                 - [ ] Look at the board",
            ),
            todo(
                "Rate the mentor, and watch your profile",
                "Open your profile beside the mentor, then rate a reply. The bars move when the rating \
                 counts, and the style of the next reply is drawn from them.",
            ),
            todo(
                "Kill Redis, and watch",
                format!(
                    "In a terminal:\n\nkill -9 $(cat '{pid_file}')\n\nThat is the Redis that holds the \
                     streams. It is started again at once. Kill it while you move cards and rate replies: \
                     what was accepted is still there, once, and what cannot be kept is not accepted."
                ),
            ),
            todo(
                "Talk to the API",
                format!(
                    "In a terminal:\n\ncurl {url}/api/health\n\nThe README goes on from there, with lines \
                     that run as they are printed. devmentor smoke goes the whole way within seconds, and \
                     devmentor streams shows what passed."
                ),
            ),
            Stop {
                status: "in_review",
                due_in_days: Some(7),
                ..todo(
                    "Bring your own issues",
                    "devmentor import FILE --project KEY takes an archive of GitHub issues, as the README \
                     says. docs/ARCHITECTURE.md tells how all this is made. Move me to Done: the tour is over.",
                )
            },
        ]
    }
}

fn todo(title: &'static str, description: impl Into<String>) -> Stop {
    Stop {
        title,
        status: "todo",
        description: description.into(),
        due_in_days: None,
    }
}

fn day_in(days: i64) -> anyhow::Result<String> {
    let day = OffsetDateTime::now_utc().date() + Duration::days(days);
    Ok(day.format(format_description!("[year]-[month]-[day]"))?)
}
