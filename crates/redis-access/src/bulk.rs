//! Connections for bulk work: lent to one caller at a time, so that what moves much never holds up a short
//! command.

use std::{sync::Arc, time::Duration};

use deadpool::{
    Runtime,
    managed::{self, Metrics, PoolConfig, RecycleError, RecycleResult, Timeouts},
};
use redis::aio::MultiplexedConnection;
use redis_contracts::Instance;

use crate::{
    AccessError, RedisSettings,
    client::Connector,
    link::{Link, Standing},
};

/// A connection that is lent.
pub(crate) type Lent = managed::Object<Manager>;

/// The connections of an instance.
pub(crate) struct Bulk {
    pool: managed::Pool<Manager>,
    instance: Instance,
}

pub(crate) struct Manager {
    instance: Instance,
    connector: Connector,
    link: Arc<Link>,
}

/// A connection, and the link it was opened beside.
pub(crate) struct Held {
    pub(crate) connection: MultiplexedConnection,
    standing: Standing,
}

impl managed::Manager for Manager {
    type Type = Held;
    type Error = AccessError;

    async fn create(&self) -> Result<Held, AccessError> {
        self.link.require_opening()?;
        let standing = self.link.standing()?;
        let connection = self.connector.connect().await?;
        Ok(Held {
            connection,
            standing,
        })
    }

    /// It may have broken while it lay idle.
    async fn recycle(&self, held: &mut Held, _: &Metrics) -> RecycleResult<AccessError> {
        held.standing.check()?;
        let answer = redis::cmd("PING").exec_async(&mut held.connection).await;
        answer
            .map_err(|error| RecycleError::Backend(AccessError::from_redis(self.instance, &error)))
    }
}

impl Bulk {
    pub(crate) fn new(
        instance: Instance,
        settings: &RedisSettings,
        connector: Connector,
        link: Arc<Link>,
    ) -> Result<Self, managed::BuildError> {
        let timeouts = Timeouts {
            wait: Some(settings.timeout),
            // The connector's own bound comes first, and knows why.
            create: Some(settings.connect_timeout + Duration::from_secs(1)),
            recycle: Some(settings.timeout),
        };
        let manager = Manager {
            instance,
            connector,
            link,
        };
        let pool = managed::Pool::builder(manager)
            .config(PoolConfig {
                max_size: settings.pool_size,
                timeouts,
                ..PoolConfig::default()
            })
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self { pool, instance })
    }

    /// A connection, waited for no longer than the settings say.
    pub(crate) async fn lend(&self) -> Result<Lent, AccessError> {
        self.pool.get().await.map_err(|error| match error {
            managed::PoolError::Backend(error) => error,
            other => AccessError::away(self.instance, other),
        })
    }

    /// How many connections there are, and how many are lent.
    pub(crate) fn size(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.size.saturating_sub(status.available))
    }
}
