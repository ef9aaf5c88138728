//! The reference of all settings. Every name is valid for every process from the first release on.

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
};

use ipnet::IpNet;

use crate::process::Service;

/// What a setting's value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `IP:port`.
    Address,
    /// A URL with one of these schemes.
    Url(&'static [&'static str]),
    /// A whole number, at least this and at most 10^9.
    Number(u64),
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// Any text, never shown.
    Secret,
    /// Addresses and networks (CIDR), separated by commas.
    Networks,
    /// Origins, separated by commas.
    Origins,
}

/// The largest number a setting takes.
pub(super) const LARGEST: u64 = 1_000_000_000;

impl Kind {
    /// Checks a value; the error says what is expected.
    pub(super) fn check(self, value: &str) -> Result<(), String> {
        let good = match self {
            Self::Address => value.parse::<SocketAddr>().is_ok(),
            Self::Url(schemes) => {
                let scheme = value.split_once("://").filter(|(_, rest)| !rest.is_empty());
                scheme.is_some_and(|(scheme, _)| schemes.contains(&scheme))
                    && !value.contains(char::is_whitespace)
                    && (schemes != HTTP || has_host(value))
            }
            Self::Number(least) => {
                let number = value.parse::<u64>();
                number.is_ok_and(|number| (least..=LARGEST).contains(&number))
            }
            Self::Flag => matches!(value, "true" | "false"),
            Self::Choice(words) => words.contains(&value),
            Self::Networks => items(value).all(|item| network(item).is_some()),
            Self::Origins => items(value).all(is_origin),
            Self::Text | Self::Secret => !value.is_empty(),
        };
        if good { Ok(()) } else { Err(self.expected()) }
    }

    fn expected(self) -> String {
        match self {
            Self::Address => "expected IP:port, such as 127.0.0.1:8080".to_owned(),
            Self::Url(schemes) => format!(
                "expected a URL that begins with {}://",
                schemes.join(":// or ")
            ),
            Self::Number(least) => format!("expected a whole number from {least} to {LARGEST}"),
            Self::Flag => "expected true or false".to_owned(),
            Self::Choice(words) => format!("expected {}", words.join(" or ")),
            Self::Networks => "expected addresses or networks, such as 10.0.0.0/8,::1".to_owned(),
            Self::Origins => "expected origins, such as https://app.example.com".to_owned(),
            Self::Text | Self::Secret => "expected text".to_owned(),
        }
    }
}

/// The items of a list.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// One address, or a network in CIDR notation.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address)
}

/// Whether an HTTP URL names a host, and a port that can be one where it names any.
fn has_host(url: &str) -> bool {
    let uri = url.parse::<http::Uri>().ok();
    uri.as_ref()
        .and_then(http::Uri::authority)
        .is_some_and(|authority| {
            let bare = authority.as_str().ends_with(authority.host());
            !authority.host().is_empty() && (bare || authority.port_u16().is_some())
        })
}

fn is_origin(text: &str) -> bool {
    let uri = text.parse::<http::Uri>().ok();
    uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.path() == "/"
            && !text.ends_with('/')
    })
}

/// The default of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// No value.
    Unset,
    /// The same for every process.
    Is(&'static str),
    /// 127.0.0.1 and the service's HTTP port.
    HttpPort,
    /// 127.0.0.1 and the service's gRPC port.
    GrpcPort,
    /// 127.0.0.1 and the service's ops port.
    OpsPort,
    /// The service's own SQLite file in the data directory.
    Database,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// `section.key`; the environment's name follows from it.
    pub name: &'static str,
    /// What its value has to be.
    pub kind: Kind,
    /// Its default.
    pub default: Default,
    /// What it does, for the reference.
    pub does: &'static str,
}

impl Setting {
    /// `DEVMENTOR__SECTION__KEY`.
    pub fn env_name(&self) -> String {
        format!("DEVMENTOR__{}", self.name.to_uppercase().replace('.', "__"))
    }

    /// The default of this setting for a service.
    pub fn default_for(&self, service: &Service) -> Option<String> {
        let port = |port: u16| Some(format!("127.0.0.1:{port}"));
        match self.default {
            Default::Unset => None,
            Default::Is(value) => Some(value.to_owned()),
            Default::HttpPort => port(service.http_port),
            Default::GrpcPort => service.grpc_port.and_then(port),
            Default::OpsPort => port(service.ops_port),
            Default::Database => Some(format!("sqlite://{{data_dir}}/{}.db", service.name)),
        }
    }

    fn default_text(&self) -> String {
        match self.default {
            Default::Unset => "unset".to_owned(),
            Default::Is(value) => format!("`{value}`"),
            Default::HttpPort => "127.0.0.1 and the service's HTTP port".to_owned(),
            Default::GrpcPort => "127.0.0.1 and the service's gRPC port".to_owned(),
            Default::OpsPort => "127.0.0.1 and the service's ops port".to_owned(),
            Default::Database => "`sqlite://<data_dir>/<service>.db`".to_owned(),
        }
    }
}

const HTTP: &[&str] = &["http", "https"];
const REDIS: &[&str] = &["redis", "rediss"];

macro_rules! settings {
    ($($name:literal: $kind:expr, $default:expr, $does:literal;)+) => {
        /// Every setting.
        pub const SETTINGS: &[Setting] = &[$(
            Setting { name: $name, kind: $kind, default: $default, does: $does }
        ),+];
    };
}

use self::Default::{Database, GrpcPort, HttpPort, Is, OpsPort, Unset};
use self::Kind::{Address, Choice, Flag, Networks, Number, Origins, Secret, Text, Url};

settings! {
    "data_dir": Text, Is(".devmentor"), "where a process keeps its files: SQLite, keys, mail";
    "http.addr": Address, HttpPort, "where HTTP is served; for all but ui-gateway this is the ops port";
    "http.trusted_proxies": Networks, Unset, "proxies whose X-Forwarded-For counts";
    "http.cors_origins": Origins, Unset, "origins of other web apps that may call the API";
    "grpc.addr": Address, GrpcPort, "where gRPC is served";
    "ops.addr": Address, OpsPort, "where health and metrics are served";
    "public_url": Url(HTTP), Is("http://127.0.0.1:8080"), "the web app's address: links in mail, Secure cookies, Origin check";
    "redis.cache.url": Url(REDIS), Is("redis://127.0.0.1:6379"), "Redis for sessions and caches; learning-consumer runs alone where it is not set";
    "redis.cache.password": Secret, Unset, "password, when it is not in the URL; unset: `devmentor up` makes one for the Redis it starts";
    "redis.cache.db": Number(0), Is("0"), "database number";
    "redis.cache.pool_size": Number(1), Is("16"), "connections for bulk work (at most 1024 are opened)";
    "redis.cache.timeout_ms": Number(1), Is("1000"), "longest wait for an answer";
    "redis.cache.connect_timeout_ms": Number(1), Is("1000"), "longest wait for a connection";
    "redis.cache.retries": Number(0), Is("2"), "how often a safe command is sent again";
    "redis.cache.keepalive_seconds": Number(1), Is("30"), "TCP keepalive";
    "redis.cache.health_check_seconds": Number(1), Is("5"), "how often an idle link is checked";
    "redis.streams.url": Url(REDIS), Is("redis://127.0.0.1:6380"), "Redis for streams and Pub/Sub";
    "redis.streams.password": Secret, Unset, "password, when it is not in the URL; unset: `devmentor up` makes one for the Redis it starts";
    "redis.streams.db": Number(0), Is("0"), "database number";
    "redis.streams.pool_size": Number(1), Is("16"), "connections for bulk work (at most 1024 are opened)";
    "redis.streams.timeout_ms": Number(1), Is("1000"), "longest wait for an answer";
    "redis.streams.connect_timeout_ms": Number(1), Is("1000"), "longest wait for a connection";
    "redis.streams.retries": Number(0), Is("2"), "how often a safe command is sent again";
    "redis.streams.keepalive_seconds": Number(1), Is("30"), "TCP keepalive";
    "redis.streams.health_check_seconds": Number(1), Is("5"), "how often an idle link is checked";
    "database.url": Url(&["sqlite", "postgres", "postgresql"]), Database, "the service's SQL database";
    "upstream.auth": Url(HTTP), Is("http://127.0.0.1:50051"), "auth-service's gRPC address";
    "upstream.project": Url(HTTP), Is("http://127.0.0.1:50052"), "project-service's gRPC address";
    "upstream.learning": Url(HTTP), Is("http://127.0.0.1:50053"), "learning-consumer's gRPC address";
    "upstream.ai": Url(HTTP), Is("http://127.0.0.1:50054"), "ai-gateway's gRPC address";
    "jwt.access_ttl_seconds": Number(1), Is("300"), "life of an access token that can be refreshed";
    "jwt.jwks_url": Url(HTTP), Is("http://127.0.0.1:8081/.well-known/jwks.json"), "where the keys of access tokens are published";
    "jwt.issuer": Text, Is("devmentor"), "`iss` of access tokens";
    "jwt.audience": Text, Is("devmentor"), "`aud` of access tokens";
    "session.idle_seconds": Number(1), Is("3600"), "a session ends after so long without use";
    "session.absolute_seconds": Number(1), Is("2592000"), "a session ends after so long";
    "limits.auth_per_minute": Number(1), Is("5"), "sign-in requests an address and an account may make";
    "limits.api_per_minute": Number(1), Is("600"), "API requests a person may make";
    "limits.sockets_per_person": Number(0), Is("50"), "WebSockets a person may have open at a gateway; 0: any number";
    "limits.connections_per_address": Number(0), Is("256"), "connections an address may have open at a gateway while nobody is signed in on them, and a person; 0: any number";
    "lockout.failures": Number(1), Is("5"), "wrong passwords before an account locks";
    "lockout.seconds": Number(1), Is("900"), "how long it stays locked";
    "auth.registration": Choice(&["open", "verified", "closed"]), Is("open"), "who may make an account";
    "auth.gateway_credential": Secret, Unset, "shared by auth-service and ui-gateway, so that the client addresses the gateway reports count; unset: generated into `<data_dir>/keys/gateway-credential`";
    "mail.url": Url(&["file", "smtp", "smtps"]), Unset, "where mail goes; unset: files in `<data_dir>/mail`";
    "bootstrap.admin_email": Text, Is("admin@devmentor.local"), "address of the admin made at the first start";
    "bootstrap.admin_password": Secret, Unset, "their password; unset: generated into `<data_dir>/admin-password`";
    "cache.enabled": Flag, Is("true"), "whether answers are cached";
    "cache.compression.algorithm": Choice(&["zstd", "gzip", "off"]), Is("zstd"), "how cached values are compressed";
    "cache.compression.level": Number(1), Is("3"), "how hard";
    "cache.compression.min_bytes": Number(0), Is("1024"), "smaller values are kept as they are";
    "cache.ttl_seconds.api": Number(1), Is("300"), "TTL of cached API answers";
    "cache.ttl_seconds.documents": Number(1), Is("3600"), "TTL of rendered documents";
    "cache.ttl_seconds.ai_responses": Number(1), Is("7200"), "TTL of AI answers";
    "cache.ttl_seconds.templates": Number(1), Is("86400"), "TTL of templates";
    "cache.ttl_seconds.builds": Number(1), Is("1800"), "TTL of builds";
    "ai.url": Url(HTTP), Unset, "an OpenAI-compatible endpoint; unset: the built-in mentor";
    "ai.model": Text, Unset, "its model";
    "ai.api_key": Secret, Unset, "its key";
    "learning.experimental": Flag, Is("true"), "whether the mentor learns from feedback";
    "shutdown.grace_seconds": Number(0), Is("20"), "longest drain on SIGTERM";
    "log.format": Choice(&["pretty", "json"]), Unset, "unset: pretty on a terminal, else json";
    "otlp.endpoint": Url(HTTP), Unset, "where traces are sent; unset: nowhere";
}

/// `docs/configuration.md`, whole.
pub fn reference_markdown() -> String {
    let mut out = String::from(
        "# Settings\n\n\
         Generated from `crates/service-kit/src/config/reference.rs` by `make docs`; `make check` fails when it is\n\
         out of step. Later wins: the defaults below, `deploy/config/SERVICE.toml` or `--config FILE`, the\n\
         environment. With `_FILE` appended, the value is read from the file of that name. A name that is not here,\n\
         or a value that cannot be used, stops the process before it binds a port: one line, exit code 78.\n\n\
         In a process started by itself, `REDIS_URL`, `REDIS_STREAMS_URL`, `DATABASE_URL` and `PORT` (then on\n\
         0.0.0.0) stand in for names that are not set. `RUST_LOG` filters logs.\n\n\
         | environment | in a file | value | default | what it does |\n| --- | --- | --- | --- | --- |\n",
    );
    for setting in SETTINGS {
        let _ = writeln!(
            out,
            "| `{}` | `{}` | {} | {} | {} |",
            setting.env_name(),
            setting.name,
            setting.kind.expected().trim_start_matches("expected "),
            setting.default_text(),
            setting.does
        );
    }
    out
}
