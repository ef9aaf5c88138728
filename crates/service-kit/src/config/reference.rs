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
    /// Whom mail comes from: an address, or `Name <address>`.
    Sender,
}

/// What a process does with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Whoever has a use for it goes by it.
    Used,
    /// Nothing yet: it is accepted.
    Later,
    /// Nothing yet, and who sets it relies on it: it is refused.
    Refused,
}

/// Bytes of a sender.
const LONGEST_SENDER: usize = 320;

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
            Self::Sender => is_sender(value),
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
            Self::Sender => {
                "expected an address, such as no-reply@example.org, or Name <address>".to_owned()
            }
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

/// An address that can be written to, alone or in angle brackets behind a name. What mail takes in detail
/// is auth-service's to say.
fn is_sender(text: &str) -> bool {
    let address = match text.strip_suffix('>') {
        Some(named) => named.split_once('<').map_or("", |(_, address)| address),
        None => text,
    };
    let parts = address.split_once('@');
    let is_address = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    is_address
        && !address
            .contains(|character: char| character.is_whitespace() || "<>,;".contains(character))
        && !text.contains(char::is_control)
        && text.len() <= LONGEST_SENDER
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

impl Usage {
    const fn mark(self) -> &'static str {
        match self {
            Self::Used => "",
            Self::Later => "*later:* ",
            Self::Refused => "*refused:* ",
        }
    }
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
    /// Whether it does so yet.
    pub usage: Usage,
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

pub(super) const HTTP: &[&str] = &["http", "https"];
const REDIS: &[&str] = &["redis", "rediss"];

const GRAPH: &[&str] = &["bolt", "bolt+s", "neo4j+s"];

macro_rules! settings {
    ($($usage:ident $name:literal: $kind:expr, $default:expr, $does:literal;)+) => {
        /// Every setting.
        pub const SETTINGS: &[Setting] = &[$(
            Setting { name: $name, kind: $kind, default: $default, does: $does, usage: Usage::$usage }
        ),+];
    };
}

use self::Default::{Database, GrpcPort, HttpPort, Is, OpsPort, Unset};
use self::Kind::{Address, Choice, Flag, Networks, Number, Origins, Secret, Sender, Text, Url};

settings! {
    Used "data_dir": Text, Is(".devmentor"), "where a process keeps its files: SQLite, keys, mail";
    Used "http.addr": Address, HttpPort, "where HTTP is served; for all but ui-gateway this is the ops port";
    Used "http.trusted_proxies": Networks, Unset, "proxies whose X-Forwarded-For counts";
    Used "http.cors_origins": Origins, Unset, "origins of other web apps that may call the API";
    Refused "http.tls.cert_file": Text, Unset, "certificate of HTTPS; unset: HTTP, with TLS in a proxy before it";
    Refused "http.tls.key_file": Text, Unset, "its private key";
    Used "grpc.addr": Address, GrpcPort, "where gRPC is served";
    Refused "grpc.tls.cert_file": Text, Unset, "certificate of gRPC; unset: without TLS";
    Refused "grpc.tls.key_file": Text, Unset, "its private key";
    Refused "grpc.tls.ca_file": Text, Unset, "authorities that clients' certificates are asked for and checked with";
    Used "ops.addr": Address, OpsPort, "where health and metrics are served";
    Used "public_url": Url(HTTP), Is("http://127.0.0.1:8080"), "the web app's address: links in mail, Secure cookies, Origin check";
    Used "redis.cache.url": Url(REDIS), Is("redis://127.0.0.1:6379"), "Redis for sessions and caches; learning-consumer runs alone where it is not set";
    Used "redis.cache.password": Secret, Unset, "password, when it is not in the URL; unset: `devmentor up` makes one for the Redis it starts";
    Used "redis.cache.db": Number(0), Is("0"), "database number";
    Used "redis.cache.pool_size": Number(1), Is("16"), "connections for bulk work (at most 1024 are opened)";
    Used "redis.cache.timeout_ms": Number(1), Is("1000"), "longest wait for an answer";
    Used "redis.cache.connect_timeout_ms": Number(1), Is("1000"), "longest wait for a connection";
    Used "redis.cache.retries": Number(0), Is("2"), "how often a safe command is sent again";
    Used "redis.cache.keepalive_seconds": Number(1), Is("30"), "TCP keepalive";
    Used "redis.cache.health_check_seconds": Number(1), Is("5"), "how often an idle link is checked";
    Refused "redis.cache.ca_file": Text, Unset, "authorities that Redis' certificate is checked with; unset: the public ones";
    Refused "redis.cache.cert_file": Text, Unset, "certificate shown to Redis";
    Refused "redis.cache.key_file": Text, Unset, "its private key";
    Used "redis.streams.url": Url(REDIS), Is("redis://127.0.0.1:6380"), "Redis for streams and Pub/Sub";
    Used "redis.streams.password": Secret, Unset, "password, when it is not in the URL; unset: `devmentor up` makes one for the Redis it starts";
    Used "redis.streams.db": Number(0), Is("0"), "database number";
    Used "redis.streams.pool_size": Number(1), Is("16"), "connections for bulk work (at most 1024 are opened)";
    Used "redis.streams.timeout_ms": Number(1), Is("1000"), "longest wait for an answer";
    Used "redis.streams.connect_timeout_ms": Number(1), Is("1000"), "longest wait for a connection";
    Used "redis.streams.retries": Number(0), Is("2"), "how often a safe command is sent again";
    Used "redis.streams.keepalive_seconds": Number(1), Is("30"), "TCP keepalive";
    Used "redis.streams.health_check_seconds": Number(1), Is("5"), "how often an idle link is checked";
    Refused "redis.streams.ca_file": Text, Unset, "authorities that Redis' certificate is checked with; unset: the public ones";
    Refused "redis.streams.cert_file": Text, Unset, "certificate shown to Redis";
    Refused "redis.streams.key_file": Text, Unset, "its private key";
    Used "database.url": Url(&["sqlite", "postgres", "postgresql"]), Database, "the service's SQL database";
    Used "upstream.auth": Url(HTTP), Is("http://127.0.0.1:50051"), "auth-service's gRPC address";
    Used "upstream.project": Url(HTTP), Is("http://127.0.0.1:50052"), "project-service's gRPC address";
    Used "upstream.learning": Url(HTTP), Is("http://127.0.0.1:50053"), "learning-consumer's gRPC address";
    Used "upstream.ai": Url(HTTP), Is("http://127.0.0.1:50054"), "ai-gateway's gRPC address";
    Used "jwt.access_ttl_seconds": Number(1), Is("300"), "life of an access token that can be refreshed";
    Used "jwt.jwks_url": Url(HTTP), Is("http://127.0.0.1:8081/.well-known/jwks.json"), "where the keys of access tokens are published";
    Used "jwt.issuer": Text, Is("devmentor"), "`iss` of access tokens";
    Used "jwt.audience": Text, Is("devmentor"), "`aud` of access tokens";
    Used "session.idle_seconds": Number(1), Is("3600"), "a session that is used at least this often stays; unused, it ends at most a quarter later";
    Used "session.absolute_seconds": Number(1), Is("2592000"), "a session ends after so long";
    Used "limits.auth_per_minute": Number(1), Is("5"), "sign-in requests an address and an account may make";
    Used "limits.api_per_minute": Number(1), Is("600"), "API requests a person may make";
    Used "limits.sockets_per_person": Number(0), Is("50"), "WebSockets a person may have open at a gateway; 0: any number";
    Used "limits.connections_per_address": Number(0), Is("256"), "connections an address may have open at a gateway while nobody is signed in on them, and a person; 0: any number";
    Used "limits.stream_bytes_per_day": Number(0), Is("67108864"), "bytes that a person's own calls may add to streams in a UTC day; 0: any number";
    Used "limits.import_bytes_per_day": Number(0), Is("268435456"), "bytes of archives that a person may import in a UTC day; 0: any number";
    Later "webhooks.allow": Networks, Unset, "networks in which webhooks may call private addresses, and by http";
    Used "lockout.failures": Number(1), Is("5"), "wrong passwords before an account locks";
    Used "lockout.seconds": Number(1), Is("900"), "how long it stays locked";
    Used "auth.registration": Choice(&["open", "verified", "closed"]), Is("open"), "who may make an account";
    Used "auth.gateway_credential": Secret, Unset, "shared by auth-service and ui-gateway, so that the client addresses the gateway reports count; unset: generated into `<data_dir>/keys/gateway-credential`";
    Used "mail.url": Url(&["file", "smtp", "smtps"]), Unset, "where mail goes; unset: files in `<data_dir>/mail`";
    Used "mail.from": Sender, Unset, "whom mail comes from, such as `DevMentor <no-reply@example.org>`; unset: no-reply at the host of `public_url`";
    Used "bootstrap.admin_email": Text, Is("admin@devmentor.local"), "address of the admin made at the first start";
    Used "bootstrap.admin_password": Secret, Unset, "their password; unset: generated into `<data_dir>/admin-password`";
    Later "cache.enabled": Flag, Is("true"), "whether answers are cached";
    Later "cache.compression.algorithm": Choice(&["zstd", "gzip", "off"]), Is("zstd"), "how cached values are compressed";
    Later "cache.compression.level": Number(1), Is("3"), "how hard";
    Later "cache.compression.min_bytes": Number(0), Is("1024"), "smaller values are kept as they are";
    Later "cache.ttl_seconds.api": Number(1), Is("300"), "TTL of cached API answers";
    Later "cache.ttl_seconds.documents": Number(1), Is("3600"), "TTL of rendered documents";
    Later "cache.ttl_seconds.ai_responses": Number(1), Is("7200"), "TTL of AI answers";
    Later "cache.ttl_seconds.templates": Number(1), Is("86400"), "TTL of templates";
    Later "cache.ttl_seconds.builds": Number(1), Is("1800"), "TTL of builds";
    Later "ai.url": Url(HTTP), Unset, "an OpenAI-compatible endpoint; unset: the built-in mentor";
    Later "ai.model": Text, Unset, "its model";
    Later "ai.api_key": Secret, Unset, "its key";
    Later "ai.fallback.url": Url(HTTP), Unset, "an endpoint that is asked when the first cannot answer";
    Later "ai.fallback.model": Text, Unset, "its model";
    Later "ai.fallback.api_key": Secret, Unset, "its key";
    Later "ai.first_chunk_seconds": Number(1), Is("10"), "longest wait for the beginning of an answer";
    Later "ai.idle_seconds": Number(1), Is("20"), "longest silence within an answer";
    Later "ai.daily_tokens": Number(0), Is("200000"), "tokens a person may use in a UTC day; 0: any number";
    Later "ai.monthly_tokens": Number(0), Is("2000000"), "tokens a person may use in a UTC month; 0: any number";
    Later "ai.embeddings.url": Url(HTTP), Unset, "an OpenAI-compatible endpoint for embeddings; unset: built in";
    Later "ai.embeddings.model": Text, Unset, "its model";
    Later "ai.embeddings.api_key": Secret, Unset, "its key";
    Later "learning.experimental": Flag, Is("true"), "whether the mentor learns from feedback";
    Later "learning.patterns_url": Url(HTTP), Unset, "a Qdrant that keeps patterns, by its REST API; unset: in the process";
    Later "graph.url": Url(GRAPH), Unset, "a graph database; unset: none";
    Later "graph.user": Text, Unset, "its user";
    Later "graph.password": Secret, Unset, "their password";
    Later "graph.database": Text, Unset, "the database in it; unset: its default";
    Later "backup.key_file": Text, Unset, "a key that backups are encrypted with; unset: they are not";
    Used "shutdown.grace_seconds": Number(0), Is("20"), "longest drain on SIGTERM";
    Used "log.format": Choice(&["pretty", "json"]), Unset, "unset: pretty on a terminal, else json";
    Later "otlp.endpoint": Url(HTTP), Unset, "where traces are sent; unset: nowhere";
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
         0.0.0.0) stand in for names that are not set, and for both Redis `REDIS_PASSWORD`, `REDIS_DB`,\n\
         `REDIS_MAX_CONNECTIONS` and `REDIS_SOCKET_TIMEOUT` (seconds). `RUST_LOG` filters logs.\n\n\
         A name marked *later* is accepted by every process, and none has a use for it yet. One marked *refused* has\n\
         no use yet either, and stops the process: who sets it relies on it.\n\n\
         | environment | in a file | value | default | what it does |\n| --- | --- | --- | --- | --- |\n",
    );
    for setting in SETTINGS {
        let _ = writeln!(
            out,
            "| `{}` | `{}` | {} | {} | {}{} |",
            setting.env_name(),
            setting.name,
            setting.kind.expected().trim_start_matches("expected "),
            setting.default_text(),
            setting.usage.mark(),
            setting.does
        );
    }
    out
}
