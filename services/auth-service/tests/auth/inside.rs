//! What is inside: SQL, which is the truth; the copies in Redis; metrics; mails in files.

use std::time::Duration;

use redis::FromRedisValue;
use redis_contracts::{
    HotCopy, SignedCopy, Value,
    keys::{SESSION, SessionRecord},
    script::put_session,
};
use sql::Database;
use sqlx::{AnyConnection, Connection};
use test_kit::{PATIENCE, eventually};
use uuid::Uuid;

use super::{Auth, on_postgres};

/// Two wrong passwords pass for one once in 65,536 times: a key that is always the same tells those of
/// these tests apart. It is there before the service is, which makes one of its own otherwise.
pub(super) async fn key_failures(database_url: &str) {
    let service = auth_service::SERVICE.name;
    let opened = Database::open(database_url, service, auth_service::MIGRATIONS).await;
    let database = opened.expect("the database");
    sqlx::query("INSERT INTO shared (name, value) VALUES ('failures', $1)")
        .bind(vec![7_u8; 32])
        .execute(&database.write)
        .await
        .expect("the key");
    database.write.close().await;
    database.read.close().await;
}

impl Auth {
    /// The session or the machine token that its hot copy tells of.
    pub(super) async fn held(&self, id: Uuid) -> Option<SessionRecord> {
        let copy = self.held_copy(id).await?;
        let copy = HotCopy::decode(&copy.payload).expect("a hot copy");
        Some(copy.session)
    }

    /// The hot copy of a session or a machine token, as it stands in Redis.
    pub(super) async fn held_copy(&self, id: Uuid) -> Option<SignedCopy> {
        let bytes: Option<Vec<u8>> = self.ask_redis("GET", &[SESSION.key(id).name()]).await;
        bytes.map(|bytes| SignedCopy::decode(&bytes).expect("a signed copy"))
    }

    /// Writes a good copy late, as a replica could that had read SQL before; whether that was written.
    pub(super) async fn put_late(&self, id: Uuid, copy: &SignedCopy) -> bool {
        let session = HotCopy::decode(&copy.payload).expect("a hot copy").session;
        let late = put_session(id, copy, session.rank(), Duration::from_secs(60), b"");
        let count = late.keys.len().to_string();
        let words: Vec<&[u8]> = [late.script.source.as_bytes(), count.as_bytes()]
            .into_iter()
            .chain(late.keys.iter().map(String::as_bytes))
            .chain(late.args.iter().map(Vec::as_slice))
            .collect();
        let better: Option<Vec<u8>> = self.ask_redis("EVAL", &words).await;
        better.is_none()
    }

    /// Waits until the hot copy is as wanted.
    pub(super) async fn until_held(
        &self,
        id: Uuid,
        wanted: impl Fn(&SessionRecord) -> bool,
    ) -> SessionRecord {
        eventually("the hot copy is as wanted", PATIENCE, async || {
            match self.held(id).await {
                Some(record) if wanted(&record) => Ok(record),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Asks Redis, whatever is with the service's own wire to it.
    pub(super) async fn ask_redis<T: FromRedisValue>(
        &self,
        command: &str,
        args: &[impl AsRef<[u8]>],
    ) -> T {
        let mut command = redis::cmd(command);
        for arg in args {
            command.arg(arg.as_ref());
        }
        let answer = command.query_async(&mut self.redis.connect().await).await;
        answer.expect("an answer of Redis")
    }

    /// Has Redis forget everything.
    pub(super) async fn flush(&self) {
        self.ask_redis::<()>("FLUSHALL", &[""; 0]).await;
    }

    /// Changes the truth behind the service's back, to let time pass.
    pub(super) async fn sql(&self, statement: &'static str) {
        let mut database = self.database().await;
        sqlx::query(statement)
            .execute(&mut database)
            .await
            .expect("a statement");
        database.close().await.expect("closed");
    }

    /// A number that SQL tells.
    pub(super) async fn number(&self, query: &'static str) -> i64 {
        let mut database = self.database().await;
        let number = sqlx::query_scalar(query).fetch_one(&mut database).await;
        database.close().await.expect("closed");
        number.expect("a number")
    }

    /// Waits until SQL tells this number.
    pub(super) async fn until_number(&self, query: &'static str, wanted: i64) {
        eventually(query, PATIENCE, async || {
            let number = self.number(query).await;
            if number == wanted {
                Ok(())
            } else {
                Err(number)
            }
        })
        .await;
    }

    /// Waits until Redis is known to have heard of every change.
    pub(super) async fn until_all_heard(&self) {
        let left = "SELECT COUNT(*) FROM sessions WHERE unheard = 1";
        self.until_number(left, 0).await;
    }

    pub(super) async fn database(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let connected = AnyConnection::connect(&self.database_url).await;
        let mut database = connected.expect("the database");
        let prepare = match on_postgres() {
            true => "SET search_path TO \"auth-service\"",
            false => "PRAGMA busy_timeout = 5000",
        };
        let prepared = sqlx::query(prepare).execute(&mut database).await;
        prepared.expect("the schema");
        database
    }

    /// What a metric counts; the name with its labels. 0 where it has not counted yet.
    pub(super) async fn metric(&self, name: &str) -> f64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.ops_port);
        let client = reqwest::Client::builder().no_proxy().build();
        let answer = client.expect("a client").get(url).send().await;
        let metrics = answer.expect("an answer").text().await.expect("a text");
        let value = metrics.lines().find_map(|line| {
            let (told, value) = line.rsplit_once(' ')?;
            (told == name).then(|| value.parse().expect("a number"))
        });
        value.unwrap_or(0.0)
    }

    /// The token in the newest mail file to an address, once there is one that is not among `known`.
    pub(super) async fn mailed_token(&self, email: &str, known: &[String]) -> String {
        eventually("a mail is written", PATIENCE, async || {
            let tokens = self.mailed_tokens(email);
            tokens
                .into_iter()
                .find(|token| !known.contains(token))
                .ok_or("none yet")
        })
        .await
    }

    /// The tokens in all mail files to an address.
    pub(super) fn mailed_tokens(&self, email: &str) -> Vec<String> {
        let folder = std::fs::read_dir(self.file("mail")).expect("a folder");
        // What is being written has another name.
        let whole = folder.filter_map(|entry| {
            let path = entry.ok()?.path();
            (path.extension()? == "eml").then_some(path)
        });
        let mails = whole.filter_map(|path| std::fs::read_to_string(path).ok());
        let to = format!("To: {email}\r\n");
        let tokens = mails.filter(|mail| mail.contains(&to)).filter_map(|mail| {
            let (_, rest) = mail.split_once("#token=")?;
            Some(rest.split(['\r', '\n']).next()?.to_owned())
        });
        tokens.collect()
    }
}
