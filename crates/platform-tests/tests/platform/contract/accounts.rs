//! From signing up to deleting the account.

use redis_contracts::Timestamp;
use serde_json::{Value, json};
use test_kit::{MailServer, Person, Platform};
use totp_rs::{Algorithm, Secret, TOTP};

use super::{document::Contract, sql, text};

const PASSWORD: &str = "a long enough passphrase 1";
const OTHER_PASSWORD: &str = "another long passphrase 2";
const LAST_PASSWORD: &str = "a third long passphrase 3";
const EMAIL: &str = "contract@example.com";
const OTHER_EMAIL: &str = "elsewhere@example.com";

pub(super) async fn tell(contract: &mut Contract, platform: &Platform, inbox: &MailServer) {
    let nobody = platform.person().await;
    sign_up(contract, &nobody).await;
    let person = Person::sign_in(platform.base_url(), EMAIL, PASSWORD).await;
    sessions(contract, &person).await;
    address(contract, &person, inbox).await;
    let person = Person::sign_in(platform.base_url(), EMAIL, OTHER_PASSWORD).await;
    second_factor(contract, &person).await;
    tokens(contract, &person).await;
    let doomed = platform.person().await;
    contract
        .ask(&doomed, "DELETE /api/me", "")
        .expect(204)
        .await;
    reused(contract, platform, &nobody).await;
    verified(contract).await;
}

fn credentials(password: &str) -> Value {
    json!({"email": EMAIL, "password": password})
}

async fn sign_up(contract: &mut Contract, nobody: &Person) {
    let register = "POST /api/auth/register";
    let account =
        |email: &str, handle: &str| json!({"email": email, "handle": handle, "password": PASSWORD});
    let made = contract.ask(nobody, register, "");
    made.json(account(EMAIL, "contract")).expect(201).await;
    for (email, handle, code) in [
        (EMAIL, "contract-2", "email_taken"),
        ("contract-2@example.com", "contract", "handle_taken"),
    ] {
        let taken = contract.ask(nobody, register, "");
        taken.json(account(email, handle)).refused(409, code).await;
    }
    let login = contract.ask(nobody, "POST /api/auth/login", "");
    login.json(credentials(PASSWORD)).expect(200).await;
    let wrong = contract.ask(nobody, "POST /api/auth/login", "");
    let wrong = wrong.json(credentials("a wrong passphrase 3"));
    wrong.refused(401, "invalid_credentials").await;
}

async fn sessions(contract: &mut Contract, person: &Person) {
    let me = contract.ask(person, "GET /api/me", "").expect(200).await;
    assert_eq!(me["user"]["email"], EMAIL);
    contract
        .ask(person, "GET /api/me/limits", "")
        .expect(200)
        .await;
    let changed = contract.ask(person, "PATCH /api/me", "");
    changed
        .json(json!({"handle": "contract-3"}))
        .expect(200)
        .await;
    let again = contract.ask(person, "POST /api/auth/reauthenticate", "");
    again.json(json!({"password": PASSWORD})).expect(204).await;

    let login = contract.ask(person, "POST /api/auth/login", "");
    let login = login.with(|request| request.header("user-agent", "A browser"));
    let other = login.json(credentials(PASSWORD)).expect(200).await;
    let list = contract.ask(person, "GET /api/auth/sessions", "");
    list.expect(200).await;
    let end = contract.ask(
        person,
        "DELETE /api/auth/sessions/{id}",
        &text(&other, "/session_id"),
    );
    end.expect(204).await;
    contract
        .ask(person, "DELETE /api/auth/sessions", "")
        .expect(204)
        .await;
    contract
        .ask(person, "GET /api/me/security-events", "?limit=2")
        .expect(200)
        .await;
}

async fn address(contract: &mut Contract, person: &Person, inbox: &MailServer) {
    let verify = "POST /api/auth/verify-email";
    let request = contract.ask(person, "POST /api/auth/verify-email/request", "");
    request.json(json!({})).expect(202).await;
    let proof = letter(inbox, EMAIL, "onfirm").await;
    let proven = contract
        .ask(person, verify, "")
        .json(json!({"token": proof}));
    proven.expect(204).await;

    let moved = contract.ask(person, "PATCH /api/me", "");
    let change = json!({"email": OTHER_EMAIL, "current_password": PASSWORD});
    let moved = moved.json(change).expect(200).await;
    assert_eq!(moved["pending_email"], OTHER_EMAIL);
    let proof = letter(inbox, OTHER_EMAIL, "onfirm").await;
    let undo = letter(inbox, EMAIL, "hange").await;
    let proven = contract
        .ask(person, verify, "")
        .json(json!({"token": proof}));
    proven.expect(204).await;
    let undone = contract.ask(person, "POST /api/auth/email/undo", "");
    undone.json(json!({"token": undo})).expect(204).await;

    let request = contract.ask(person, "POST /api/auth/password-reset/request", "");
    request.json(json!({"email": EMAIL})).expect(202).await;
    let reset = letter(inbox, EMAIL, "new password").await;
    let reset = json!({"token": reset, "new_password": OTHER_PASSWORD});
    let confirm = contract.ask(person, "POST /api/auth/password-reset/confirm", "");
    confirm.json(reset).expect(204).await;
    contract
        .ask(person, "GET /api/me", "")
        .refused(401, "session_ended")
        .await;
}

/// The token in the newest mail to an address with these words in its subject.
async fn letter(inbox: &MailServer, address: &str, words: &str) -> String {
    let is_it = |mail: &&test_kit::Mail| {
        let subject = mail.data.lines().find(|line| line.starts_with("Subject:"));
        mail.to.iter().any(|to| to == address) && subject.is_some_and(|line| line.contains(words))
    };
    test_kit::eventually("a letter", test_kit::PATIENCE, async || {
        let mails = inbox.mails();
        let letter = mails.iter().rev().find(is_it);
        letter.map(|mail| mail.token().to_owned()).ok_or("not yet")
    })
    .await
}

/// The code of now, or of so many steps from now.
fn code(secret: &str, steps: i64) -> String {
    let secret = Secret::Encoded(secret.to_owned()).to_bytes();
    let secret = secret.expect("Base32");
    let totp = TOTP::new_unchecked(Algorithm::SHA1, 6, 0, 30, secret, None, String::new());
    totp.generate((Timestamp::now().unix_ms() / 1000 + 30 * steps).unsigned_abs())
}

async fn second_factor(contract: &mut Contract, person: &Person) {
    let begun = contract
        .ask(person, "POST /api/me/totp", "")
        .json(json!({}));
    let secret = text(&begun.expect(200).await, "/secret");
    let confirmed = contract.ask(person, "POST /api/me/totp/confirm", "");
    confirmed
        .json(json!({"code": code(&secret, 0)}))
        .expect(200)
        .await;
    let begun = contract
        .ask(person, "POST /api/me/totp", "")
        .json(json!({}));
    begun.refused(409, "conflict").await;
    let login = contract.ask(person, "POST /api/auth/login", "");
    let asked = login.json(credentials(OTHER_PASSWORD)).expect(200).await;
    let step = json!({"challenge": asked["challenge"], "code": code(&secret, 1)});
    let signed_in = contract.ask(person, "POST /api/auth/second-factor", "");
    signed_in.json(step).expect(200).await;
    contract
        .ask(person, "DELETE /api/me/totp", "")
        .expect(204)
        .await;
}

async fn tokens(contract: &mut Contract, person: &Person) {
    let make = contract.ask(person, "POST /api/me/tokens", "");
    let wanted = json!({"name": "ci", "scopes": ["read"], "expires_on": "2099-12-31"});
    let made = make.json(wanted).expect(201).await;
    let mut machine = person.clone();
    machine.token = text(&made, "/token");
    contract
        .ask(&machine, "GET /api/projects", "")
        .expect(200)
        .await;
    contract
        .ask(person, "GET /api/me/tokens", "")
        .expect(200)
        .await;
    contract
        .ask(person, "GET /api/me/export", "")
        .expect(200)
        .await;
    let revoke = contract.ask(person, "DELETE /api/me/tokens/{id}", &text(&made, "/id"));
    revoke.expect(204).await;
    let change = json!({
        "current_password": OTHER_PASSWORD,
        "new_password": LAST_PASSWORD,
    });
    let changed = contract.ask(person, "POST /api/auth/password", "");
    changed.json(change).expect(204).await;
    let logout = contract.ask(person, "POST /api/auth/logout", "");
    logout.json(json!({})).expect(204).await;
}

/// One refresh token that two use one after the other, and each what they got for it.
async fn reused(contract: &mut Contract, platform: &Platform, nobody: &Person) {
    const LATER: &str = "UPDATE sessions SET refresh_made = (SELECT \
        json_group_array(json_set(value, '$.at_ms', json_extract(value, '$.at_ms') - 11500)) \
        FROM json_each(refresh_made))";
    let login = contract.ask(nobody, "POST /api/auth/login", "");
    let login = login.json(json!({"email": EMAIL, "password": LAST_PASSWORD}));
    let shared = text(&login.expect(200).await, "/refresh_token");
    let refresh = async |contract: &mut Contract, token: &str| {
        let refresh = contract.ask(nobody, "POST /api/auth/refresh", "");
        let refresh = refresh.json(json!({"refresh_token": token}));
        text(&refresh.expect(200).await, "/refresh_token")
    };
    let first = refresh(contract, &shared).await;
    sql(platform, "auth-service", LATER).await;
    let second = refresh(contract, &shared).await;
    refresh(contract, &first).await;
    let again = contract.ask(nobody, "POST /api/auth/refresh", "");
    let again = again.json(json!({"refresh_token": second}));
    again.refused(401, "token_reused").await;
}

/// Where addresses are proven first, and little is allowed.
async fn verified(contract: &mut Contract) {
    let platform = Platform::builder().set("auth.registration", "verified");
    let platform = platform
        .set("lockout.failures", "1")
        .set("limits.api_per_minute", "1");
    let platform = platform.start().await;
    let admin = platform.admin().await;
    let register = contract.ask(&admin, "POST /api/auth/register", "");
    let account = json!({"email": EMAIL, "handle": "contract", "password": PASSWORD});
    register.json(account).expect(202).await;
    let mut wrong = json!({"email": admin.email, "password": PASSWORD});
    for code in ["invalid_credentials", "account_locked"] {
        let login = contract.ask(&admin, "POST /api/auth/login", "");
        let status = if code == "account_locked" { 423 } else { 401 };
        login.json(wrong.take()).refused(status, code).await;
        wrong = json!({"email": admin.email, "password": PASSWORD});
    }
    let me = contract.ask(&admin, "GET /api/me", "");
    me.expect(200).await;
    let me = contract.ask(&admin, "GET /api/me", "");
    me.refused(429, "rate_limited").await;
}
