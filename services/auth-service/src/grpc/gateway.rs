//! What the gateway shows, so that what it reports of clients counts.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use rpc::metadata::GATEWAY_CREDENTIAL;
use secrecy::{ExposeSecret, SecretString};
use service_kit::health::{Health, Need};
use tonic::metadata::MetadataMap;

/// The credential that counts.
pub struct GatewayCredential {
    secret: SecretString,
    /// Whether the last one that was shown was another.
    refused: Arc<AtomicBool>,
}

impl GatewayCredential {
    /// This one; a gateway that shows another is told of in `health`.
    pub fn new(secret: SecretString, health: &Health) -> Self {
        let refused = Arc::<AtomicBool>::default();
        let told = Arc::clone(&refused);
        health.add("gateway-credential", Need::Useful, move || {
            match told.load(Ordering::Relaxed) {
                false => Ok(()),
                true => Err(
                    "a gateway shows another credential, so its clients' addresses do not count; \
                     give both the same DEVMENTOR__AUTH__GATEWAY_CREDENTIAL"
                        .to_owned(),
                ),
            }
        });
        Self { secret, refused }
    }

    /// Whether a call shows it.
    pub(super) fn is_shown(&self, metadata: &MetadataMap) -> bool {
        let Some(shown) = metadata.get(GATEWAY_CREDENTIAL) else {
            return false;
        };
        let expected = self.secret.expose_secret().as_bytes();
        let counts = verify_slices_are_equal(shown.as_bytes(), expected).is_ok();
        if !self.refused.swap(!counts, Ordering::Relaxed) && !counts {
            tracing::warn!("a gateway shows another credential; see /health/ready");
        }
        counts
    }
}
