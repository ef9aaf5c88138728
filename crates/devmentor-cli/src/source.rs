//! Where streams and dead letters are read.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use crate::{api::Api, arguments::Global, direct::Direct, streams::Report};

/// The platform, or the streams Redis itself.
pub(crate) enum Source {
    /// As an admin of the platform.
    Platform(Box<Api>),
    /// As who may read that Redis.
    Redis(Direct),
}

impl Source {
    /// As the command line says.
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        Ok(match &global.redis {
            Some(url) => Self::Redis(Direct::new(global, url)?),
            None => Self::Platform(Box::new(Api::new(global)?)),
        })
    }

    /// Does the work with it.
    pub(crate) async fn serve(
        &self,
        work: impl Future<Output = anyhow::Result<ExitCode>>,
    ) -> anyhow::Result<ExitCode> {
        match self {
            Self::Platform(_) => work.await,
            Self::Redis(direct) => direct.serve(work).await,
        }
    }

    /// What the streams hold.
    pub(crate) async fn report(&self) -> anyhow::Result<Report> {
        match self {
            Self::Platform(api) => {
                let request = api.request(Method::GET, "/api/admin/streams").await?;
                api.fetch(request).await
            }
            Self::Redis(direct) => direct.report().await,
        }
    }

    /// Dead letters of a stream, newest first, page by page until there are enough.
    pub(crate) async fn letters(
        &self,
        stream: &str,
        is_enough: impl FnMut(Vec<Value>) -> bool,
    ) -> anyhow::Result<()> {
        match self {
            Self::Platform(api) => {
                let path = format!("/api/admin/dlq/{stream}");
                api.pages(&path, is_enough).await
            }
            Self::Redis(direct) => direct.letters(stream, is_enough).await,
        }
    }
}
