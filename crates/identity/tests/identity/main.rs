//! The guard before a real Redis, with an auth-service that says what a test wants and keys that it
//! publishes.

mod copies;
mod fake_auth;
mod issuer;
mod keys;
mod machines;
mod people;

use std::sync::{Arc, atomic::Ordering};

use identity::{Caller, GatewayCredential, Guard};
use redis_access::{CachePool, LinkState};
use redis_contracts::{
    SignedCopy, Timestamp, Value as _,
    keys::{MachineAccess, SESSION, SIGNING_KEYS, Scope, SessionRecord, SigningKeyIds},
    resource::User,
};
use service_kit::{
    Code, Context, Problem, RequestContext, Service,
    config::{Environment, load},
    health::Need,
};
use test_kit::{PATIENCE, Proxy, RedisServer, eventually};
use uuid::Uuid;

use self::{fake_auth::FakeAuth, issuer::Issuer};

const GATEWAY: Service = Service {
    name: "ui-gateway",
    version: "0.1.0",
    http_port: 8080,
    grpc_port: None,
    ops_port: 8090,
};

/// What the gateway shows.
const CREDENTIAL: &str = "a credential for tests only";

/// A process with a guard, and what is around it.
struct World {
    redis: RedisServer,
    wire: Proxy,
    auth: FakeAuth,
    issuer: Issuer,
    cache: CachePool,
    guard: Guard,
    _context: Context,
}

impl World {
    async fn start() -> Self {
        let world = Self::without_keys(Issuer::start().await).await;
        world.until_keys().await;
        world
    }

    async fn without_keys(issuer: Issuer) -> Self {
        let redis = RedisServer::cache().await;
        let wire = Proxy::start(([127, 0, 0, 1], redis.port()).into()).await;
        let (auth, upstream) = FakeAuth::start(&redis, Arc::clone(&issuer.key)).await;
        let settings = [
            (
                "DEVMENTOR__REDIS__CACHE__URL",
                format!("redis://{}", wire.addr()),
            ),
            ("DEVMENTOR__UPSTREAM__AUTH", upstream),
            ("DEVMENTOR__JWT__JWKS_URL", issuer.url()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let settings = load(&GATEWAY, "", &Environment::from(settings)).expect("good settings");
        let mut context = Context::new(GATEWAY, settings);
        let cache = CachePool::new(&context.settings.redis.cache.access()).expect("a URL");
        context.keep(&cache, Need::Required);
        // Told of before it is started, so that nothing is fetched once more when Redis can tell.
        let ids = SigningKeyIds {
            kids: vec![issuer.key.kid.clone()],
        };
        let mut set = redis::cmd("SET");
        set.arg(SIGNING_KEYS.key(()).name()).arg(ids.encode());
        let told = set.exec_async(&mut redis.connect().await).await;
        told.expect("SET");
        let credential = GatewayCredential::new(&CREDENTIAL.into()).expect("plain text");
        let guard = Guard::start_in_gateway(&mut context, cache.clone(), credential);
        let guard = guard.expect("a guard");
        let world = Self {
            redis,
            wire,
            auth,
            issuer,
            cache,
            guard,
            _context: context,
        };
        world.until_tracking().await;
        world
    }

    async fn until_tracking(&self) {
        eventually("what is read is tracked", PATIENCE, async || {
            let alive = self.guard.tracking().is_alive();
            alive.then_some(()).ok_or("not yet")
        })
        .await;
    }

    async fn until_keys(&self) {
        eventually("the keys are known", PATIENCE, async || {
            self.guard.jwks().map(drop).ok_or("not yet")
        })
        .await;
    }

    async fn until_away(&self) {
        let link = self.cache.link();
        eventually("the cache is away", PATIENCE, async || {
            let state = link.borrow().clone();
            match state {
                LinkState::Down(_) if !self.guard.tracking().is_alive() => Ok(()),
                state => Err(format!("{state:?}")),
            }
        })
        .await;
    }

    async fn check(&self, token: &str) -> Result<Caller, Code> {
        let checked = self.guard.check(token, &context()).await;
        checked.map_err(|problem| problem.code)
    }

    /// Whether a token is known without asking anybody.
    fn knows(&self, token: &str) -> bool {
        self.guard.known(token, &context()).is_some()
    }

    fn asked(&self) -> usize {
        self.auth.asked.load(Ordering::SeqCst)
    }

    /// Writes the hot copy of a session.
    async fn put(&self, id: Uuid, record: &SessionRecord) {
        self.put_copy(id, &self.issuer.key.copy(id, record)).await;
    }

    /// Writes what is to pass for a hot copy.
    async fn put_copy(&self, id: Uuid, copy: &SignedCopy) {
        let key = SESSION.key(id);
        self.cache.set(&key, copy).await.expect("written");
    }

    /// Waits until a token is refused.
    async fn until_refused(&self, token: &str, code: Code) {
        eventually("it is refused", PATIENCE, async || {
            match self.check(token).await {
                Err(refused) if refused == code => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
}

fn context() -> RequestContext {
    RequestContext::from_headers(None, None)
}

fn session() -> SessionRecord {
    let now = Timestamp::now();
    SessionRecord {
        version: 1,
        user: User {
            id: Uuid::now_v7(),
            email: "reader@example.com".to_owned(),
            handle: "reader".to_owned(),
            roles: vec!["user".to_owned()],
            email_verified: true,
            pending_email: None,
            second_factor: false,
            created_at: now,
        },
        created_at: now,
        expires_at: now.plus_seconds(3600),
        last_seen: now,
        ended_at: None,
        agent: String::new(),
        address: String::new(),
        machine: None,
    }
}

fn ended(record: &SessionRecord) -> SessionRecord {
    SessionRecord {
        version: record.version + 1,
        ended_at: Some(Timestamp::now()),
        ..record.clone()
    }
}

fn machine(sha256: String, scopes: &[Scope]) -> SessionRecord {
    SessionRecord {
        machine: Some(MachineAccess {
            sha256,
            scopes: scopes.to_vec(),
        }),
        ..session()
    }
}

fn code_of<T>(answer: Result<T, Problem>) -> Code {
    match answer {
        Ok(_) => panic!("it is refused"),
        Err(problem) => problem.code,
    }
}
