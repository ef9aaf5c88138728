//! Machine tokens: made, listed, used, revoked; SQL has the word, Redis has a copy.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use redis_contracts::keys::Scope;
use rpc::auth::{
    CreateMachineTokenRequest, ListMachineTokensRequest, MachineToken, RevokeMachineTokenRequest,
};
use service_kit::Problem;
use uuid::Uuid;

use super::{Auth, Signed, answer, call, refused};

/// A machine token as its person has it.
pub(super) struct Made {
    pub(super) id: Uuid,
    pub(super) token: String,
}

impl Auth {
    pub(super) async fn create_token(
        &self,
        signed: &Signed,
        name: &str,
        scopes: &[&str],
        expires_on: &str,
    ) -> Result<(MachineToken, String), Problem> {
        let asked = CreateMachineTokenRequest {
            name: name.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_on: Some(expires_on.to_owned()),
            client: None,
        };
        let request = call(&signed.token, asked);
        let made = answer(self.client().create_machine_token(request).await)?;
        Ok((made.machine_token.expect("a token"), made.token))
    }

    pub(super) async fn machine(&self, signed: &Signed, scopes: &[&str]) -> Made {
        let made = self.create_token(signed, "ci", scopes, "").await;
        let (told, token) = made.expect("made");
        let id = told.id.parse().expect("a UUID");
        Made { id, token }
    }

    async fn list_tokens(&self, token: &str) -> Vec<MachineToken> {
        let request = call(token, ListMachineTokensRequest {});
        let listed = self.client().list_machine_tokens(request).await;
        answer(listed).expect("tokens").machine_tokens
    }

    pub(super) async fn revoke(&self, signed: &Signed, id: &str) -> Result<bool, Problem> {
        let asked = RevokeMachineTokenRequest {
            id: id.to_owned(),
            client: None,
        };
        let request = call(&signed.token, asked);
        Ok(answer(self.client().revoke_machine_token(request).await)?.heard)
    }
}

#[tokio::test]
async fn a_machine_token_is_shown_once_works_and_is_revoked_at_once() {
    let auth = Auth::start().await;
    let (reader, stranger) = (auth.person("reader").await, auth.person("stranger").await);
    let (told, token) = auth
        .create_token(&reader, " ci ", &["write", "read", "read"], "9999-01-31")
        .await
        .expect("made");
    assert_eq!(
        (told.name.as_str(), told.expires_on.as_str()),
        ("ci", "9999-01-31")
    );
    assert_eq!(
        (&told.scopes[..], told.last_used_at),
        (&["read".to_owned(), "write".to_owned()][..], None)
    );
    let bytes = BASE64URL.decode(token.strip_prefix("dmp_").expect("a prefix"));
    assert_eq!(bytes.expect("base64url").len(), 48);
    let listed = auth.list_tokens(&reader.token).await;
    assert_eq!(listed, std::slice::from_ref(&told));
    let session = auth.check(&token).await.expect("live");
    let machine = session.machine.expect("a machine");
    assert_eq!(
        (session.id.as_str(), machine.scopes),
        (told.id.as_str(), told.scopes.clone())
    );
    let id: Uuid = told.id.parse().expect("a UUID");
    let copy = auth
        .held(id)
        .await
        .expect("a hot copy")
        .machine
        .expect("a machine");
    assert_eq!(
        (copy.sha256, copy.scopes),
        (machine.sha256, vec![Scope::Read, Scope::Write])
    );

    assert_eq!(refused(auth.revoke(&stranger, &told.id).await), "not_found");
    assert!(
        auth.revoke(&reader, &told.id).await.expect("revoked"),
        "Redis has heard"
    );
    assert_eq!(refused(auth.check(&token).await), "unauthenticated");
    let copy = auth.held(id).await.expect("a hot copy");
    assert!(copy.ended_at.is_some());
    assert!(auth.list_tokens(&reader.token).await.is_empty());
    for id in [told.id.as_str(), "nothing"] {
        assert_eq!(refused(auth.revoke(&reader, id).await), "not_found");
    }
    for kind in ["machine_token_created", "machine_token_revoked"] {
        let events = auth.events(&reader.token, kind).await;
        assert_eq!(
            (events.len(), events[0].detail.as_str()),
            (1, "ci"),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn what_is_asked_of_a_machine_token_is_checked() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let many: Vec<_> = (0..200).map(|index| format!("wrong-{index}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let refused = auth.create_token(&reader, "ci", &many, "").await;
    let problem = refused.expect_err("no scopes");
    assert_eq!(problem.code.name(), "invalid");
    assert_eq!(problem.errors.len(), 21);
    assert_eq!(problem.errors[20].message, "180 more are wrong");
    for (name, scopes, day, field) in [
        ("", &["read"][..], "", "name"),
        ("ci", &[], "", "scopes"),
        ("ci", &["root"], "", "scopes[0]"),
        ("ci", &["read"], "2020-01-31", "expires_on"),
        ("ci", &["read"], "soon", "expires_on"),
    ] {
        let refusal = auth.create_token(&reader, name, scopes, day).await;
        let refusal = refusal.expect_err("refused");
        assert_eq!(
            (refusal.code.name(), refusal.errors[0].field.as_str()),
            ("invalid", field)
        );
    }
}

#[tokio::test]
async fn only_the_whole_text_opens() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let made = auth.machine(&reader, &["read"]).await;
    let mut bytes = BASE64URL
        .decode(&made.token["dmp_".len()..])
        .expect("base64url");
    bytes[47] ^= 1;
    let changed = format!("dmp_{}", BASE64URL.encode(&bytes));
    bytes[..16].copy_from_slice(Uuid::now_v7().as_bytes());
    let unknown = format!("dmp_{}", BASE64URL.encode(&bytes));
    let long = format!("{}AAAA", made.token);
    let loud = made.token.replacen("dmp_", "DMP_", 1);
    let hash = format!(
        "dmp_{}",
        auth.check(&made.token)
            .await
            .expect("live")
            .machine
            .expect("a machine")
            .sha256
    );
    for token in [changed, unknown, long, loud, hash, "dmp_".to_owned()] {
        assert_eq!(refused(auth.check(&token).await), "unauthenticated");
    }
    auth.check(&made.token).await.expect("live");
}

#[tokio::test]
async fn its_last_use_is_kept_once_in_a_quarter_of_an_hour() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let made = auth.machine(&reader, &["read"]).await;
    let first = auth.touch(&made.token).await.expect("live");
    let used = auth.list_tokens(&reader.token).await[0].last_used_at;
    assert!(used.is_some() && used == first.last_seen);
    let copy = auth.held(made.id).await.expect("a hot copy");
    assert_eq!(
        copy.version, first.version,
        "guards know, and do not ask again"
    );
    assert_eq!(
        auth.touch(&made.token).await.expect("live"),
        first,
        "not due yet"
    );
    auth.sql("UPDATE machine_tokens SET last_used_at = last_used_at - 901000")
        .await;
    let second = auth.touch(&made.token).await.expect("live");
    assert_eq!(second.version, first.version + 1);
}
