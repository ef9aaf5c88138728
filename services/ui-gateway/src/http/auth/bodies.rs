//! What is sent to sign up, in and on.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::contract::Optional;

/// A new account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"email": "ada@example.org", "handle": "ada", "password": "correct horse battery"}))]
pub(in crate::http) struct Registration {
    /// Address to sign in with.
    pub(super) email: String,
    /// Public short name.
    pub(super) handle: String,
    /// Password.
    pub(super) password: String,
}

/// The first step of a sign-in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"email": "ada@example.org", "password": "correct horse battery"}))]
pub(in crate::http) struct Login {
    /// Address of the account.
    pub(super) email: String,
    /// Its password.
    pub(super) password: String,
    /// Whether the tokens are set as cookies, and left out of the answer.
    #[serde(default)]
    pub(super) cookies: bool,
}

/// The second step of a sign-in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"challenge": "as-login-answered", "code": "123456"}))]
pub(in crate::http) struct SecondStep {
    /// As the first step answered it.
    pub(super) challenge: String,
    /// A code of the second factor, or a recovery code.
    pub(super) code: String,
    /// Whether the tokens are set as cookies, and left out of the answer.
    #[serde(default)]
    pub(super) cookies: bool,
}

/// A renewal of tokens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"cookies": true}))]
pub(in crate::http) struct Renewal {
    /// The refresh token; the cookie's when it is left out.
    #[serde(default)]
    pub(super) refresh_token: Optional<String>,
    /// Whether the tokens are set as cookies, and left out of the answer.
    #[serde(default)]
    pub(super) cookies: bool,
}

/// A proof that it is still the person who signed in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"password": "correct horse battery"}))]
pub(in crate::http) struct Reauthentication {
    /// Password.
    pub(super) password: String,
    /// A code of the second factor, where there is one.
    #[serde(default)]
    pub(super) code: String,
}
