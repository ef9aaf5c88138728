//! Accounts, sessions and tokens. SQL is the truth; the cache Redis holds hot copies, limits and locks.

mod accounts;
mod bootstrap;
mod copies;
mod domain;
mod grpc;
mod keys;
mod mail;
mod passwords;
mod postman;
mod second_factor;
mod store;
mod sweeper;
mod tokens;

use std::{sync::Arc, time::Duration};

use actix_web::{HttpResponse, web};
use identity::gateway_credential;
use rate_limits::Limiter;
use redis_access::{CachePool, StreamsPool};
use rpc::auth::auth_service_server::AuthServiceServer;
use secrecy::ExposeSecret;
use service_kit::{
    Context, Service, Settings, Stage, grpc as kit_grpc, health::Need, private_file,
};
use sql::{Database, relay};
use tokio::sync::Notify;

pub use store::MIGRATIONS;

use crate::{
    accounts::{Accounts, Parts},
    copies::{Copies, Hearing, Repeating},
    grpc::{AuthMethods, GatewayCredential},
    keys::KeyRing,
    mail::Mailer,
    passwords::Passwords,
    postman::Postman,
    store::{SharedSecret, Store},
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
    private_file::require_folder(&settings.data_dir)?;
    let gateway = gateway_credential(&settings)?;
    let mailer = Mailer::new(&settings.mail, &settings.data_dir, &settings.public_url)?;
    let url = settings.database.url.expose_secret();
    let database = Database::open(url, SERVICE.name, MIGRATIONS).await?;
    database.watch(&mut context);
    let cache = CachePool::new(&settings.redis.cache.access())?;
    context.keep(&cache, Need::Required);
    context.tell_health(&cache);

    let store = Store::new(&database);
    let passwords = Passwords::start()?;
    bootstrap::first_admin(&store, &passwords, &settings).await?;
    let tokens = start_tokens(&mut context, &store, &cache).await?;
    let mail_waits = Arc::<Notify>::default();
    start_postman(&mut context, &store, mailer, &mail_waits);
    start_relay(&mut context, &store, database.is_shared())?;
    start_sweeper(&mut context, &store);

    let copies = Copies::new(
        store.clone(),
        cache.clone(),
        Arc::clone(&tokens),
        Duration::from_secs(settings.jwt.access_ttl_seconds),
        database.is_shared(),
    );
    let parts = Parts {
        copies: start_copies(&mut context, copies),
        limiter: Limiter::new(cache, settings.limits, settings.lockout),
        seal_key: store.shared_secret(SharedSecret::Seal).await?,
        failures_key: store.shared_secret(SharedSecret::Failures).await?,
        registration: settings.auth.registration,
        session: settings.session,
        store,
        passwords,
        tokens,
        mail_waits,
    };
    let methods = AuthMethods {
        accounts: Accounts::new(&parts),
        tokens: parts.tokens,
        database,
        gateway: GatewayCredential::new(gateway, &context.health),
    };
    serve(&mut context, methods).await?;
    Ok(context)
}

async fn start_tokens(
    context: &mut Context,
    store: &Store,
    cache: &CachePool,
) -> anyhow::Result<Arc<Tokens>> {
    let Settings {
        data_dir,
        jwt,
        session,
        ..
    } = &context.settings;
    let life_s = jwt.access_ttl_seconds;
    let keys = KeyRing::load(data_dir, store.clone(), cache.clone(), life_s).await?;
    let tokens = Arc::new(Tokens::new(keys.clone(), jwt, *session)?);
    publish_keys(context, Arc::clone(&tokens));
    let stop = context.supervisor.stop_of(Stage::Workers);
    let followed = Arc::clone(&tokens);
    let following = keys.run(move |published| followed.follow(published), stop);
    context
        .supervisor
        .spawn(Stage::Workers, "signing-keys", following);
    Ok(tokens)
}

/// `GET /.well-known/jwks.json` on the ops port.
fn publish_keys(context: &mut Context, tokens: Arc<Tokens>) {
    context.ops_routes(move |config| {
        let tokens = Arc::clone(&tokens);
        config.route(
            "/.well-known/jwks.json",
            web::get().to(move || {
                let answer = HttpResponse::Ok()
                    .content_type("application/jwk-set+json")
                    .body(tokens.jwks());
                async move { answer }
            }),
        );
    });
}

fn start_copies(
    context: &mut Context,
    (copies, repeating, hearing): (Copies, Repeating, Hearing),
) -> Copies {
    let supervisor = &mut context.supervisor;
    let stop = supervisor.stop_of(Stage::Workers);
    supervisor.spawn(Stage::Workers, "hot-copies", repeating.run(stop.clone()));
    supervisor.spawn(Stage::Workers, "heard", hearing.run(stop));
    copies
}

fn start_postman(context: &mut Context, store: &Store, mailer: Mailer, waits: &Arc<Notify>) {
    let postman = Postman {
        store: store.clone(),
        mailer,
        waits: Arc::clone(waits),
        public_url: context.settings.public_url.trim_end_matches('/').to_owned(),
    };
    let stop = context.supervisor.stop_of(Stage::Workers);
    context
        .supervisor
        .spawn(Stage::Workers, "postman", postman.run(stop));
}

/// The streams Redis may be away: events wait in SQL.
fn start_relay(context: &mut Context, store: &Store, shared: bool) -> anyhow::Result<()> {
    let streams = StreamsPool::new(&context.settings.redis.streams.access())?;
    context.keep(&streams, Need::Useful);
    let committed = Arc::clone(store.committed());
    let events = store.security_events();
    relay::start(context, events, streams, committed, shared);
    Ok(())
}

fn start_sweeper(context: &mut Context, store: &Store) {
    let stop = context.supervisor.stop_of(Stage::Workers);
    let absolute_s = context.settings.session.absolute_seconds;
    let sweeping = sweeper::run(store.clone(), absolute_s, stop);
    context
        .supervisor
        .spawn(Stage::Workers, "sweeper", sweeping);
}

async fn serve(context: &mut Context, methods: AuthMethods) -> anyhow::Result<()> {
    let routes = kit_grpc::routes(AuthServiceServer::new(methods)).await?;
    context.serve_grpc(routes)
}
