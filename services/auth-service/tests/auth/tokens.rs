//! Access tokens: what is not ours and of now is refused.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use identity::Claims;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rpc::{
    auth::{CheckSessionRequest, GetJwksRequest, GetMeRequest},
    tonic::metadata::{Ascii, MetadataValue},
};
use serde_json::{Value, json};

use super::{Auth, Signed, answer, by_gateway, refused};

/// What is needed to make a token like the service's own.
struct Forge {
    claims: Claims,
    header: Header,
    key: EncodingKey,
    public: Vec<u8>,
}

impl Forge {
    fn new(auth: &Auth, signed: &Signed) -> Self {
        let body = signed.token.split('.').nth(1).expect("a JWT");
        let body = BASE64URL.decode(body).expect("base64url");
        let folder = std::fs::read_dir(auth.file("keys")).expect("keys");
        let file = folder.map(|entry| entry.expect("a file").path()).next();
        let der = std::fs::read(file.expect("a key")).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).expect("Ed25519");
        Self {
            claims: serde_json::from_slice(&body).expect("claims"),
            header: jsonwebtoken::decode_header(&signed.token).expect("a header"),
            key: EncodingKey::from_ed_der(&der),
            public: pair.public_key().as_ref().to_vec(),
        }
    }

    fn sign(&self, header: &Header, claims: &Claims, key: &EncodingKey) -> String {
        jsonwebtoken::encode(header, claims, key).expect("a token")
    }

    fn with(&self, change: impl FnOnce(&mut Header, &mut Claims)) -> String {
        let (mut header, mut claims) = (self.header.clone(), self.claims.clone());
        change(&mut header, &mut claims);
        self.sign(&header, &claims, &self.key)
    }

    fn unsigned(&self) -> String {
        let header = json!({"alg": "none", "typ": "at+jwt", "kid": self.header.kid});
        let part = |json: Value| BASE64URL.encode(json.to_string());
        let claims = serde_json::to_value(&self.claims).expect("claims");
        format!("{}.{}.", part(header), part(claims))
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let forge = Forge::new(&auth, &reader);
    auth.check(&forge.with(|_, claims| claims.iat -= 1))
        .await
        .expect("the forge works");

    let symmetric = Header {
        alg: Algorithm::HS256,
        ..forge.header.clone()
    };
    let foreign = Ed25519KeyPair::generate().expect("a key");
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
        "x": BASE64URL.encode(foreign.public_key()),
    });
    let foreign = foreign.to_pkcs8v1().expect("PKCS#8");
    let foreign = EncodingKey::from_ed_der(foreign.as_ref());
    let with_jwk = Header {
        jwk: Some(serde_json::from_value(jwk).expect("a JWK")),
        ..forge.header.clone()
    };
    let (head, rest) = reader.token.split_once('.').expect("a JWT");
    let (body, signature) = rest.split_once('.').expect("a JWT");
    let forged = [
        ("alg none", forge.unsigned()),
        (
            "HS256 with the public key",
            forge.sign(
                &symmetric,
                &forge.claims,
                &EncodingKey::from_secret(&forge.public),
            ),
        ),
        (
            "a foreign key under our kid",
            forge.sign(&forge.header, &forge.claims, &foreign),
        ),
        (
            "a key of its own in the header",
            forge.sign(&with_jwk, &forge.claims, &foreign),
        ),
        (
            "an unknown kid",
            forge.with(|header, _| header.kid = Some("other".to_owned())),
        ),
        ("no kid", forge.with(|header, _| header.kid = None)),
        (
            "another typ",
            forge.with(|header, _| header.typ = Some("JWT".to_owned())),
        ),
        (
            "expired",
            forge.with(|_, claims| claims.exp = claims.iat - 1),
        ),
        (
            "not yet",
            forge.with(|_, claims| claims.nbf = claims.exp - 1),
        ),
        (
            "another audience",
            forge.with(|_, claims| claims.aud = "other".to_owned()),
        ),
        (
            "another issuer",
            forge.with(|_, claims| claims.iss = "other".to_owned()),
        ),
        (
            "a changed body",
            format!("{head}.{}A.{signature}", &body[..body.len() - 1]),
        ),
        ("no signature", format!("{head}.{body}.")),
        ("junk", "junk".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, token) in forged {
        assert_eq!(
            refused(auth.check(&token).await),
            "unauthenticated",
            "{what}"
        );
    }
    let unknown = forge.with(|_, claims| claims.sid = uuid::Uuid::now_v7());
    assert_eq!(refused(auth.check(&unknown).await), "session_ended");
    let anothers = forge.with(|_, claims| claims.sub = uuid::Uuid::now_v7());
    assert_eq!(refused(auth.check(&anothers).await), "session_ended");
    auth.check(&reader.token).await.expect("still live");
}

#[tokio::test]
async fn the_keys_are_published_and_hold_no_secret() {
    let auth = Auth::start().await;
    let url = format!("http://127.0.0.1:{}/.well-known/jwks.json", auth.ops_port);
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let published = client.get(url).send().await.expect("an answer");
    assert_eq!(
        published.headers()["content-type"],
        "application/jwk-set+json"
    );
    let published = published.text().await.expect("a text");
    let told = answer(auth.client().get_jwks(GetJwksRequest {}).await).expect("keys");
    assert_eq!(published, told.jwks);
    let set: Value = serde_json::from_str(&published).expect("JSON");
    let key = &set["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (
            &json!("OKP"),
            &json!("Ed25519"),
            &json!("EdDSA"),
            &json!("sig")
        )
    );
    assert!(key["d"].is_null(), "the private part");
}

/// A socket outlives the access token it was opened with.
#[tokio::test]
async fn an_expired_token_still_names_its_session_when_the_gateway_asks() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let old = Forge::new(&auth, &reader).with(|_, claims| {
        claims.iat -= 1000;
        claims.nbf -= 1000;
        claims.exp -= 1000;
    });
    assert_eq!(refused(auth.check(&old).await), "unauthenticated");
    let mut asked = by_gateway(CheckSessionRequest {});
    let bearer: MetadataValue<Ascii> = format!("Bearer {old}").parse().expect("metadata");
    asked.metadata_mut().insert("authorization", bearer.clone());
    let checked = answer(auth.client().check_session(asked).await).expect("live");
    let id = checked.session.expect("a session").id;
    assert_eq!(id, reader.session_id.to_string());
    let mut asked = by_gateway(GetMeRequest {});
    asked.metadata_mut().insert("authorization", bearer.clone());
    let me = answer(auth.client().get_me(asked).await);
    assert_eq!(refused(me), "unauthenticated", "for nothing else");
    auth.logout(&reader.token).await.expect("signed out");
    let mut asked = by_gateway(CheckSessionRequest {});
    asked.metadata_mut().insert("authorization", bearer);
    let checked = answer(auth.client().check_session(asked).await);
    assert_eq!(refused(checked), "session_ended");
}
