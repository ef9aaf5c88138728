//! Bare commits in the services' own schemas: of the rows of a task, and of a session that is renewed.

use std::path::Path;

use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

use crate::load::Step;

const SCHEMA: &str =
    include_str!("../../../../services/project-service/migrations/0001_projects.sql");

const ACCOUNTS: [&str; 3] = [
    include_str!("../../../../services/auth-service/migrations/0001_accounts.sql"),
    include_str!("../../../../services/auth-service/migrations/0002_auth.sql"),
    include_str!("../../../../services/auth-service/migrations/0003_guards.sql"),
];

/// Commits the rows of new tasks, over one connection.
pub struct Commit {
    connection: SqliteConnection,
    project: Uuid,
    written: i64,
    event: String,
    together: u32,
}

impl Commit {
    /// Into a new database, `together` tasks a commit, each with this event.
    pub async fn open(folder: &Path, together: u32, event: &str) -> anyhow::Result<Self> {
        let mut connection = open(&folder.join(format!("commit-{together}.db"))).await?;
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
        let project = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO projects (id, owner_id, key, name, description, status, next_number, version, created_at, updated_at)
             VALUES (?, ?, 'BENCH', 'Benchmark', '', 'active', 1, 1, 0, 0)",
        )
        .bind(project)
        .bind(project)
        .execute(&mut connection)
        .await?;
        Ok(Self {
            connection,
            project,
            written: 0,
            event: event.to_owned(),
            together,
        })
    }
}

/// A new database, as safe as the services keep theirs.
async fn open(file: &Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true);
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Moves the refresh family of one session on, a commit each.
pub struct CommitSession {
    connection: SqliteConnection,
    session: Uuid,
    version: i64,
}

impl CommitSession {
    /// Into a new database.
    pub async fn open(folder: &Path) -> anyhow::Result<Self> {
        let mut connection = open(&folder.join("session.db")).await?;
        for schema in ACCOUNTS {
            sqlx::raw_sql(schema).execute(&mut connection).await?;
        }
        let session = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO users (id, email, handle, password_hash, roles, email_verified, created_at)
             VALUES (?, 'bench@example.com', 'bench', '', '[]', 1, 0)",
        )
        .bind(session)
        .execute(&mut connection)
        .await?;
        sqlx::query(
            "INSERT INTO sessions (id, user_id, created_at, expires_at, last_seen, agent, address, version, unheard,
                                   family_sha256, refresh_sha256)
             VALUES (?1, ?1, 0, 0, 0, '', '', 0, 0, randomblob(32), randomblob(32))",
        )
        .bind(session)
        .execute(&mut connection)
        .await?;
        Ok(Self {
            connection,
            session,
            version: 0,
        })
    }
}

impl Step for CommitSession {
    async fn step(&mut self) -> anyhow::Result<()> {
        self.version += 1;
        let next: [u8; 32] = rand::random();
        sqlx::query(
            "UPDATE sessions SET refresh_sha256 = ?, refresh_made = ?, expires_at = ?, last_seen = ?, version = ?
             WHERE id = ? AND version = ? AND ended_at IS NULL",
        )
        .bind(&next[..])
        .bind("[]")
        .bind(self.version)
        .bind(self.version)
        .bind(self.version)
        .bind(self.session)
        .bind(self.version - 1)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }
}

impl Step for Commit {
    async fn step(&mut self) -> anyhow::Result<()> {
        let mut transaction = self.connection.begin().await?;
        for _ in 0..self.together {
            self.written += 1;
            write_task(&mut transaction, self.project, self.written, &self.event).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

async fn write_task(
    sql: &mut SqliteConnection,
    project: Uuid,
    number: i64,
    event: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE projects SET next_number = next_number + 1 WHERE id = ?")
        .bind(project)
        .execute(&mut *sql)
        .await?;
    sqlx::query(
        "INSERT INTO tasks (id, project_id, number, title, description, status, labels, position, author_id, author_name,
                            comment_count, version, created_at, updated_at)
         VALUES (?, ?, ?, 'a task of the benchmark', '', 0, '[]', ?, ?, 'bench', 0, 1, 0, 0)",
    )
    .bind(Uuid::now_v7())
    .bind(project)
    .bind(number)
    .bind(format!("{number:08x}"))
    .bind(project)
    .execute(&mut *sql)
    .await?;
    sqlx::query("INSERT INTO events (position, project_id, type, time, event) VALUES (?, ?, 'task.created', 0, ?)")
        .bind(number)
        .bind(project)
        .bind(event)
        .execute(&mut *sql)
        .await?;
    Ok(())
}
