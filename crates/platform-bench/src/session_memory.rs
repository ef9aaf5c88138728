//! Memory with 100,000 live sessions, each of a person of its own and each used once: of auth-service, of
//! the gateway, and of Redis for one session. The sessions are written into SQL while auth-service is
//! down; it then tells Redis of them by itself.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use identity::{ACCESS_TOKEN_TYPE, Claims};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use redis_contracts::Timestamp;
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use test_kit::Platform;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    load::{HttpConnection, Step, get},
    me::gateway_port,
    plan::Plan,
    process::Memory,
    report::{Figure, Report, Unit, progress},
};

const SESSIONS: u32 = 100_000;

/// The cache Redis of a test is smaller than what this needs.
const REDIS_MEMORY: &str = "512mb";

const AUTH: &str = "auth-service";
const GATEWAY: &str = "ui-gateway";

/// Longest wait until Redis has heard of all.
const PATIENCE: Duration = Duration::from_secs(90);
const EVERY: Duration = Duration::from_millis(200);

/// Connections over which the sessions are used.
const CONNECTIONS: usize = 16;

/// A session and its person.
type Used = (Uuid, Uuid);

pub async fn run(_: &Plan) -> anyhow::Result<Report> {
    let mut platform = Platform::start().await;
    let mut redis = platform.cache.connect().await;
    let widen = redis::cmd("CONFIG")
        .arg("SET")
        .arg("maxmemory")
        .arg(REDIS_MEMORY)
        .to_owned();
    widen.exec_async(&mut redis).await?;
    let redis_before = used_memory(&platform).await?;
    let before = [of(&mut platform, AUTH)?, of(&mut platform, GATEWAY)?];

    platform.kill(AUTH);
    let sessions = write_sessions(&platform.data_dir().join("auth-service.db")).await?;
    platform.restart(AUTH).await;
    all_heard(&platform).await?;
    progress("  Redis has heard of all sessions");
    let redis_after = used_memory(&platform).await?;
    use_each(&platform, &sessions).await?;
    progress("  all sessions were used");
    let after = [of(&mut platform, AUTH)?, of(&mut platform, GATEWAY)?];

    let figure = |name: String, unit, value| Figure::median(name, unit, vec![value]);
    let mut report = Report::default();
    for ((service, before), after) in [AUTH, GATEWAY].into_iter().zip(before).zip(after) {
        report.row(
            &figure(
                format!("{service}, 100,000 sessions"),
                Unit::Megabytes,
                after,
            ),
            &figure(format!("{service}, no session"), Unit::Megabytes, before),
            None,
        );
    }
    let each = (redis_after - redis_before) / f64::from(SESSIONS);
    let json = platform.cache.connect().await;
    let value = value_bytes(json, sessions[0].0).await?;
    report.row(
        &figure(
            "Redis, a session and its index".to_owned(),
            Unit::Bytes,
            each,
        ),
        &figure("the session's own JSON".to_owned(), Unit::Bytes, value),
        None,
    );
    Ok(report)
}

fn of(platform: &mut Platform, service: &str) -> anyhow::Result<f64> {
    let pid = platform.service(service).pid();
    Ok(Memory::of(pid.unwrap_or_default())?.resident_mb)
}

async fn used_memory(platform: &Platform) -> anyhow::Result<f64> {
    let mut redis = platform.cache.connect().await;
    let info: redis::InfoDict = redis::cmd("INFO").query_async(&mut redis).await?;
    info.get("used_memory").context("used_memory")
}

async fn value_bytes(
    mut redis: redis::aio::MultiplexedConnection,
    session: Uuid,
) -> anyhow::Result<f64> {
    let key = redis_contracts::keys::SESSION.key(session);
    let length = redis::cmd("STRLEN").arg(key.name()).to_owned();
    Ok(length.query_async(&mut redis).await?)
}

/// Writes people and their sessions, of which Redis has not heard.
async fn write_sessions(database: &Path) -> anyhow::Result<Vec<Used>> {
    let options = SqliteConnectOptions::new().filename(database);
    let mut sql = SqliteConnection::connect_with(&options).await?;
    let now = Timestamp::now();
    let mut transaction = sql.begin().await?;
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO users (id, email, handle, password_hash, roles, email_verified, created_at)
         SELECT randomblob(16), printf('person-%06d@example.com', i), printf('person-%06d', i), 'none', '[\"user\"]', 1, ?
         FROM n",
    )
    .bind(SESSIONS)
    .bind(now.unix_ms())
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "INSERT INTO sessions (id, user_id, created_at, expires_at, last_seen, agent, address, version, unheard,
                               authenticated_at, family_sha256, refresh_sha256)
         SELECT randomblob(16), id, ?1, ?2, ?1, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
                '192.0.2.7', 1, 1, ?1, randomblob(32), randomblob(32)
         FROM users WHERE password_hash = 'none'",
    )
    .bind(now.unix_ms())
    .bind(now.plus_seconds(3600).unix_ms())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let rows = sqlx::query("SELECT id, user_id FROM sessions WHERE unheard = 1");
    let rows = rows.fetch_all(&mut sql).await?;
    let id = |row: &sqlx::sqlite::SqliteRow, column| Uuid::from_slice(row.get(column));
    rows.iter()
        .map(|row| Ok((id(row, "id")?, id(row, "user_id")?)))
        .collect()
}

async fn all_heard(platform: &Platform) -> anyhow::Result<()> {
    let mut redis = platform.cache.connect().await;
    let began = Instant::now();
    loop {
        let keys: u64 = redis::cmd("DBSIZE").query_async(&mut redis).await?;
        if keys >= u64::from(2 * SESSIONS) {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "Redis holds only {keys} keys");
        sleep(EVERY).await;
    }
}

/// Asks the gateway with a token of each session.
async fn use_each(platform: &Platform, sessions: &[Used]) -> anyhow::Result<()> {
    let signer = Signer::of(platform)?;
    let port = gateway_port(platform)?;
    let mut running = tokio::task::JoinSet::new();
    for part in sessions.chunks(sessions.len().div_ceil(CONNECTIONS)) {
        let requests: anyhow::Result<Vec<_>> =
            part.iter().map(|used| signer.request(used)).collect();
        let requests = requests?;
        let mut connection = HttpConnection::open(port, Vec::new(), "200").await?;
        running.spawn(async move {
            for request in requests {
                connection.set_request(request);
                connection.step().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

/// Signs access tokens as auth-service does, with its own key.
struct Signer {
    header: Header,
    key: EncodingKey,
}

impl Signer {
    fn of(platform: &Platform) -> anyhow::Result<Self> {
        let folder = std::fs::read_dir(platform.data_dir().join("keys"))?;
        let mut keys = folder.filter_map(|entry| Some(entry.ok()?.path()));
        let path = keys.find(|path| path.extension().is_some_and(|extension| extension == "pk8"));
        let path = path.context("a signing key")?;
        let kid = path.file_stem().context("a key's id")?;
        let header = Header {
            typ: Some(ACCESS_TOKEN_TYPE.to_owned()),
            kid: Some(kid.to_string_lossy().into_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        let key = EncodingKey::from_ed_der(&std::fs::read(&path)?);
        Ok(Self { header, key })
    }

    fn request(&self, (sid, sub): &Used) -> anyhow::Result<Vec<u8>> {
        let now_s = Timestamp::now().unix_ms() / 1000;
        let claims = Claims {
            iss: "devmentor".to_owned(),
            aud: "devmentor".to_owned(),
            sub: *sub,
            sid: *sid,
            roles: vec!["user".to_owned()],
            iat: now_s,
            nbf: now_s,
            exp: now_s + 300,
            jti: Uuid::now_v7(),
        };
        let token = jsonwebtoken::encode(&self.header, &claims, &self.key)?;
        Ok(get("/api/me", &token))
    }
}
