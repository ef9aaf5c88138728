//! Accounts, sessions and access tokens. SQL is the truth; the cache Redis holds hot copies.

mod bootstrap;
mod domain;
mod grpc;
mod keys;
mod passwords;
mod sessions;
mod store;
mod tokens;

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use redis_access::CachePool;
use rpc::auth::auth_service_server::AuthServiceServer;
use secrecy::ExposeSecret;
use service_kit::{Context, Service, Stage, grpc as kit_grpc, health::Need, sqlite::Sqlite};

use crate::{
    grpc::Accounts, keys::SigningKeys, passwords::Passwords, sessions::Sessions, store::Store,
    tokens::Tokens,
};

/// What it is called and where it listens.
pub const SERVICE: Service = Service {
    name: "auth-service",
    version: env!("CARGO_PKG_VERSION"),
    http_port: 8081,
    grpc_port: Some(50051),
    ops_port: 8081,
};

/// Assembles the service.
pub async fn build(mut context: Context) -> anyhow::Result<Context> {
    let settings = context.settings.clone();
    let sqlite = Sqlite::open(settings.database.url.expose_secret(), store::MIGRATIONS).await?;
    sqlite.watch(&mut context);
    let cache = CachePool::new(&settings.redis.cache.access())?;
    context.keep(&cache, Need::Required);
    context.tell_health(&cache);

    let store = Store::new(&sqlite);
    let passwords = Passwords::start()?;
    let keys = SigningKeys::load(&settings.data_dir)?;
    bootstrap::first_admin(&store, &passwords, &settings).await?;
    publish_keys(&mut context, keys.jwks());
    let tokens = Arc::new(Tokens::new(keys, &settings.jwt, settings.session)?);
    let (sessions, telling) = Sessions::new(store.clone(), cache, settings.session);
    let stop = context.supervisor.stop_of(Stage::Workers);
    context
        .supervisor
        .spawn(Stage::Workers, "session-copies", telling.run(stop));

    let accounts = Accounts {
        store,
        passwords,
        tokens,
        sessions,
        sqlite,
        registration: settings.auth.registration,
    };
    let routes = kit_grpc::routes(AuthServiceServer::new(accounts)).await?;
    let addr = settings.grpc.addr.unwrap_or(([127, 0, 0, 1], 50051).into());
    let listener = context.bind(addr)?;
    let stop = context.supervisor.stop_of(Stage::Listeners);
    context.supervisor.spawn(
        Stage::Listeners,
        "grpc",
        kit_grpc::serve(listener, routes, stop),
    );
    Ok(context)
}

/// `GET /.well-known/jwks.json` on the ops port.
fn publish_keys(context: &mut Context, jwks: &str) {
    let jwks = jwks.to_owned();
    context.ops_routes(move |config| {
        let jwks = jwks.clone();
        config.route(
            "/.well-known/jwks.json",
            web::get().to(move || {
                let answer = HttpResponse::Ok()
                    .content_type("application/jwk-set+json")
                    .body(jwks.clone());
                async move { answer }
            }),
        );
    });
}
