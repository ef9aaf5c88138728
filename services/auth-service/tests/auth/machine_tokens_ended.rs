//! The end of machine tokens: revoked ones never come back, whatever Redis forgets or hears late.

use redis_contracts::Timestamp;
use test_kit::MailServer;

use super::{Auth, PASSWORD, answer, call, email_of, mail::NEW_PASSWORD, refused};

#[tokio::test]
async fn it_ends_on_its_day() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let today = Timestamp::now().to_string();
    let (_, token) = auth
        .create_token(&reader, "ci", &["read"], &today[..10])
        .await
        .expect("good for the rest of the day");
    auth.check(&token).await.expect("live");
    auth.sql("UPDATE machine_tokens SET expires_at = expires_at - 86400000")
        .await;
    assert_eq!(refused(auth.check(&token).await), "unauthenticated");
}

#[tokio::test]
async fn what_redis_forgot_is_restored_and_revoked_stays_revoked() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let made = auth.machine(&reader, &["read"]).await;
    let live = auth.held(made.id).await.expect("a hot copy");
    let copy = auth.held_copy(made.id).await.expect("a hot copy");
    auth.flush().await;
    auth.check(&made.token).await.expect("live");
    assert_eq!(auth.held(made.id).await, Some(live.clone()));

    auth.wire.cut();
    auth.revoke(&reader, &made.id.to_string())
        .await
        .expect("revoked");
    assert_eq!(refused(auth.check(&made.token).await), "unauthenticated");
    auth.wire.heal();
    let revoked = auth
        .until_held(made.id, |copy| copy.ended_at.is_some())
        .await;
    assert!(!auth.put_late(made.id, &copy).await);
    assert_eq!(auth.held(made.id).await, Some(revoked));
    auth.flush().await;
    assert_eq!(refused(auth.check(&made.token).await), "unauthenticated");
    assert_eq!(auth.held(made.id).await, None);
}

#[tokio::test]
async fn it_ends_with_its_person_and_by_an_admins_word() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    let (leaver, stays) = (auth.person("leaver").await, auth.person("stays").await);
    let left = auth.machine(&leaver, &["read"]).await;
    let ended = auth.machine(&stays, &["read"]).await;
    let request = call(&leaver.token, rpc::auth::DeleteMeRequest::default());
    answer(auth.client().delete_me(request).await).expect("deleted");
    let count = auth.end_all_of(&admin, &stays.user_id.to_string()).await;
    assert_eq!(count.expect("ended"), 2, "a session and a machine token");
    for made in [&left, &ended] {
        assert_eq!(refused(auth.check(&made.token).await), "unauthenticated");
        let copy = auth.held(made.id).await.expect("a hot copy");
        assert!(copy.ended_at.is_some());
    }
    auth.sign_in(&email_of("stays")).await;
}

/// What a thief with five minutes of a session leaves behind goes with it.
#[tokio::test]
async fn it_ends_with_a_reset_a_new_password_and_signing_out_everywhere() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let email = email_of("reader");
    let known = auth.mailed_token(&email, &[]).await;
    auth.verify_email(&known).await.expect("proven");

    let made = auth.machine(&reader, &["read"]).await;
    let request = call(&reader.token, rpc::auth::EndOtherSessionsRequest {});
    let ended = auth.client().end_other_sessions(request).await;
    let ended = answer(ended).expect("ended").session_ids;
    assert!(ended.contains(&made.id.to_string()), "{ended:?}");
    assert_eq!(refused(auth.check(&made.token).await), "unauthenticated");

    let kept = auth.machine(&reader, &["read"]).await;
    auth.change_keeping(&reader, PASSWORD, NEW_PASSWORD, true)
        .await
        .expect("changed");
    auth.check(&kept.token).await.expect("kept");
    auth.change_keeping(&reader, NEW_PASSWORD, PASSWORD, false)
        .await
        .expect("changed");
    assert_eq!(refused(auth.check(&kept.token).await), "unauthenticated");

    let left = auth.machine(&reader, &["read", "write"]).await;
    auth.ask_reset(&email).await.expect("asked");
    let token = auth.mailed_token(&email, &[known]).await;
    auth.reset(&token, NEW_PASSWORD).await.expect("set");
    assert_eq!(refused(auth.check(&left.token).await), "unauthenticated");
    let copy = auth.held(left.id).await.expect("a hot copy");
    assert!(copy.ended_at.is_some());
}

#[tokio::test]
async fn a_new_one_is_written_about_and_good_for_ninety_days() {
    let inbox = MailServer::start().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    let reader = auth.person("reader").await;
    inbox.mail_to(&email_of("reader")).await;
    let asked = rpc::auth::CreateMachineTokenRequest {
        name: "ci".to_owned(),
        scopes: vec!["read".to_owned()],
        ..Default::default()
    };
    let mut client = auth.client();
    let made = client
        .create_machine_token(call(&reader.token, asked))
        .await;
    let made = answer(made).expect("made");
    let day = Timestamp::now().plus_seconds(90 * 86_400).to_string();
    let told = made.machine_token.expect("a token");
    assert_eq!(told.expires_on, day[..10]);
    let letter = inbox.mail_to(&email_of("reader")).await;
    assert!(
        letter.data.contains("A machine token was made"),
        "{}",
        letter.data
    );
}

#[tokio::test]
async fn the_scope_admin_is_for_admins_and_ends_with_the_role() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    let helper = auth.person("helper").await;
    let id = helper.user_id.to_string();
    let early = auth
        .create_token(&helper, "ci", &["read", "admin"], "")
        .await;
    assert_eq!(refused(early), "forbidden");
    auth.set_roles(&admin.token, &id, &["admin"])
        .await
        .expect("promoted");
    let both = auth.machine(&helper, &["read", "admin"]).await;
    let only = auth.machine(&helper, &["admin"]).await;
    for roles in [&[][..], &["admin"]] {
        auth.set_roles(&admin.token, &id, roles).await.expect("set");
        assert_eq!(refused(auth.check(&only.token).await), "unauthenticated");
        let session = auth.check(&both.token).await.expect("live");
        let scopes = session.machine.expect("a machine token").scopes;
        assert_eq!(scopes, ["read"], "it does not come back with the role");
    }
}
