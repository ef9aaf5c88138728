//! The metadata that travels with a call.

/// `authorization: Bearer <access token>`.
pub const AUTHORIZATION: &str = "authorization";
/// The id of the request that started it all.
pub const REQUEST_ID: &str = "x-request-id";
/// W3C trace context, <https://www.w3.org/TR/trace-context/>.
pub const TRACEPARENT: &str = "traceparent";
/// Proves that a call comes from the gateway, so that the client address it reports counts.
pub const GATEWAY_CREDENTIAL: &str = "x-gateway-credential";
/// Makes a creating call safe to send again, 1 to 128 characters.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// In an answer: it is the first answer to this idempotency key, given again.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
