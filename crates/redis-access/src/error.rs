//! What can go wrong on the way to Redis.

use redis_contracts::{DecodeError, Instance};

/// A Redis command that did not give its answer.
#[derive(Debug, thiserror::Error, Clone)]
pub enum AccessError {
    /// The instance cannot be reached, or did not answer in time.
    #[error("Redis {instance} is away: {reason}")]
    Unavailable {
        /// Which one.
        instance: Instance,
        /// Why, for the log.
        reason: String,
        /// The connection broke or Redis is not ready yet, so that asking again may do; else there
        /// was no answer, or no connection to be had.
        repeat: bool,
    },
    /// Redis answered with an error.
    #[error("Redis {instance} refused: {message}")]
    Refused {
        /// Which one.
        instance: Instance,
        /// Its words.
        message: String,
    },
    /// What is held is not what the contract declares.
    #[error("Redis {instance} holds what the contract does not declare: {cause}")]
    Undecodable {
        /// Which one.
        instance: Instance,
        /// What is wrong with it.
        cause: DecodeError,
    },
}

impl AccessError {
    /// Whether the same call may succeed later.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether the consumer group, or its stream, is gone.
    pub fn is_no_group(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains("NOGROUP"))
    }

    pub(crate) const fn is_worth_repeating(&self) -> bool {
        matches!(self, Self::Unavailable { repeat: true, .. })
    }

    pub(crate) fn away(instance: Instance, reason: impl ToString) -> Self {
        Self::Unavailable {
            instance,
            reason: reason.to_string(),
            repeat: false,
        }
    }

    pub(crate) fn from_redis(instance: Instance, error: &redis::RedisError) -> Self {
        use redis::{ErrorKind, ServerErrorKind as Server};
        let lost = error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error();
        let not_yet = matches!(
            error.kind(),
            ErrorKind::Server(
                Server::BusyLoading | Server::MasterDown | Server::TryAgain | Server::ClusterDown
            )
        );
        // It is there and takes no writes: out of memory, unable to save, or a replica.
        let takes_no_writes = matches!(error.code(), Some("OOM" | "MISCONF" | "READONLY"));
        if lost || not_yet || takes_no_writes {
            return Self::Unavailable {
                instance,
                reason: error.to_string(),
                repeat: not_yet || (lost && !error.is_timeout()),
            };
        }
        // As Redis wrote it: redis-rs shows its own name for the codes it knows.
        let message = match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => format!("{code} {detail}"),
            _ => error.to_string(),
        };
        Self::Refused { instance, message }
    }
}
