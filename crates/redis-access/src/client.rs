//! Opening connections, with the bounds the settings give.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client,
    aio::{AsyncPushSender, MultiplexedConnection},
};
use redis_contracts::Instance;

use crate::{AccessError, InvalidRedisUrl, RedisSettings, link::Link};

/// Commands in flight on one connection before a further one has to wait.
const IN_FLIGHT: usize = 1024;

#[derive(Clone)]
pub(crate) struct Connector {
    instance: Instance,
    client: Client,
    link: Arc<Link>,
    settings: RedisSettings,
}

impl Connector {
    pub(crate) fn new(
        instance: Instance,
        settings: &RedisSettings,
        link: Arc<Link>,
    ) -> Result<Self, InvalidRedisUrl> {
        let info = settings.connection_info()?;
        let client = Client::open(info).map_err(|_| {
            // The only way here is a TLS setup that cannot be made; the URL was parsed above.
            settings.check().err().unwrap_or_else(InvalidRedisUrl::tls)
        })?;
        Ok(Self {
            instance,
            client,
            link,
            settings: settings.clone(),
        })
    }

    pub(crate) fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_response_timeout(Some(self.settings.timeout))
            .set_connection_timeout(Some(self.settings.connect_timeout))
            .set_pipeline_buffer_size(IN_FLIGHT)
    }

    pub(crate) async fn connect(&self) -> Result<MultiplexedConnection, AccessError> {
        self.connect_with(self.config()).await
    }

    pub(crate) async fn connect_pushing(
        &self,
        sender: impl AsyncPushSender,
    ) -> Result<MultiplexedConnection, AccessError> {
        self.connect_with(self.config().set_push_sender(sender))
            .await
    }

    /// For commands that wait in Redis, as long as this.
    pub(crate) async fn connect_blocking(
        &self,
        longest: Duration,
    ) -> Result<MultiplexedConnection, AccessError> {
        let longest = longest.saturating_add(self.settings.timeout);
        self.connect_with(self.config().set_response_timeout(Some(longest)))
            .await
    }

    async fn connect_with(
        &self,
        config: AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, AccessError> {
        let opened = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| AccessError::not_opened(self.instance, &error));
        self.link.opened(opened.as_ref().err());
        opened
    }
}
