//! Who signs access tokens, and publishes the keys to check them with.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use identity::{ACCESS_TOKEN_TYPE, Claims, sign_copy};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use redis_contracts::{HotCopy, SignedCopy, Timestamp, Value as _, keys::SessionRecord};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

/// A key, and its public half as it is published.
pub(super) struct Key {
    signing: EncodingKey,
    pub(super) kid: String,
    jwk: Value,
}

impl Key {
    pub(super) fn new(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let der = pair.to_pkcs8v1().expect("PKCS#8");
        let public = BASE64URL.encode(pair.public_key().as_ref());
        Self {
            signing: EncodingKey::from_ed_der(der.as_ref()),
            kid: kid.to_owned(),
            jwk: json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": public}),
        }
    }

    /// A token of a session for so many seconds.
    pub(super) fn token_for(&self, session_id: Uuid, user_id: Uuid, seconds: i64) -> String {
        let now_s = Timestamp::now().unix_ms() / 1000;
        let claims = Claims {
            iss: "devmentor".to_owned(),
            aud: "devmentor".to_owned(),
            sub: user_id,
            sid: session_id,
            roles: vec!["user".to_owned()],
            iat: now_s,
            nbf: now_s - 5,
            exp: now_s + seconds,
            jti: Uuid::now_v7(),
        };
        let header = Header {
            typ: Some(ACCESS_TOKEN_TYPE.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &claims, &self.signing).expect("a token")
    }

    pub(super) fn token(&self, session_id: Uuid, user_id: Uuid) -> String {
        self.token_for(session_id, user_id, 300)
    }

    /// The hot copy of a session, as auth-service writes it.
    pub(super) fn copy(&self, id: Uuid, record: &SessionRecord) -> SignedCopy {
        sign_copy(id, record.clone(), &self.kid, &self.signing).expect("a signature")
    }

    /// A copy that is good until then, signed as documented.
    pub(super) fn copy_until(
        &self,
        id: Uuid,
        record: &SessionRecord,
        good_until: Timestamp,
    ) -> SignedCopy {
        let copy = HotCopy {
            kid: self.kid.clone(),
            good_until,
            session: record.clone(),
        };
        let payload = copy.encode();
        let input = SignedCopy::input(&format!("session:{id}"), &payload);
        let signature = jsonwebtoken::crypto::sign(&input, &self.signing, Algorithm::EdDSA);
        SignedCopy {
            signature: signature.expect("a signature"),
            payload,
        }
    }
}

/// Publishes keys over HTTP.
pub(super) struct Issuer {
    pub(super) key: Arc<Key>,
    published: Arc<Published>,
    port: u16,
}

#[derive(Default)]
struct Published {
    jwks: Mutex<String>,
    fetches: AtomicUsize,
    away: AtomicBool,
    slow: AtomicBool,
}

impl Issuer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let published = Arc::<Published>::default();
        let served = Arc::clone(&published);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&served)));
            }
        });
        let issuer = Self {
            key: Arc::new(Key::new("first")),
            published,
            port,
        };
        issuer.publish(&[&issuer.key]);
        issuer
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/.well-known/jwks.json", self.port)
    }

    pub(super) fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| &key.jwk).collect();
        *self.published.jwks.lock().expect("not poisoned") = json!({"keys": keys}).to_string();
    }

    pub(super) fn set_away(&self, away: bool) {
        self.published.away.store(away, Ordering::SeqCst);
    }

    /// Whether it takes its time to answer.
    pub(super) fn set_slow(&self, slow: bool) {
        self.published.slow.store(slow, Ordering::SeqCst);
    }

    pub(super) fn fetches(&self) -> usize {
        self.published.fetches.load(Ordering::SeqCst)
    }
}

async fn serve(socket: TcpStream, published: Arc<Published>) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    loop {
        line.clear();
        if socket.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if line != "\r\n" {
            continue;
        }
        published.fetches.fetch_add(1, Ordering::SeqCst);
        if published.slow.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let jwks = published.jwks.lock().expect("not poisoned").clone();
        let status = match published.away.load(Ordering::SeqCst) {
            true => "503 Service Unavailable",
            false => "200 OK",
        };
        let length = jwks.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{jwks}");
        socket.write_all(answer.as_bytes()).await?;
    }
}
