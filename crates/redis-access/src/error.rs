//! What can go wrong on the way to Redis.

use redis_contracts::{DecodeError, Instance};

/// A Redis command that did not give its answer.
#[derive(Debug, thiserror::Error, Clone)]
pub enum AccessError {
    /// The instance cannot be reached, did not answer in time, or takes no such command for now.
    #[error("Redis {instance} is away: {reason}")]
    Unavailable {
        /// Which one.
        instance: Instance,
        /// Why, for the log.
        reason: String,
        /// What it means for the connection and for asking again.
        trouble: Trouble,
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

/// What is the matter with an instance that does not do what it is asked. It is over by itself once the
/// instance, or its operator, has done what is needed: it is never the fault of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The connection broke, or leads to a replica, as after a failover: another one may do.
    Lost,
    /// There was no answer, or no connection to be had.
    Silent,
    /// It is loading, or busy with one long script.
    NotYet,
    /// It is well and refuses: out of memory, unable to save, without its replicas, or this user may not.
    Refusing,
}

impl Trouble {
    /// The trouble that a server's error code stands for.
    fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "READONLY" | "UNBLOCKED" => Self::Lost,
            "LOADING" | "MASTERDOWN" | "TRYAGAIN" | "CLUSTERDOWN" | "BUSY" => Self::NotYet,
            "OOM" | "MISCONF" | "NOREPLICAS" | "NOPERM" | "NOAUTH" => Self::Refusing,
            _ => return None,
        })
    }
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

    /// Whether the key holds something else than the command is for.
    pub fn is_wrong_type(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains("WRONGTYPE"))
    }

    /// Whether the instance is well and does not do what it is asked: its operator has to act.
    pub const fn is_refusing(&self) -> bool {
        matches!(self.trouble(), Some(Trouble::Refusing))
    }

    /// Nothing, where the key holds something else than was asked for: that is as good as none.
    pub fn none_if_wrong_type<T>(self) -> Result<Option<T>, Self> {
        match self.is_wrong_type() {
            true => Ok(None),
            false => Err(self),
        }
    }

    pub(crate) const fn is_worth_repeating(&self) -> bool {
        matches!(self.trouble(), Some(Trouble::Lost | Trouble::NotYet))
    }

    pub(crate) const fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Unavailable { trouble, .. } => Some(*trouble),
            _ => None,
        }
    }

    pub(crate) fn away(instance: Instance, reason: impl ToString) -> Self {
        Self::Unavailable {
            instance,
            reason: reason.to_string(),
            trouble: Trouble::Silent,
        }
    }

    pub(crate) fn lost(instance: Instance, reason: impl ToString) -> Self {
        Self::Unavailable {
            instance,
            reason: reason.to_string(),
            trouble: Trouble::Lost,
        }
    }

    /// A connection that could not be opened: whatever the server says to who comes, a wrong password
    /// included, it is nobody's command.
    pub(crate) fn not_opened(instance: Instance, error: &redis::RedisError) -> Self {
        match Self::from_redis(instance, error) {
            Self::Refused { instance, message } => Self::Unavailable {
                instance,
                reason: message,
                trouble: Trouble::Refusing,
            },
            away => away,
        }
    }

    pub(crate) fn from_redis(instance: Instance, error: &redis::RedisError) -> Self {
        let lost = error.is_io_error() || error.is_unrecoverable_error();
        let trouble = match error.code().and_then(Trouble::of_code) {
            Some(trouble) => Some(trouble),
            None if error.is_timeout() => Some(Trouble::Silent),
            None => lost.then_some(Trouble::Lost),
        };
        // As Redis wrote it: redis-rs shows its own name for the codes it knows.
        let message = match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => format!("{code} {detail}"),
            _ => error.to_string(),
        };
        match trouble {
            Some(trouble) => Self::Unavailable {
                instance,
                reason: message,
                trouble,
            },
            None => Self::Refused { instance, message },
        }
    }
}
