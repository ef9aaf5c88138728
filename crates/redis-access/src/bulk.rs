//! Connections for bulk work: lent to one caller at a time, so that what moves much never holds up a short
//! command.

use std::sync::Arc;

use deadpool_redis::{
    BuildError, Connection, Hook, HookError, Manager, Pool, PoolConfig, PoolError, Runtime,
    TimeoutType, Timeouts,
};
use redis_contracts::Instance;

use crate::{AccessError, InvalidRedisUrl, RedisSettings, client::Connector, link::Link};

/// The connections of an instance.
pub(crate) struct Bulk {
    pool: Pool,
    instance: Instance,
    link: Arc<Link>,
}

impl Bulk {
    pub(crate) fn new(
        instance: Instance,
        settings: &RedisSettings,
        connector: &Connector,
        link: Arc<Link>,
    ) -> Result<Self, InvalidRedisUrl> {
        let manager = Manager::new_with_config(settings.connection_info()?, connector.config())
            .map_err(|_| InvalidRedisUrl::tls())?;
        let pool = pool(manager, settings, Arc::clone(&link));
        Ok(Self {
            pool: pool.map_err(|_| InvalidRedisUrl::tls())?,
            instance,
            link,
        })
    }

    /// A connection, waited for no longer than the settings say.
    pub(crate) async fn lend(&self) -> Result<Connection, AccessError> {
        if self.pool.status().available == 0 {
            self.link.require_opening()?;
        }
        self.pool.get().await.map_err(|error| {
            let is_opening = matches!(
                error,
                PoolError::Backend(_) | PoolError::Timeout(TimeoutType::Create)
            );
            let error = match error {
                PoolError::Backend(error) => AccessError::not_opened(self.instance, &error),
                other => AccessError::away(self.instance, other),
            };
            if is_opening {
                self.link.opened(Some(&error));
            }
            error
        })
    }

    /// How many connections there are, and how many are lent.
    pub(crate) fn size(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.size.saturating_sub(status.available))
    }
}

fn pool(manager: Manager, settings: &RedisSettings, link: Arc<Link>) -> Result<Pool, BuildError> {
    let timeouts = Timeouts {
        wait: Some(settings.timeout),
        create: Some(settings.connect_timeout),
        recycle: Some(settings.timeout),
    };
    let opened = Arc::clone(&link);
    Pool::builder(manager)
        .config(PoolConfig {
            max_size: settings.pool_size,
            timeouts,
            ..PoolConfig::default()
        })
        .post_create(Hook::sync_fn(move |_, _| {
            opened.opened(None);
            Ok(())
        }))
        // It may lead to a server that is no longer the one to ask, though it never broke.
        .pre_recycle(Hook::sync_fn(move |_, metrics| {
            match link.was_made_since(metrics.created) {
                false => Ok(()),
                true => Err(HookError::message("opened before the link was made anew")),
            }
        }))
        .runtime(Runtime::Tokio1)
        .build()
}
