//! What happened to accounts: rows of SQL, found by person, type and time.

use rpc::auth::{
    DeleteMeRequest, ListSecurityEventsRequest, ListSecurityEventsResponse, SecurityEvent,
    SetUserRolesRequest,
};
use service_kit::Problem;

use super::{Auth, PASSWORD, Signed, answer, call, client, email_of, refused};

impl Auth {
    async fn find(
        &self,
        signed: &Signed,
        asked: ListSecurityEventsRequest,
    ) -> Result<ListSecurityEventsResponse, Problem> {
        let request = call(&signed.token, asked);
        answer(self.client().list_security_events(request).await)
    }
}

fn of(user_id: &str) -> ListSecurityEventsRequest {
    ListSecurityEventsRequest {
        user_id: user_id.to_owned(),
        ..ListSecurityEventsRequest::default()
    }
}

fn everyone() -> ListSecurityEventsRequest {
    ListSecurityEventsRequest {
        all: true,
        ..ListSecurityEventsRequest::default()
    }
}

fn names(events: &[SecurityEvent]) -> Vec<&str> {
    events.iter().map(|event| short(&event.r#type)).collect()
}

fn short(name: &str) -> &str {
    let rest = name.strip_prefix("devmentor.security.");
    let rest = rest.and_then(|rest| rest.strip_suffix(".v1"));
    rest.expect("a type of ours")
}

#[tokio::test]
async fn people_see_what_happened_to_their_account_newest_first() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let wrong = auth.login(&email_of("reader"), "not the password").await;
    assert_eq!(refused(wrong), "invalid_credentials");
    auth.logout(&auth.sign_in(&email_of("reader")).await.token)
        .await
        .expect("signed out");
    let found = auth.events(&reader.token, "").await;
    assert_eq!(
        names(&found),
        [
            "signed_out",
            "signed_in",
            "sign_in_failed",
            "signed_in",
            "account_created"
        ]
    );
    for event in &found {
        assert_eq!(event.user_id, reader.user_id.to_string());
    }
    let failed = &found[2];
    assert_eq!(
        (failed.agent.as_str(), failed.address.as_str()),
        ("a  browser", "192.0.2.1")
    );
    assert_eq!(found[3].session_id, reader.session_id.to_string());
    assert!(found.is_sorted_by_key(|event| {
        let time = event.time.expect("a time");
        std::cmp::Reverse((time.seconds, time.nanos))
    }));
}

#[tokio::test]
async fn they_are_found_by_type_and_time_and_page_by_page() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    for _ in 0..3 {
        auth.sign_in(&email_of("reader")).await;
    }
    let all = auth.events(&reader.token, "").await;
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let asked = ListSecurityEventsRequest {
            limit: 2,
            cursor,
            ..ListSecurityEventsRequest::default()
        };
        let page = auth.find(&reader, asked).await.expect("a page");
        assert!(page.events.len() <= 2);
        paged.extend(page.events);
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all);
    for kind in ["signed_in", "devmentor.security.signed_in.v1"] {
        assert_eq!(
            names(&auth.events(&reader.token, kind).await),
            ["signed_in"; 4],
            "{kind}"
        );
    }
    assert!(auth.events(&reader.token, "nothing").await.is_empty());
    let bounds = (all[3].time, all[1].time);
    let between = ListSecurityEventsRequest {
        from: bounds.0,
        to: bounds.1,
        ..ListSecurityEventsRequest::default()
    };
    let between = auth.find(&reader, between).await.expect("a page");
    assert_eq!(
        between.events,
        all[2..=3],
        "from a moment on, and before the other"
    );
    for wrong in [
        ListSecurityEventsRequest {
            limit: 201,
            ..Default::default()
        },
        ListSecurityEventsRequest {
            cursor: "nonsense".to_owned(),
            ..Default::default()
        },
    ] {
        assert_eq!(refused(auth.find(&reader, wrong).await), "invalid");
    }
}

#[tokio::test]
async fn what_happened_to_others_is_for_admins() {
    let auth = Auth::start().await;
    let (admin, reader) = (auth.admin().await, auth.person("reader").await);
    let (reader_id, admin_id) = (reader.user_id.to_string(), admin.user_id.to_string());
    assert_eq!(
        refused(auth.find(&reader, of(&admin_id)).await),
        "forbidden"
    );
    assert_eq!(refused(auth.find(&reader, everyone()).await), "forbidden");
    assert_eq!(refused(auth.find(&admin, of("nobody")).await), "not_found");
    let of_reader = auth.find(&admin, of(&reader_id)).await.expect("a page");
    assert_eq!(of_reader.events, auth.events(&reader.token, "").await);

    let unknown = auth.login("nobody@example.com", PASSWORD).await;
    assert_eq!(refused(unknown), "invalid_credentials");
    let all = auth.find(&admin, everyone()).await.expect("a page").events;
    assert_eq!(names(&all)[..2], ["sign_in_failed", "signed_in"]);
    assert_eq!(all[0].user_id, "", "nobody's");
    let own = auth.events(&admin.token, "").await;
    assert!(all.len() > own.len());

    let asked = SetUserRolesRequest {
        user_id: reader_id.clone(),
        roles: vec!["admin".to_owned()],
        client: Some(client()),
    };
    let promoted = auth
        .client()
        .set_user_roles(call(&admin.token, asked))
        .await;
    answer(promoted).expect("promoted");
    let changed = &auth.events(&reader.token, "roles_changed").await[0];
    assert_eq!(
        (&changed.user_id, &changed.actor_id),
        (&reader_id, &admin_id)
    );
    assert_eq!(changed.detail, "user, admin");
}

#[tokio::test]
async fn they_outlive_the_account() {
    let auth = Auth::start().await;
    let (admin, leaver) = (auth.admin().await, auth.person("leaver").await);
    let request = call(&leaver.token, DeleteMeRequest::default());
    answer(auth.client().delete_me(request).await).expect("deleted");
    let left = auth.find(&admin, of(&leaver.user_id.to_string())).await;
    let left = left.expect("a page").events;
    assert_eq!(
        names(&left),
        ["account_deleted", "signed_in", "account_created"]
    );
}
