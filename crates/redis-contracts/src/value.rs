//! How a value becomes the bytes of a key, and comes back.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

use crate::Position;

/// Bytes in Redis that are not what their declaration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(pub String);

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

/// A value type a key can be declared with.
pub trait Value: Sized {
    /// The bytes written to Redis.
    fn encode(&self) -> Vec<u8>;
    /// Reads what [`Value::encode`] wrote.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// A value kept as the fields of a hash, or of a stream entry.
pub trait FieldsValue: Sized {
    /// Reads the fields.
    fn from_fields(fields: &BTreeMap<String, String>) -> Result<Self, DecodeError>;
}

/// Values kept as JSON.
pub(crate) trait JsonValue: Serialize + DeserializeOwned {}

impl<T: JsonValue> Value for T {
    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(bytes).map_err(|error| DecodeError(error.to_string()))
    }
}

impl Value for Position {
    fn encode(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        std::str::from_utf8(bytes)
            .map_err(|error| DecodeError(error.to_string()))?
            .parse()
            .map_err(|error| DecodeError(format!("{error}")))
    }
}
