//! What a fault of SQL means: it is away, or we are wrong.

use service_kit::Problem;

/// SQL failed: the cause is logged, the caller hears that `what` is away, or of a fault of ours.
pub fn problem(error: sqlx::Error, what: &str) -> Problem {
    if is_away(&error) {
        tracing::error!(error = %error, "SQL is away");
        Problem::unavailable(what)
    } else {
        Problem::internal(error)
    }
}

/// Whether trying again later makes sense. The protocol is broken by an answer that was cut off, or by
/// something between us and PostgreSQL.
pub(super) fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::Protocol(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Io(_) => true,
        sqlx::Error::Database(fault) => fault.code().is_some_and(|code| passes(&code)),
        _ => false,
    }
}

/// Faults that pass. SQLite has numbers, <https://www.sqlite.org/rescode.html>: BUSY 5, READONLY 8, IOERR
/// 10, FULL 13, CANTOPEN 14. PostgreSQL has classes of five characters,
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>: connections 08, a standby 25006, a
/// transaction that failed 25P02 or was left idle 25P03, rolled back for another one 40, resources 53, a
/// lock that was waited for too long 55P03, cancelled or shut down 57, the system 58.
fn passes(code: &str) -> bool {
    if code.len() == 5 {
        let classes = [
            "08", "25006", "25P02", "25P03", "40", "53", "55P03", "57", "58",
        ];
        return classes.iter().any(|class| code.starts_with(class));
    }
    let number = code.parse::<u32>();
    number.is_ok_and(|number| matches!(number & 0xff, 5 | 8 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_that_pass_are_known() {
        for passing in [
            "5", "261", "10", "13", "57P01", "57014", "08006", "40P01", "25006", "25P02", "25P03",
            "55P03",
        ] {
            assert!(passes(passing), "{passing}");
        }
        for lasting in ["1", "19", "42P01", "23505", "22P02", "25001", "55000"] {
            assert!(!passes(lasting), "{lasting}");
        }
        assert!(is_away(&sqlx::Error::Protocol("cut off".to_owned())));
        assert!(!is_away(&sqlx::Error::RowNotFound));
    }
}
