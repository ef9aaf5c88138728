//! Projects and what is in them, and the mentor.

use super::PAGE;
use crate::http::{
    chat, comments, events, import, learning, mentor as mentoring, projects as project,
    route::{Path, path, read_and_write, signed_in},
    summary, tasks as task,
};

pub(super) fn tasks() -> Vec<Path> {
    vec![
        path("/api/tasks/{id}")
            .get(signed_in("A task; members", task::read).grpc(&["GetTask"]))
            .patch(
                signed_in("Changes a task, moves it, or both; editors", task::change)
                    .grpc(&["UpdateTask"])
                    .takes(&[
                        "title?",
                        "description?",
                        "status?",
                        "labels?:texts",
                        "due_on?:text|null",
                        "after_id?",
                        "before_id?",
                    ]),
            )
            .delete(signed_in("Deletes a task; editors", task::delete).grpc(&["DeleteTask"])),
        path("/api/projects/{id}/tasks")
            .get(
                signed_in("Tasks by status and position; members", task::list)
                    .grpc(&["ListTasks"])
                    .asks(&["limit", "cursor", "status", "label", "q"]),
            )
            .post(
                signed_in("A new task; editors", task::create)
                    .grpc(&["CreateTask"])
                    .takes(&[
                        "title",
                        "description?",
                        "status?",
                        "labels?:texts",
                        "due_on?:text|null",
                    ]),
            ),
        path("/api/tasks/{id}/comments")
            .get(
                signed_in("Comments, newest first; members", comments::list)
                    .grpc(&["ListComments"])
                    .asks(PAGE),
            )
            .post(
                signed_in("A new comment; editors", comments::create)
                    .grpc(&["CreateComment"])
                    .takes(&["body"]),
            ),
        path("/api/comments/{id}")
            .patch(
                signed_in("Changes a comment; its author", comments::change)
                    .grpc(&["UpdateComment"])
                    .takes(&["body?"]),
            )
            .delete(
                signed_in(
                    "Deletes a comment; its author, or an owner",
                    comments::delete,
                )
                .grpc(&["DeleteComment"]),
            ),
    ]
}

pub(super) fn projects() -> Vec<Path> {
    vec![
        path("/api/projects")
            .get(
                signed_in("The caller's projects, newest first", project::list)
                    .grpc(&["ListProjects"])
                    .asks(&["limit", "cursor", "key"]),
            )
            .post(
                signed_in("A new project", project::create)
                    .grpc(&["CreateProject"])
                    .takes(&["key", "name", "description?"]),
            ),
        path("/api/projects/{id}")
            .get(signed_in("A project; members", project::read).grpc(&["GetProject"]))
            .patch(
                signed_in("Changes a project; owners", project::change)
                    .grpc(&["UpdateProject"])
                    .takes(&["name?", "description?", "status?"]),
            )
            .delete(
                signed_in("Deletes a project; owners", project::delete).grpc(&["DeleteProject"]),
            ),
        path("/api/projects/{id}/events").get(
            signed_in("All that happened in a project; members", events::list)
                .grpc(&["ListEvents"])
                .asks(&["after", "from", "to", "type", "limit"]),
        ),
        path("/api/projects/{id}/import").post(
            signed_in("Imports an issue archive; owners", import::import)
                .grpc(&["ImportArchive"])
                .takes_json()
                .answers(&[200]),
        ),
        path("/api/projects/{id}/summary").get(
            signed_in("A project at a glance; members", summary::read)
                .grpc(&["ReviewProject"])
                .asks(&["since"]),
        ),
    ]
}

pub(super) fn mentor() -> Vec<Path> {
    vec![
        path("/api/ai/chat").post(
            read_and_write(
                "Asks the mentor, who reads the caller's projects",
                chat::chat,
            )
            .grpc(&["Chat"])
            .takes(&[
                "conversation_id?:text|null",
                "project_id?:text|null",
                "message",
            ])
            .answers(&[200]),
        ),
        path("/api/feedback").post(
            signed_in("Rates a reply of the mentor", mentoring::rate)
                .grpc(&["GiveFeedback"])
                .takes(&[
                    "target_type",
                    "target_id",
                    "rating:number",
                    "tags?:texts",
                    "comment?:text|null",
                ])
                .answers(&[202]),
        ),
        path("/api/interactions").post(
            signed_in("Tells what was done with a reply", mentoring::interact)
                .grpc(&["RecordInteraction"])
                .takes(&["message_id", "kind", "suggestion?:object|null"])
                .answers(&[202]),
        ),
        path("/api/learning/profile")
            .get(signed_in("What was learned of the caller", learning::read).grpc(&["GetProfile"])),
    ]
}
