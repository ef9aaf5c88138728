//! What went wrong, in one table: code, HTTP status, gRPC code and title.
//!
//! A domain error becomes a [`Problem`]; over gRPC it is a status with `google.rpc.ErrorInfo`
//! (reason = code), `BadRequest` and `RetryInfo`; over HTTP an RFC 9457 problem document.

mod bounds;
mod rate_headers;

use std::{collections::HashMap, fmt, time::Duration};

use redis_access::AccessError;
use serde::Serialize;
use tonic::{Code as Grpc, Status};
use tonic_types::{ErrorDetails, StatusExt};

pub(crate) use self::bounds::MOST_ERRORS;
pub use self::rate_headers::{RATE_LIMIT, RATE_LIMIT_POLICY, RateHeaders};

const DOMAIN: &str = "devmentor";

macro_rules! codes {
    ($($variant:ident = $code:literal, $http:literal, $grpc:ident, $title:literal;)+) => {
        /// A problem's code, as in the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in documents and in `ErrorInfo.reason`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http,)+ }
            }

            /// The gRPC code.
            pub const fn grpc_code(self) -> Grpc {
                match self { $(Self::$variant => Grpc::$grpc,)+ }
            }

            /// The same words for each problem of this code.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    Malformed = "malformed", 400, InvalidArgument, "The request cannot be read";
    Invalid = "invalid", 422, InvalidArgument, "The request has a wrong field";
    Unauthenticated = "unauthenticated", 401, Unauthenticated, "Sign in first";
    SessionEnded = "session_ended", 401, Unauthenticated, "The session has ended";
    InvalidCredentials = "invalid_credentials", 401, Unauthenticated, "Address or password is wrong";
    TokenReused = "token_reused", 401, Unauthenticated, "The refresh token was used before";
    AccountLocked = "account_locked", 423, FailedPrecondition, "The account is locked for a while";
    ReauthenticationRequired = "reauthentication_required", 403, PermissionDenied, "Confirm your password first";
    Csrf = "csrf", 403, PermissionDenied, "The request does not come from the web app";
    Forbidden = "forbidden", 403, PermissionDenied, "Your role does not allow this";
    NotFound = "not_found", 404, NotFound, "There is nothing here that you may see";
    MethodNotAllowed = "method_not_allowed", 405, Unimplemented, "This path has no such method";
    Conflict = "conflict", 409, Aborted, "The request conflicts with the current state";
    EmailTaken = "email_taken", 409, AlreadyExists, "An account with this address exists";
    HandleTaken = "handle_taken", 409, AlreadyExists, "This handle is taken";
    KeyTaken = "key_taken", 409, AlreadyExists, "You have a project with this key";
    LastOwner = "last_owner", 409, FailedPrecondition, "A project needs an owner";
    VersionMismatch = "version_mismatch", 412, FailedPrecondition, "It was changed meanwhile";
    IdempotencyMismatch = "idempotency_mismatch", 422, InvalidArgument, "The idempotency key was used for another request";
    RequestTimeout = "request_timeout", 408, DeadlineExceeded, "The request came too slowly";
    TooLarge = "too_large", 413, ResourceExhausted, "The request is too large";
    UnsupportedMediaType = "unsupported_media_type", 415, InvalidArgument, "The body has a type that is not understood";
    RateLimited = "rate_limited", 429, ResourceExhausted, "Too many requests";
    Unavailable = "unavailable", 503, Unavailable, "Something this needs is away";
    DeadlineExceeded = "deadline_exceeded", 504, DeadlineExceeded, "It took too long";
    Internal = "internal", 500, Internal, "Something went wrong on our side";
}

impl Code {
    /// The code of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// The code for a status that carries none of ours: from the transport or the framework.
    const fn from_grpc(code: Grpc) -> Self {
        match code {
            Grpc::InvalidArgument => Self::Invalid,
            Grpc::Unauthenticated => Self::Unauthenticated,
            Grpc::PermissionDenied => Self::Forbidden,
            Grpc::NotFound => Self::NotFound,
            Grpc::AlreadyExists | Grpc::Aborted | Grpc::FailedPrecondition => Self::Conflict,
            Grpc::OutOfRange => Self::TooLarge,
            Grpc::ResourceExhausted => Self::RateLimited,
            Grpc::Unavailable => Self::Unavailable,
            Grpc::DeadlineExceeded | Grpc::Cancelled => Self::DeadlineExceeded,
            Grpc::Ok | Grpc::Unknown | Grpc::Unimplemented | Grpc::Internal | Grpc::DataLoss => {
                Self::Internal
            }
        }
    }
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name, a path for nested ones.
    pub field: String,
    /// What would be right.
    pub message: String,
}

/// A problem, told to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub code: Code,
    /// What happened and what to do next. Never holds a cause from inside.
    pub detail: String,
    /// Wrong fields.
    pub errors: Vec<FieldError>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// How the limits of the request stand, where some were asked.
    pub limits: Option<Box<RateHeaders>>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after = matches!(code, Code::Unavailable | Code::RateLimited);
        Self {
            code,
            detail: bounds::detail(detail.into()),
            errors: Vec::new(),
            retry_after: retry_after.then_some(Duration::from_secs(1)),
            limits: None,
        }
    }

    /// The same, with how the limits of the request stand.
    pub fn with_limits(self, headers: Option<RateHeaders>) -> Self {
        Self {
            limits: headers.map(Box::new),
            ..self
        }
    }

    /// Wrong fields; of very many the first ones are named.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self::invalid_and(errors, 0)
    }

    /// Wrong fields, and how many there are beside them.
    pub(crate) fn invalid_and(errors: Vec<FieldError>, more: usize) -> Self {
        let errors = bounds::errors(errors, more);
        let named = errors.iter().map(|error| error.field.as_str());
        let named: Vec<_> = named.filter(|field| !field.is_empty()).collect();
        let detail = format!("Correct {} and send it again.", named.join(", "));
        Self {
            errors,
            ..Self::new(Code::Invalid, detail)
        }
    }

    /// One wrong field.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            field: field.into(),
            message: message.into(),
        }])
    }

    /// A thing that is not there, or that the caller may not see; both look alike.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            Code::NotFound,
            format!("There is no such {what}, or it is not yours."),
        )
    }

    /// Something that this needs is away.
    pub fn unavailable(what: &str) -> Self {
        Self::new(
            Code::Unavailable,
            format!("{what} cannot be reached; try again shortly."),
        )
    }

    /// A fault of ours. The cause is logged here, once, and never told.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(error = %cause, "internal error");
        Self::new(Code::Internal, "The fault was logged under the request id.")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Unavailable {
                instance, reason, ..
            } => {
                tracing::debug!(redis.instance = %instance, reason, "Redis is away");
                Self::unavailable(&format!("Redis {instance}"))
            }
            other => Self::internal(other),
        }
    }
}

impl From<rpc::Malformed> for Problem {
    fn from(error: rpc::Malformed) -> Self {
        Self::internal(format!("another service answered a message whose {error}"))
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let mut details =
            ErrorDetails::with_error_info(problem.code.name(), DOMAIN, HashMap::new());
        for error in problem.errors {
            details.add_bad_request_violation(error.field, error.message);
        }
        if let Some(retry_after) = problem.retry_after {
            details.set_retry_info(Some(retry_after));
        }
        let mut status =
            Self::with_error_details(problem.code.grpc_code(), problem.detail, details);
        if let Some(headers) = &problem.limits {
            headers.write_to(status.metadata_mut());
        }
        status
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let ours = details
            .error_info()
            .filter(|info| info.domain == DOMAIN)
            .and_then(|info| Code::from_name(&info.reason));
        let Some(code) = ours else {
            return Self::from_foreign(&status);
        };
        let errors = details.bad_request().map_or_else(Vec::new, |bad| {
            let violations = bad.field_violations.iter();
            violations
                .map(|violation| FieldError {
                    field: violation.field.clone(),
                    message: violation.description.clone(),
                })
                .collect()
        });
        Self {
            code,
            detail: status.message().to_owned(),
            errors,
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            limits: RateHeaders::read_from(status.metadata()).map(Box::new),
        }
    }
}

impl Problem {
    fn from_foreign(status: &Status) -> Self {
        // Only what happened on this side of the wire has a source: the connection broke.
        let broke = std::error::Error::source(status).is_some();
        let code = match Code::from_grpc(status.code()) {
            Code::Internal if broke => Code::Unavailable,
            code => code,
        };
        match code {
            Code::Internal => Self::internal(status),
            Code::Unavailable => {
                tracing::debug!(error = %status, "an upstream is away");
                Self::unavailable("A service behind this one")
            }
            Code::DeadlineExceeded => {
                Self::new(code, "A service behind this one did not answer in time.")
            }
            _ => Self::new(code, status.message()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_survives_the_way_over_grpc() {
        for code in Code::ALL {
            let mut problem = Problem::new(*code, "what to do next");
            problem.errors = vec![FieldError {
                field: "title".to_owned(),
                message: "1 to 300 characters".to_owned(),
            }];
            problem.limits = Some(Box::new(RateHeaders {
                policy: "\"auth_address\";q=5;w=60".to_owned(),
                limit: "\"auth_address\";r=0;t=12".to_owned(),
            }));
            let status = Status::from(problem.clone());
            assert_eq!(status.code(), code.grpc_code());
            assert_eq!(Problem::from(status), problem);
        }
    }

    #[test]
    fn names_are_unique_and_statuses_are_errors() {
        for code in Code::ALL {
            assert_eq!(Code::from_name(code.name()), Some(*code));
            assert!((400..600).contains(&code.http_status()), "{}", code.name());
        }
    }

    #[test]
    fn a_connection_that_broke_is_an_outage_and_no_fault_of_ours() {
        let broken_pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let problem = Problem::from(Status::from_error(Box::new(broken_pipe)));
        assert_eq!(problem.code, Code::Unavailable);
        assert!(problem.retry_after.is_some());
    }

    #[test]
    fn a_status_of_the_transport_tells_nothing_from_inside() {
        let problem = Problem::from(Status::internal("secret path /var/lib"));
        assert_eq!(problem.code, Code::Internal);
        assert!(!problem.detail.contains("secret"));
    }
}
