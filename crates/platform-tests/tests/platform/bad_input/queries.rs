//! Parameters of the URL.

use test_kit::Platform;

use super::{Owner, refused};
use crate::log::id;

#[tokio::test]
async fn pages_limits_and_filters_are_checked() {
    let platform = Platform::start().await;
    let owner = Owner::on(&platform).await;
    let (project, task) = (id(&owner.project), id(&owner.task));
    let lists = [
        "/api/projects".to_owned(),
        format!("/api/projects/{project}/tasks"),
        format!("/api/tasks/{task}/comments"),
    ];
    let events = format!("/api/projects/{project}/events");
    for path in lists.iter().chain([&events]) {
        for limit in ["0", "201", "-1", "x", "1.5", "99999999999999999999", "1%00"] {
            refused(
                &owner.person.get(&format!("{path}?limit={limit}")).await,
                "limit",
            );
        }
        owner
            .person
            .get(&format!("{path}?limit=200"))
            .await
            .expect(200);
    }
    for path in lists {
        for cursor in [
            "x",
            "%00",
            "AAAA",
            "eyJhIjoxfQ",
            "..%2f",
            &"A".repeat(2000),
            "%F0%9F%A6%80",
            "1-0",
        ] {
            refused(
                &owner.person.get(&format!("{path}?cursor={cursor}")).await,
                "cursor",
            );
        }
    }
    for (name, value) in [
        ("after", "x"),
        ("after", "1"),
        ("after", "-1-0"),
        ("from", "x"),
        ("to", "yesterday"),
        ("from", "2026-01-01"),
    ] {
        refused(
            &owner.person.get(&format!("{events}?{name}={value}")).await,
            name,
        );
    }
    for since in ["x", "1", "-1-0", "%00"] {
        let path = format!("/api/projects/{project}/summary?since={since}");
        refused(&owner.person.get(&path).await, "since");
    }
    refused(
        &owner
            .person
            .get(&format!("/api/projects/{project}/tasks?status=nothing"))
            .await,
        "status",
    );
}
