//! Forged, foreign and outdated tokens, each on its own.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::*;

/// Somebody who signs, and the verifier that knows their key as `ours`.
struct Issuer {
    key: EncodingKey,
    public: Vec<u8>,
    verifier: TokenVerifier,
}

fn key() -> (EncodingKey, Vec<u8>) {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let der = pair.to_pkcs8v1().expect("PKCS#8");
    let public = pair.public_key().as_ref().to_vec();
    (EncodingKey::from_ed_der(der.as_ref()), public)
}

fn keys(kid: &str, public: &[u8]) -> KeySet {
    KeySet::from([(kid.to_owned(), DecodingKey::from_ed_der(public))])
}

impl Issuer {
    fn new() -> Self {
        let settings = Jwt {
            access_ttl_seconds: 300,
            jwks_url: String::new(),
            issuer: "devmentor".to_owned(),
            audience: "devmentor".to_owned(),
        };
        let (key, public) = key();
        let verifier = TokenVerifier::new(&settings, keys("ours", &public));
        Self {
            key,
            public,
            verifier,
        }
    }

    fn sign(&self, header: &Value, claims: &Value, key: &EncodingKey) -> String {
        let part = |json: &Value| BASE64URL.encode(json.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let algorithm = match header["alg"].as_str() {
            Some("HS256") => Algorithm::HS256,
            _ => Algorithm::EdDSA,
        };
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), key, algorithm);
        format!("{signed}.{}", signature.expect("signed"))
    }

    /// A token like our own, but for what was changed.
    fn token(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let (mut header, mut claims) = (header(), claims());
        change(&mut header, &mut claims);
        self.sign(&header, &claims, &self.key)
    }

    #[track_caller]
    fn refuses(&self, token: &str) {
        assert_eq!(
            self.verifier.check(token),
            Err(Rejected::Invalid),
            "{token}"
        );
        let problem = self.verifier.verify_expired(token).expect_err("refused");
        assert_eq!(problem.code, Code::Unauthenticated);
    }
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "ours"})
}

fn claims() -> Value {
    let now_s = now_s();
    json!({
        "iss": "devmentor", "aud": "devmentor", "sub": Uuid::now_v7(), "sid": Uuid::now_v7(),
        "roles": ["user"], "iat": now_s, "nbf": now_s - 5, "exp": now_s + 300, "jti": Uuid::now_v7(),
    })
}

#[test]
fn our_own_is_accepted_and_remembered() {
    let issuer = Issuer::new();
    let token = issuer.token(|_, _| {});
    assert!(issuer.verifier.remembered(&token).is_none());
    let verified = issuer.verifier.check(&token).expect("valid");
    assert_eq!(issuer.verifier.remembered(&token), Some(verified));
    for _ in 0..2 {
        let claims = issuer.verifier.verify(&token).expect("valid");
        assert_eq!(Verified::new(&claims), verified);
    }
}

#[test]
fn alg_none_is_refused() {
    let issuer = Issuer::new();
    for alg in ["none", "None", "NONE", ""] {
        let token = issuer.token(|header, _| header["alg"] = json!(alg));
        issuer.refuses(&token);
        let (signed, _) = token.rsplit_once('.').expect("a JWT");
        issuer.refuses(&format!("{signed}."));
        issuer.refuses(signed);
    }
}

#[test]
fn hs256_with_the_public_key_is_refused() {
    let issuer = Issuer::new();
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "ours"});
    let secret = EncodingKey::from_secret(&issuer.public);
    issuer.refuses(&issuer.sign(&header, &claims(), &secret));
}

#[test]
fn another_algorithm_is_refused() {
    let issuer = Issuer::new();
    for alg in ["Ed25519", "eddsa", "ES256", "RS256"] {
        issuer.refuses(&issuer.token(|header, _| header["alg"] = json!(alg)));
    }
}

#[test]
fn a_foreign_kid_is_unknown() {
    let issuer = Issuer::new();
    let (foreign, _) = key();
    for kid in ["theirs", "", "../ours"] {
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid});
        let token = issuer.sign(&header, &claims(), &foreign);
        let rejected = issuer.verifier.check(&token);
        assert_eq!(rejected, Err(Rejected::UnknownKey(kid.to_owned())));
        let problem = issuer.verifier.verify(&token).expect_err("refused");
        assert_eq!(problem.code, Code::Unauthenticated);
    }
}

#[test]
fn a_foreign_key_under_our_kid_is_refused() {
    let issuer = Issuer::new();
    let (foreign, _) = key();
    issuer.refuses(&issuer.sign(&header(), &claims(), &foreign));
}

#[test]
fn a_missing_kid_is_refused() {
    let issuer = Issuer::new();
    for kid in [Value::Null, json!(1), json!(["ours"])] {
        issuer.refuses(&issuer.token(|header, _| header["kid"] = kid.clone()));
    }
    let header = json!({"alg": "EdDSA", "typ": "at+jwt"});
    issuer.refuses(&issuer.sign(&header, &claims(), &issuer.key));
}

#[test]
fn a_key_in_the_header_is_refused() {
    let issuer = Issuer::new();
    let (foreign, public) = key();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64URL.encode(public)});
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.test/jwks.json")),
        ("x5c", json!(["AAAA"])),
        ("x5u", json!("https://evil.test/x509")),
    ] {
        let mut header = header();
        header[name] = value;
        for key in [&foreign, &issuer.key] {
            issuer.refuses(&issuer.sign(&header, &claims(), key));
        }
    }
}

#[test]
fn an_extension_that_has_to_be_understood_is_refused() {
    let issuer = Issuer::new();
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ] {
        issuer.refuses(&issuer.token(|header, _| header[name] = value));
    }
}

#[test]
fn another_typ_is_refused() {
    let issuer = Issuer::new();
    for typ in [json!("JWT"), json!("at+JWT"), json!(""), Value::Null] {
        issuer.refuses(&issuer.token(|header, _| header["typ"] = typ));
    }
}

#[test]
fn an_expired_token_is_refused_and_still_tells_its_session() {
    let issuer = Issuer::new();
    for over_for_s in [0, 1, 300] {
        let token = issuer.token(|_, claims| claims["exp"] = json!(now_s() - over_for_s));
        let rejected = issuer.verifier.check(&token);
        assert_eq!(rejected, Err(Rejected::Invalid), "{over_for_s} s");
        issuer.verifier.verify_expired(&token).expect("ours");
        let rejected = issuer.verifier.check(&token);
        assert_eq!(rejected, Err(Rejected::Invalid), "not remembered either");
    }
}

#[test]
fn a_remembered_token_ends_as_well() {
    let issuer = Issuer::new();
    let token = issuer.token(|_, claims| claims["exp"] = json!(now_s() + 1));
    let verified = issuer.verifier.check(&token).expect("valid");
    while now_s() < verified.expires_s {
        std::thread::yield_now();
    }
    assert!(issuer.verifier.remembered(&token).is_none());
    assert_eq!(issuer.verifier.check(&token), Err(Rejected::Invalid));
}

#[test]
fn a_token_that_is_not_valid_yet_is_refused() {
    let issuer = Issuer::new();
    issuer.refuses(&issuer.token(|_, claims| claims["nbf"] = json!(now_s() + 60)));
}

#[test]
fn another_audience_is_refused() {
    let issuer = Issuer::new();
    for aud in [json!("other"), json!(["devmentor"]), Value::Null] {
        issuer.refuses(&issuer.token(|_, claims| claims["aud"] = aud));
    }
}

#[test]
fn another_issuer_is_refused() {
    let issuer = Issuer::new();
    for iss in [json!("other"), json!("devmentor/"), Value::Null] {
        issuer.refuses(&issuer.token(|_, claims| claims["iss"] = iss));
    }
}

#[test]
fn a_missing_claim_is_refused() {
    let issuer = Issuer::new();
    for name in ["iss", "aud", "sub", "sid", "exp", "nbf", "iat", "jti"] {
        let without = |claims: &mut Value| {
            claims.as_object_mut().expect("an object").remove(name);
        };
        issuer.refuses(&issuer.token(|_, claims| without(claims)));
    }
}

#[test]
fn a_refresh_token_or_a_machine_token_is_no_access_token() {
    let issuer = Issuer::new();
    let secret = BASE64URL.encode([7; 48]);
    for token in [format!("dmr_{secret}"), format!("dmp_{secret}")] {
        issuer.refuses(&token);
    }
}

#[test]
fn a_changed_token_is_refused() {
    let issuer = Issuer::new();
    let token = issuer.token(|_, _| {});
    issuer.verifier.check(&token).expect("valid");
    let parts: Vec<_> = token.split('.').collect();
    let [header, body, signature] = parts[..] else {
        panic!("a JWT has three parts")
    };
    let mut admin = claims();
    admin["roles"] = json!(["user", "admin"]);
    let admin = BASE64URL.encode(admin.to_string());
    for changed in [
        format!("{header}.{admin}.{signature}"),
        format!("{header}.{body}.{}", BASE64URL.encode([0; 64])),
        format!("{header}.{body}"),
        format!("{header}.{body}.{signature}.{signature}"),
        format!("{header}.{body}.{signature}="),
        format!(" {token}"),
        format!("{token}{}", "A".repeat(LONGEST)),
    ] {
        issuer.refuses(&changed);
    }
}

#[test]
fn junk_is_refused() {
    let issuer = Issuer::new();
    for junk in [
        "",
        ".",
        "..",
        "junk",
        "a.b.c",
        "e30.e30.e30",
        "\u{0}",
        "ü.ü.ü",
    ] {
        issuer.refuses(junk);
    }
}

#[test]
fn what_a_withdrawn_key_signed_is_not_remembered() {
    let issuer = Issuer::new();
    let token = issuer.token(|_, _| {});
    issuer.verifier.check(&token).expect("valid");
    let (_, public) = key();
    let mut both = keys("next", &public);
    both.extend(keys("ours", &issuer.public));
    issuer.verifier.replace_keys(both);
    assert!(issuer.verifier.remembered(&token).is_some(), "overlap");
    issuer.verifier.replace_keys(keys("next", &public));
    assert!(issuer.verifier.remembered(&token).is_none());
    assert_eq!(
        issuer.verifier.check(&token),
        Err(Rejected::UnknownKey("ours".to_owned()))
    );
}
