//! Pages of lists, read row by row: no further than the page goes, for each row can have a long text.

use futures_util::{Stream, TryStreamExt};
use redis_contracts::resource::{Comment, Project, Task};
use service_kit::page::{Limit, Page};
use sqlx::sqlite::SqliteRow;

use super::StoredEvent;

/// Bytes of an entry beside its texts, about.
const OTHER_FIELDS: usize = 512;

/// An entry of a list.
pub(super) trait Entry: Sized {
    /// From its row.
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error>;

    /// Its texts, in bytes.
    fn text_bytes(&self) -> usize;
}

impl Entry for Task {
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        super::tasks::task(row)
    }

    fn text_bytes(&self) -> usize {
        let labels: usize = self.labels.iter().map(String::len).sum();
        self.title.len() + self.description.len() + labels
    }
}

impl Entry for Project {
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        super::projects::project(row)
    }

    fn text_bytes(&self) -> usize {
        self.name.len() + self.description.len()
    }
}

impl Entry for Comment {
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        super::comments::comment(row)
    }

    fn text_bytes(&self) -> usize {
        self.body.len()
    }
}

impl Entry for StoredEvent {
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        super::events::stored(row)
    }

    fn text_bytes(&self) -> usize {
        self.event.len()
    }
}

/// Reads a page.
pub(super) async fn read<T: Entry>(
    mut rows: impl Stream<Item = Result<SqliteRow, sqlx::Error>> + Unpin,
    limit: Limit,
) -> Result<Page<T>, sqlx::Error> {
    let mut page = Page::new(limit);
    while let Some(row) = rows.try_next().await?
        && !page.is_full()
    {
        let entry = T::read(&row)?;
        let bytes = OTHER_FIELDS + entry.text_bytes();
        page.add(entry, bytes);
    }
    Ok(page)
}
