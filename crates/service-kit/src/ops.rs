//! The ops server of every process: `/health/live`, `/health/ready`, `/metrics`.

use std::net::TcpListener;

use actix_web::{
    App, HttpResponse, HttpServer,
    web::{self, Data, ServiceConfig},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{health::Health, metrics};

/// Called before metrics are read, to bring gauges up to date.
pub type Observe = std::sync::Arc<dyn Fn() + Send + Sync>;

/// Adds a service's own routes, such as its JWKS.
pub type Routes = std::sync::Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// Serves until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    health: Health,
    observe: Vec<Observe>,
    routes: Routes,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(health.clone()))
            .app_data(Data::new(observe.clone()))
            .route("/health/live", web::get().to(live))
            .route("/health/ready", web::get().to(ready))
            .route("/metrics", web::get().to(metrics_text))
            .configure(|config| routes(config))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    let handle = server.handle();
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended.map_err(Into::into),
        () = stop.cancelled() => {}
    }
    let (_, ended) = tokio::join!(handle.stop(true), server);
    ended.map_err(Into::into)
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

async fn ready(health: Data<Health>) -> HttpResponse {
    let report = health.report();
    let (mut answer, status) = match (report.ready, report.degraded.is_empty()) {
        (true, true) => (HttpResponse::Ok(), "ready"),
        (true, false) => (HttpResponse::Ok(), "degraded"),
        (false, _) => (HttpResponse::ServiceUnavailable(), "not ready"),
    };
    answer.json(json!({"status": status, "degraded": report.degraded}))
}

async fn metrics_text(observe: Data<Vec<Observe>>) -> HttpResponse {
    for gauges in observe.iter() {
        gauges();
    }
    match metrics::text() {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4")
            .body(text),
        Err(error) => {
            tracing::error!(error = %error, "metrics cannot be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}
