//! Making accounts and signing in.

use rpc::auth::{
    GetMeRequest, GetStatusRequest, LoginRequest, RegisterRequest, TouchSessionRequest,
};

use super::{ADMIN_EMAIL, Auth, PASSWORD, answer, call, email_of, refused};

#[tokio::test]
async fn register_sign_in_look_around_and_leave() {
    let auth = Auth::start().await;
    let user = auth.register("reader").await.expect("an account");
    assert_eq!(
        (user.email.as_str(), user.handle.as_str(), &user.roles[..]),
        ("reader@example.com", "reader", &["user".to_owned()][..])
    );
    let login = auth
        .login(" Reader@Example.COM ", PASSWORD)
        .await
        .expect("signed in");
    let session = login.session.expect("a session");
    assert_eq!(login.expires_in, 300);
    assert_eq!(session.user.as_ref(), Some(&user));
    assert_eq!(
        (session.agent.as_str(), session.address.as_str()),
        ("a  browser", "192.0.2.1")
    );
    let token = login.access_token;
    assert_eq!(auth.check(&token).await.expect("live"), session);
    let me = answer(auth.client().get_me(call(&token, GetMeRequest {})).await).expect("me");
    assert_eq!(me.session.as_ref(), Some(&session));
    let touched = auth
        .client()
        .touch_session(call(&token, TouchSessionRequest {}))
        .await;
    assert_eq!(
        answer(touched).expect("live").session,
        Some(session),
        "not due yet"
    );
    auth.logout(&token).await.expect("signed out");
    assert_eq!(refused(auth.check(&token).await), "session_ended");
    auth.logout(&token).await.expect("signed out already");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let auth = Auth::start().await;
    auth.register("reader").await.expect("an account");
    let wrong = auth.login("reader@example.com", "not the password").await;
    let unknown = auth.login("nobody@example.com", "not the password").await;
    let wrong = wrong.expect_err("refused");
    assert_eq!(wrong.code.name(), "invalid_credentials");
    assert_eq!(wrong, unknown.expect_err("refused"));
    let short = auth.login("reader@example.com", "x").await;
    let unknown = auth.login("nobody@example.com", "x").await;
    let short = short.expect_err("refused");
    assert_eq!(short, unknown.expect_err("refused"));
    assert_eq!((short.code, short.detail), (wrong.code, wrong.detail));
}

#[tokio::test]
async fn an_address_and_a_handle_have_one_account() {
    let auth = Auth::start().await;
    auth.register("reader").await.expect("an account");
    let again = |email: &str, handle: &str| RegisterRequest {
        email: email.to_owned(),
        handle: handle.to_owned(),
        password: PASSWORD.to_owned(),
        client: None,
    };
    for (email, handle, code) in [
        ("READER@example.com", "other", "email_taken"),
        ("other@example.com", "reader", "handle_taken"),
        ("other@example.com", "admin", "handle_taken"),
    ] {
        let made = auth.client().register(again(email, handle)).await;
        assert_eq!(refused(answer(made)), code);
    }
}

#[tokio::test]
async fn accounts_made_at_the_same_time_are_one() {
    let auth = Auth::start().await;
    let (first, second) = tokio::join!(auth.register("reader"), auth.register("reader"));
    let problem = match (first, second) {
        (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => problem,
        both => panic!("exactly one is made: {both:?}"),
    };
    assert_eq!(problem.code.name(), "email_taken");
}

#[tokio::test]
async fn all_wrong_fields_are_named() {
    let auth = Auth::start().await;
    let made = auth.client().register(RegisterRequest::default()).await;
    let problem = answer(made).expect_err("refused");
    let fields: Vec<_> = problem
        .errors
        .iter()
        .map(|error| error.field.as_str())
        .collect();
    assert_eq!(
        (problem.code.name(), &fields[..]),
        ("invalid", &["email", "handle", "password"][..])
    );
    let login = auth.client().login(LoginRequest::default()).await;
    assert_eq!(refused(answer(login)), "invalid_credentials");
}

#[tokio::test]
async fn closed_registration_is_for_admins() {
    let auth = Auth::with(&[("auth.registration", "closed")]).await;
    assert_eq!(refused(auth.register("reader").await), "forbidden");
    let by = async |token: &str, handle: &str| {
        let asked = RegisterRequest {
            email: email_of(handle),
            handle: handle.to_owned(),
            password: PASSWORD.to_owned(),
            client: None,
        };
        answer(auth.client().register(call(token, asked)).await)
    };
    let admin = auth.sign_in(ADMIN_EMAIL).await;
    by(&admin.token, "reader").await.expect("made by an admin");
    let reader = auth.sign_in("reader@example.com").await;
    assert_eq!(refused(by(&reader.token, "friend").await), "forbidden");
}

#[tokio::test]
async fn a_storm_of_sign_ins_is_answered_or_told_to_come_back() {
    let auth = Auth::start().await;
    let mut storm = tokio::task::JoinSet::new();
    for _ in 0..120 {
        let mut client = auth.client();
        storm.spawn(async move {
            let asked = LoginRequest {
                email: ADMIN_EMAIL.to_owned(),
                password: PASSWORD.to_owned(),
                client: None,
            };
            answer(client.login(asked).await)
        });
    }
    let mut signed_in = 0;
    while let Some(ended) = storm.join_next().await {
        match ended.expect("no panic") {
            Ok(_) => signed_in += 1,
            Err(problem) => {
                assert!(problem.code.http_status() >= 503, "{problem}");
            }
        }
    }
    assert!((1..120).contains(&signed_in), "{signed_in}");
    let status = answer(auth.client().get_status(GetStatusRequest {}).await).expect("a status");
    assert!(status.database_ok);
}
