//! What the gateway shows to auth-service, so that the client addresses it reports count.

use anyhow::{Context as _, anyhow};
use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use rpc::metadata::GATEWAY_CREDENTIAL;
use secrecy::{ExposeSecret, SecretString};
use service_kit::{config::Settings, private_file};
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

const RANDOM_BYTES: usize = 32;

/// The credential of the settings, else the one in `<data_dir>/keys/gateway-credential`, which is made
/// by whichever process comes first.
pub fn gateway_credential(settings: &Settings) -> anyhow::Result<SecretString> {
    match &settings.auth.gateway_credential {
        Some(given) => Ok(given.clone()),
        None => generated(settings).map_err(|error| {
            anyhow!(
                "{error:#}; or set DEVMENTOR__AUTH__GATEWAY_CREDENTIAL, to the same for auth-service and ui-gateway"
            )
        }),
    }
}

fn generated(settings: &Settings) -> anyhow::Result<SecretString> {
    private_file::require_folder(&settings.data_dir)?;
    let folder = settings.data_dir.join("keys");
    private_file::make_folder(&folder)?;
    let held = private_file::read_or_make(&folder.join("gateway-credential"), || {
        let mut bytes = [0; RANDOM_BYTES];
        rand::fill(&mut bytes)?;
        Ok(BASE64URL.encode(bytes).into_bytes())
    })?;
    Ok(String::from_utf8(held)?.trim().to_owned().into())
}

/// The credential as calls carry it. Cheap to clone.
#[derive(Clone)]
pub struct GatewayCredential(MetadataValue<Ascii>);

impl GatewayCredential {
    /// Of a text without control characters.
    pub fn new(text: &SecretString) -> anyhow::Result<Self> {
        let mut value = MetadataValue::try_from(text.expose_secret())
            .context("the gateway credential is not plain text")?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// Shows it with a call.
    pub fn show(&self, metadata: &mut MetadataMap) {
        metadata.insert(GATEWAY_CREDENTIAL, self.0.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service_kit::config::{Environment, load};

    const GATEWAY: service_kit::Service = service_kit::Service {
        name: "ui-gateway",
        version: "0.0.0",
        http_port: 8080,
        grpc_port: None,
        ops_port: 8090,
    };

    #[test]
    fn where_it_cannot_be_kept_the_setting_is_named() {
        let settings = |data_dir: &str| {
            let environment = [("DEVMENTOR__DATA_DIR".to_owned(), data_dir.to_owned())];
            load(&GATEWAY, "", &Environment::from(environment)).expect("good settings")
        };
        let refused = gateway_credential(&settings("/dev/null")).expect_err("no folder");
        let told = format!("{refused:#}");
        assert!(
            told.starts_with("cannot write to /dev/null: ")
                && told.contains("DEVMENTOR__AUTH__GATEWAY_CREDENTIAL"),
            "{told}"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(&folder.path().display().to_string());
        let made = || gateway_credential(&settings).expect("made");
        assert_eq!(made().expose_secret(), made().expose_secret());
    }
}
