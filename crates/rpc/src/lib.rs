//! The gRPC contracts of `proto/` as Rust, and what every caller and every server of them shares:
//! deadlines, request metadata, and conversions to the contracts' resources.

mod channel;
mod convert;
pub mod metadata;
mod outline;

pub use channel::{
    CALL_WINDOW, CALLS_PER_CONNECTION, DEADLINE, InvalidUpstream, LARGEST_ANSWER,
    SERVER_CALL_WINDOW, SERVER_WINDOW, connect,
};
pub use convert::{Malformed, timestamp, timestamp_from};
pub use outline::outline;
pub use tonic;

/// The encoded descriptors of every service, for reflection; each method with who may call it
/// (`devmentor/access.proto`).
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// `devmentor.ai.v1`.
#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated")]
pub mod ai {
    tonic::include_proto!("devmentor.ai.v1");
}

/// `devmentor.auth.v1`.
#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated")]
pub mod auth {
    tonic::include_proto!("devmentor.auth.v1");
}

/// `devmentor.learning.v1`.
#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated")]
pub mod learning {
    tonic::include_proto!("devmentor.learning.v1");
}

/// `devmentor.project.v1`.
#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated")]
pub mod project {
    tonic::include_proto!("devmentor.project.v1");
}
