//! The session of the first admin, which the command keeps between its runs.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_kit::{ADMIN_PASSWORD, PATIENCE, Platform, eventually};

use crate::running::devmentor;

struct Operator {
    platform: Platform,
    data_dir: TempDir,
}

impl Operator {
    async fn with(name: &str, value: &str) -> Self {
        let platform = Platform::builder().set(name, value).start().await;
        let data_dir = tempfile::tempdir().expect("a directory");
        Self { platform, data_dir }
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = devmentor();
        command.env("DEVMENTOR__BOOTSTRAP__ADMIN_PASSWORD", ADMIN_PASSWORD);
        command.args(["--url", self.platform.base_url(), "--data-dir"]);
        command.arg(self.data_dir.path()).args(arguments);
        command.output().await.expect("ran")
    }

    /// The document of a run that went well.
    async fn told(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    fn file(&self) -> PathBuf {
        self.data_dir.path().join("cli-session.json")
    }

    fn kept(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).expect("a file")).expect("JSON")
    }

    fn keep(&self, session: &Value) {
        fs::write(self.file(), session.to_string()).expect("written");
    }
}

#[tokio::test]
async fn many_runs_are_one_sign_in() {
    let operator = Operator::with("limits.auth_per_minute", "1").await;
    for _ in 0..3 {
        operator.told(&["user", "list"]).await;
    }
    let mode = fs::metadata(operator.file())
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    // Its token is over: the session is renewed.
    let mut kept = operator.kept();
    let before = kept["refresh_token"].clone();
    kept["expires_at"] = json!(0);
    operator.keep(&kept);
    operator.told(&["user", "list"]).await;
    assert_ne!(operator.kept()["refresh_token"], before);

    // A file that others can read is not believed, and there is no second sign-in in this minute.
    fs::set_permissions(operator.file(), fs::Permissions::from_mode(0o644)).expect("changed");
    let refused = operator.run(&["user", "list"]).await;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        error.contains("rate_limited") && error.contains("Try again in"),
        "{error}"
    );
}

#[tokio::test]
async fn runs_at_the_same_time_sign_in_and_renew_once() {
    let operator = Operator::with("limits.auth_per_minute", "1").await;
    let all = async || {
        let runs = (0..4).map(|_| operator.told(&["user", "list"]));
        futures_util::future::join_all(runs).await;
    };
    all().await;
    let mut kept = operator.kept();
    kept["expires_at"] = json!(0);
    operator.keep(&kept);
    all().await;
}

#[tokio::test]
async fn who_has_to_prove_their_address_is_made_an_admin_later() {
    let operator = Operator::with("auth.registration", "verified").await;
    let create = [
        "user",
        "create",
        "--email",
        "ada@example.org",
        "--handle",
        "ada",
        "--admin",
    ];
    let made = operator.run(&create).await;
    let told = String::from_utf8_lossy(&made.stdout);
    assert!(
        made.status.success() && told.contains("devmentor user promote ada@example.org"),
        "{made:?}"
    );
}

#[tokio::test]
async fn a_session_that_ended_or_is_of_another_platform_is_made_anew() {
    let operator = Operator::with("lockout.failures", "5").await;
    operator.told(&["user", "list"]).await;
    let admin = operator.platform.admin().await;
    admin.delete("/api/auth/sessions").await.expect(204);
    operator.told(&["user", "list"]).await;

    let mut kept = operator.kept();
    kept["url"] = json!("http://127.0.0.1:1");
    kept["access_token"] = json!("of another platform");
    operator.keep(&kept);
    operator.told(&["user", "list"]).await;
    assert_eq!(operator.kept()["url"], operator.platform.base_url());
}

#[tokio::test]
async fn a_token_that_is_given_is_not_kept() {
    let operator = Operator::with("lockout.failures", "5").await;
    let token = operator.platform.admin().await.token;
    operator.told(&["--token", &token, "user", "list"]).await;
    assert!(!operator.file().exists());
}

#[tokio::test]
async fn accounts_are_made_promoted_and_unlocked() {
    let operator = Operator::with("auth.registration", "closed").await;
    let create = [
        "user",
        "create",
        "--email",
        "ada@example.org",
        "--handle",
        "ada",
        "--admin",
    ];
    let made = operator.told(&create).await;
    assert_eq!(made["user"]["roles"], json!(["user", "admin"]), "{made}");
    let login = async |password: &str| {
        let body = json!({"email": "ada@example.org", "password": password});
        let url = format!("{}/api/auth/login", operator.platform.base_url());
        let request = reqwest::Client::new().post(url).json(&body);
        request.send().await.expect("an answer").status().as_u16()
    };
    let password = made["password"].as_str().expect("a password");
    for number in 0..5 {
        assert_eq!(login(&format!("wrong password {number}")).await, 401);
    }
    assert_eq!(login(password).await, 423);
    operator.told(&["user", "unlock", "ada@example.org"]).await;
    assert_eq!(login(password).await, 200);
    let nobody = operator
        .run(&["user", "unlock", "nobody@example.org"])
        .await;
    assert_eq!(nobody.status.code(), Some(1));
}

#[tokio::test]
async fn a_new_key_is_published_and_the_session_lives_on() {
    let operator = Operator::with("lockout.failures", "5").await;
    let rotated = operator.told(&["auth", "rotate-keys"]).await;
    assert!(rotated["signs_from"].is_string(), "{rotated}");
    let url = format!("{}/.well-known/jwks.json", operator.platform.base_url());
    // It signs later: until then whoever checks tokens hears of it.
    eventually("the key is published", PATIENCE, async || {
        let answer = reqwest::get(&url).await.expect("an answer");
        let keys: Value = answer.json().await.expect("JSON");
        let mut kids = keys["keys"].as_array().expect("a list").iter();
        let is_there = kids.any(|key| key["kid"] == rotated["kid"]);
        is_there.then_some(()).ok_or(keys)
    })
    .await;
    operator.told(&["user", "list"]).await;
}
