//! What is at rest: nothing that opens anything can be read in SQL, in Redis or in the log.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use rpc::auth::{ConfirmTotpRequest, CreateMachineTokenRequest, RequestPasswordResetRequest};
use sqlx::{AssertSqlSafe, Connection};
use test_kit::MailServer;
use totp_rs::Secret;

use super::{
    ADMIN_EMAIL, Auth, GATEWAY, PASSWORD, Signed, answer, call, email_of, on_postgres, refused,
    second_factor::code,
};

const WRONG: &str = "an altogether wrong password";

impl Auth {
    /// All that SQL holds, as bytes: the whole file and its log, or every row as text.
    async fn all_of_sql(&self) -> Vec<u8> {
        if !on_postgres() {
            let files = ["auth-service.db", "auth-service.db-wal"];
            let read = |name| std::fs::read(self.file(name)).unwrap_or_default();
            return files.map(read).concat();
        }
        let mut database = self.database().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'auth-service'",
        )
        .fetch_all(&mut database)
        .await
        .expect("tables");
        let mut all = Vec::new();
        for table in tables {
            let rows = AssertSqlSafe(format!("SELECT t::text FROM {table} t"));
            let rows: Vec<String> = sqlx::query_scalar(rows)
                .fetch_all(&mut database)
                .await
                .expect("rows");
            all.extend(rows.join("\n").into_bytes());
        }
        database.close().await.expect("closed");
        all
    }

    /// All that Redis holds, keys and values.
    async fn all_of_redis(&self) -> Vec<u8> {
        let keys: Vec<String> = self.ask_redis("KEYS", &["*"]).await;
        let mut all = keys.join("\n").into_bytes();
        for key in &keys {
            let kind: String = self.ask_redis("TYPE", &[key]).await;
            match kind.as_str() {
                "string" => all.extend(self.ask_redis::<Vec<u8>>("GET", &[key]).await),
                "zset" => {
                    let members: Vec<String> = self.ask_redis("ZRANGE", &[key, "0", "-1"]).await;
                    all.extend(members.join("\n").into_bytes());
                }
                // It has ended since.
                "none" => {}
                other => panic!("{key} is a {other}"),
            }
        }
        all
    }
}

/// A secret in each form it could be kept in.
struct Needle {
    what: &'static str,
    forms: Vec<Vec<u8>>,
}

impl Needle {
    fn new(what: &'static str, text: &str, bytes: Option<Vec<u8>>) -> Self {
        let mut forms = vec![text.as_bytes().to_vec(), hex(text.as_bytes())];
        if let Some(bytes) = bytes {
            forms.extend([hex(&bytes), bytes]);
        }
        Self { what, forms }
    }

    /// Base64url after a prefix.
    fn token(what: &'static str, text: &str) -> Self {
        let (_, body) = text.split_at(if text.starts_with("dm") { 4 } else { 0 });
        let bytes = BASE64URL.decode(body).expect("base64url");
        Self::new(what, body, Some(bytes))
    }

    fn is_in(&self, all: &[u8]) -> bool {
        let within = |form: &Vec<u8>| all.windows(form.len()).any(|bytes| bytes == form);
        self.forms.iter().any(within)
    }
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat().into_bytes()
}

/// Has one of everything made.
async fn secrets(auth: &Auth, inbox: &MailServer) -> Vec<Needle> {
    let reader = auth.person("reader").await;
    let next = auth
        .refresh(&reader.refresh_token)
        .await
        .expect("refreshed");
    let newest = auth.refresh(&next.refresh_token).await.expect("refreshed");
    let wrong = auth.login(&email_of("reader"), WRONG).await;
    assert_eq!(refused(wrong), "invalid_credentials");
    let mut all = vec![
        Needle::new("a password", PASSWORD, None),
        Needle::new("a wrong password", WRONG, None),
        Needle::new("the gateway's credential", GATEWAY, None),
        Needle::token("a used refresh token", &reader.refresh_token),
        Needle::token("another used refresh token", &next.refresh_token),
        Needle::token("a refresh token", &newest.refresh_token),
        Needle::token("the device's secret", &reader.device),
        Needle::new("an access token", &newest.token, None),
        Needle::token("a machine token", &machine_token(auth, &reader).await),
        Needle::token("a reset token", &reset_token(auth, inbox).await),
    ];
    all.extend(second_factor(auth, &reader).await);
    all
}

async fn machine_token(auth: &Auth, reader: &Signed) -> String {
    let asked = CreateMachineTokenRequest {
        name: "ci".to_owned(),
        scopes: vec!["read".to_owned()],
        ..CreateMachineTokenRequest::default()
    };
    let request = call(&reader.token, asked);
    let made = auth.client().create_machine_token(request).await;
    answer(made).expect("made").token
}

async fn reset_token(auth: &Auth, inbox: &MailServer) -> String {
    let asked = RequestPasswordResetRequest {
        email: ADMIN_EMAIL.to_owned(),
        client: None,
    };
    let asked = auth.client().request_password_reset(asked).await;
    answer(asked).expect("asked");
    inbox.mail_to(ADMIN_EMAIL).await.token().to_owned()
}

async fn second_factor(auth: &Auth, reader: &Signed) -> Vec<Needle> {
    let secret = auth.begin_totp(&reader.token).await.expect("begun").secret;
    let bytes = Secret::Encoded(secret.clone()).to_bytes().expect("Base32");
    let asked = ConfirmTotpRequest {
        code: code(&secret, 0),
        client: None,
    };
    let confirmed = auth.client().confirm_totp(call(&reader.token, asked)).await;
    let codes = answer(confirmed).expect("confirmed").recovery_codes;
    let challenge = auth.first_step(&email_of("reader")).await;
    vec![
        Needle::new("the secret of a second factor", &secret, Some(bytes)),
        Needle::new("a recovery code", &codes[0], None),
        Needle::new("a bare recovery code", &codes[0].replace('-', ""), None),
        Needle::token("a challenge", &challenge),
    ]
}

#[tokio::test]
async fn nothing_that_opens_anything_can_be_read_at_rest() {
    let inbox = MailServer::start().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    let secrets = secrets(&auth, &inbox).await;
    let places = [
        ("SQL", auth.all_of_sql().await),
        ("Redis", auth.all_of_redis().await),
        ("the log", auth.process.log().into_bytes()),
    ];
    let email = Needle::new("an address", &email_of("reader"), None);
    assert!(
        email.is_in(&places[0].1) && email.is_in(&places[1].1),
        "it is looked for well"
    );
    assert!(!email.is_in(&places[2].1), "addresses are not logged");
    for (place, all) in &places {
        for secret in &secrets {
            assert!(!secret.is_in(all), "{} in {place}", secret.what);
        }
    }
}
