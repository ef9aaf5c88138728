//! Bare HTTP servers, with as many workers as the gateway has.

use std::{num::NonZero, thread, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, error::ErrorBadGateway, web};
use redis::aio::MultiplexedConnection;
use tokio::sync::OnceCell;

/// The route of both.
const ROUTE: &str = "/api/me";

/// As long as the gateway's: connections rest while others take their turn.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

pub(super) fn workers() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// A hello.
pub(super) async fn serve_hello(port: u16) -> anyhow::Result<()> {
    let app = || {
        App::new().route(
            ROUTE,
            web::get().to(async || HttpResponse::Ok().body("hello")),
        )
    };
    HttpServer::new(app)
        .workers(workers())
        .keep_alive(KEEP_ALIVE)
        .bind(("127.0.0.1", port))?
        .run()
        .await?;
    Ok(())
}

struct Redis {
    client: redis::Client,
    key: String,
    connection: OnceCell<MultiplexedConnection>,
}

/// The value of one GET, over a connection a worker.
pub(super) async fn serve_get(port: u16, redis_url: String, key: String) -> anyhow::Result<()> {
    let client = redis::Client::open(format!("{redis_url}?protocol=resp3"))?;
    let app = move || {
        // Made once a worker.
        let redis = web::Data::new(Redis {
            client: client.clone(),
            key: key.clone(),
            connection: OnceCell::new(),
        });
        App::new().app_data(redis).route(ROUTE, web::get().to(get))
    };
    HttpServer::new(app)
        .workers(workers())
        .keep_alive(KEEP_ALIVE)
        .bind(("127.0.0.1", port))?
        .run()
        .await?;
    Ok(())
}

async fn get(redis: web::Data<Redis>) -> actix_web::Result<HttpResponse> {
    let open = || redis.client.get_multiplexed_async_connection();
    let connection = redis.connection.get_or_try_init(open).await;
    let mut connection = connection.map_err(ErrorBadGateway)?.clone();
    let mut command = redis::cmd("GET");
    let answer = command.arg(&redis.key).query_async(&mut connection).await;
    let value: Vec<u8> = answer.map_err(ErrorBadGateway)?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(value))
}
