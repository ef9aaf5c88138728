//! Projects and what is in them, and the mentor.

use service_kit::Code;

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
                    .grpc(&["UpdateTask"]),
            )
            .delete(signed_in("Deletes a task; editors", task::delete).grpc(&["DeleteTask"])),
        path("/api/projects/{id}/tasks")
            .get(
                signed_in("Tasks by status and position; members", task::list).grpc(&["ListTasks"]),
            )
            .post(signed_in("A new task; editors", task::create).grpc(&["CreateTask"])),
        path("/api/tasks/{id}/comments")
            .get(
                signed_in("Comments, newest first; members", comments::list)
                    .grpc(&["ListComments"]),
            )
            .post(signed_in("A new comment; editors", comments::create).grpc(&["CreateComment"])),
        path("/api/comments/{id}")
            .patch(
                signed_in("Changes a comment; its author", comments::change)
                    .grpc(&["UpdateComment"]),
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
                    .grpc(&["ListProjects"]),
            )
            .post(
                signed_in("A new project", project::create)
                    .grpc(&["CreateProject"])
                    .problems(&[Code::KeyTaken]),
            ),
        path("/api/projects/{id}")
            .get(signed_in("A project; members", project::read).grpc(&["GetProject"]))
            .patch(signed_in("Changes a project; owners", project::change).grpc(&["UpdateProject"]))
            .delete(
                signed_in("Deletes a project; owners", project::delete).grpc(&["DeleteProject"]),
            ),
        path("/api/projects/{id}/events").get(
            signed_in("All that happened in a project; members", events::list)
                .grpc(&["ListEvents"]),
        ),
        path("/api/projects/{id}/import").post(
            signed_in("Imports an issue archive; owners", import::import).grpc(&["ImportArchive"]),
        ),
        path("/api/projects/{id}/summary").get(
            signed_in("A project at a glance; members", summary::read).grpc(&["ReviewProject"]),
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
            .problems(&[Code::NotFound]),
        ),
        path("/api/feedback").post(
            signed_in("Rates a reply of the mentor", mentoring::rate)
                .grpc(&["GiveFeedback"])
                .problems(&[Code::NotFound]),
        ),
        path("/api/interactions").post(
            signed_in("Tells what was done with a reply", mentoring::interact)
                .grpc(&["RecordInteraction"])
                .problems(&[Code::NotFound]),
        ),
        path("/api/learning/profile")
            .get(signed_in("What was learned of the caller", learning::read).grpc(&["GetProfile"])),
    ]
}
