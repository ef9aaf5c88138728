//! Admins: lists of accounts, and roles.

use rpc::auth::{ListUsersRequest, ListUsersResponse, SetUserRolesRequest, User};
use service_kit::Problem;

use super::{ADMIN_EMAIL, Auth, answer, call, refused};

impl Auth {
    async fn list(
        &self,
        token: &str,
        asked: ListUsersRequest,
    ) -> Result<ListUsersResponse, Problem> {
        answer(self.client().list_users(call(token, asked)).await)
    }

    pub(super) async fn set_roles(
        &self,
        token: &str,
        id: &str,
        roles: &[&str],
    ) -> Result<User, Problem> {
        let asked = SetUserRolesRequest {
            user_id: id.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            client: None,
        };
        let user = answer(self.client().set_user_roles(call(token, asked)).await)?.user;
        Ok(user.expect("an account"))
    }
}

fn page(limit: u32, cursor: &str, email: &str) -> ListUsersRequest {
    ListUsersRequest {
        limit,
        cursor: cursor.to_owned(),
        email: email.to_owned(),
    }
}

#[tokio::test]
async fn accounts_are_listed_newest_first_in_pages() {
    let auth = Auth::start().await;
    for handle in ["first", "second", "third"] {
        auth.register(handle).await.expect("an account");
    }
    let admin = auth.admin().await;
    let mut handles: Vec<Vec<String>> = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = auth.list(&admin.token, page(3, &cursor, "")).await;
        let answer = answer.expect("a page");
        handles.push(answer.users.into_iter().map(|user| user.handle).collect());
        cursor = answer.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(handles, [vec!["third", "second", "first"], vec!["admin"]]);
    let one = auth
        .list(&admin.token, page(0, "", "SECOND@example.com"))
        .await;
    let one = one.expect("a page");
    assert_eq!(
        (one.users.len(), one.users[0].handle.as_str()),
        (1, "second")
    );
    for wrong in [page(201, "", ""), page(0, "no cursor", "")] {
        assert_eq!(refused(auth.list(&admin.token, wrong).await), "invalid");
    }
}

#[tokio::test]
async fn only_admins_list_and_promote() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let listed = auth.list(&reader.token, page(0, "", "")).await;
    assert_eq!(refused(listed), "forbidden");
    let own = auth
        .check(&reader.token)
        .await
        .expect("live")
        .user
        .expect("a user");
    let promoted = auth.set_roles(&reader.token, &own.id, &["admin"]).await;
    assert_eq!(refused(promoted), "forbidden");
    assert_eq!(
        refused(auth.list("", page(0, "", "")).await),
        "unauthenticated"
    );
}

#[tokio::test]
async fn a_promotion_counts_at_once_in_every_live_session() {
    let auth = Auth::start().await;
    let (first, second) = (
        auth.person("reader").await,
        auth.sign_in("reader@example.com").await,
    );
    let before = auth.held(first.session_id).await.expect("a hot copy");
    assert_eq!(before.user.roles, ["user"]);
    let admin = auth.admin().await;
    let id = before.user.id.to_string();
    let promoted = auth.set_roles(&admin.token, &id, &["user", "admin"]).await;
    assert_eq!(promoted.expect("promoted").roles, ["user", "admin"]);
    for signed in [&first, &second] {
        let held = auth.held(signed.session_id).await.expect("a hot copy");
        assert_eq!(held.user.roles, ["user", "admin"]);
        assert!(held.version > before.version);
    }
    let listed = auth.list(&first.token, page(0, "", "")).await;
    listed.expect("SQL's roles count, not the token's");
    let demoted = auth.set_roles(&first.token, &id, &["user"]).await;
    demoted.expect("there is another admin");
    let listed = auth.list(&second.token, page(0, "", "")).await;
    assert_eq!(refused(listed), "forbidden");
}

#[tokio::test]
async fn roles_are_checked_and_an_admin_remains() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    let own = auth
        .list(&admin.token, page(0, "", ADMIN_EMAIL))
        .await
        .expect("a page")
        .users
        .remove(0);
    let nobody = uuid::Uuid::now_v7().to_string();
    for (id, roles, code) in [
        (own.id.as_str(), ["user"], "conflict"),
        (&own.id, ["root"], "invalid"),
        (&nobody, ["user"], "not_found"),
        ("no id", ["user"], "not_found"),
    ] {
        assert_eq!(
            refused(auth.set_roles(&admin.token, id, &roles).await),
            code
        );
    }
    auth.list(&admin.token, page(0, "", ""))
        .await
        .expect("still an admin");
}
