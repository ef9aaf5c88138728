//! Where a list goes on: opaque outside, checked when it comes back.

use service_kit::{Problem, page::wrong_cursor};
use uuid::Uuid;

fn uuid(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| wrong_cursor())
}

/// Goes on after an id, in a list by id.
pub fn after_id(cursor: &str) -> Result<Option<Uuid>, Problem> {
    match cursor {
        "" => Ok(None),
        text => uuid(text).map(Some),
    }
}

/// Goes on after a time and an id, in a list by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeCursor {
    /// Unix milliseconds.
    pub unix_ms: i64,
    /// Breaks ties.
    pub id: Uuid,
}

impl TimeCursor {
    /// Before the newest.
    pub const NEWEST: Self = Self {
        unix_ms: i64::MAX,
        id: Uuid::max(),
    };

    /// Reads it; `None` is the beginning.
    pub fn read(cursor: &str) -> Result<Option<Self>, Problem> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let (unix_ms, id) = cursor.split_once('.').ok_or_else(wrong_cursor)?;
        let unix_ms = unix_ms.parse().map_err(|_| wrong_cursor())?;
        Ok(Some(Self {
            unix_ms,
            id: uuid(id)?,
        }))
    }

    /// Writes it.
    pub fn write(self) -> String {
        format!("{}.{}", self.unix_ms, self.id)
    }
}

/// Goes on after a place on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardCursor {
    /// Column.
    pub column: i64,
    /// Position in it.
    pub position: String,
    /// Breaks ties.
    pub id: Uuid,
}

impl BoardCursor {
    /// Before the first card of a column.
    pub const fn top_of(column: i64) -> Self {
        Self {
            column,
            position: String::new(),
            id: Uuid::nil(),
        }
    }

    /// Reads it; `None` is the beginning.
    pub fn read(cursor: &str) -> Result<Option<Self>, Problem> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let mut parts = cursor.splitn(3, '.');
        let (column, position, id) = match (parts.next(), parts.next(), parts.next()) {
            (Some(column), Some(position), Some(id)) => (column, position, id),
            _ => return Err(wrong_cursor()),
        };
        Ok(Some(Self {
            column: column.parse().map_err(|_| wrong_cursor())?,
            position: position.to_owned(),
            id: uuid(id)?,
        }))
    }

    /// Writes it.
    pub fn write(&self) -> String {
        format!("{}.{}.{}", self.column, self.position, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_junk_is_wrong_cursor() {
        let id = Uuid::now_v7();
        let time = TimeCursor { unix_ms: 7, id };
        assert_eq!(TimeCursor::read(&time.write()).expect("ours"), Some(time));
        let board = BoardCursor {
            column: 3,
            position: "80".to_owned(),
            id,
        };
        assert_eq!(
            BoardCursor::read(&board.write()).expect("ours"),
            Some(board)
        );
        for junk in ["x", "1.2", ".", "..", "9999999999999999999.x", "1.80.x"] {
            assert!(
                TimeCursor::read(junk).is_err() && BoardCursor::read(junk).is_err(),
                "{junk}"
            );
            assert!(after_id(junk).is_err());
        }
    }
}
