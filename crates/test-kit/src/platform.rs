//! The whole platform: both Redis and every service, on free ports.

use std::collections::BTreeMap;

use tempfile::TempDir;

use crate::{PATIENCE, Person, Proxy, RedisServer, ServiceProcess, eventually, free_port};

/// Address of the first admin.
pub const ADMIN_EMAIL: &str = "admin@devmentor.local";
/// Their password.
pub const ADMIN_PASSWORD: &str = "a password for tests only";

const GATEWAY: &str = "ui-gateway";

/// The services behind the gateway, and the setting that names the address of each.
const BEHIND: [(&str, &str); 4] = [
    ("auth-service", "upstream.auth"),
    ("project-service", "upstream.project"),
    ("learning-consumer", "upstream.learning"),
    ("ai-gateway", "upstream.ai"),
];

/// A running platform.
pub struct Platform {
    // First: services end before what they need.
    services: BTreeMap<&'static str, Running>,
    /// The cache Redis.
    pub cache: RedisServer,
    /// The streams Redis.
    pub streams: RedisServer,
    /// The wire to the cache Redis, where one was asked for.
    pub cache_wire: Option<Proxy>,
    /// The wire to the streams Redis, where one was asked for.
    pub streams_wire: Option<Proxy>,
    base_url: String,
    settings: Vec<(String, String)>,
    data_dir: TempDir,
}

/// A gateway beside the platform's own.
pub struct AnotherGateway {
    base_url: String,
    _running: Running,
}

impl AnotherGateway {
    /// Its address, `http://127.0.0.1:<port>`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

struct Running {
    ops_port: u16,
    grpc_port: Option<u16>,
    process: ServiceProcess,
}

/// What a platform is started with.
#[derive(Default)]
pub struct PlatformBuilder {
    proxy_cache: bool,
    proxy_streams: bool,
    open_files: Option<u32>,
    settings: Vec<(String, String)>,
}

impl PlatformBuilder {
    /// Puts a proxy before the cache Redis.
    pub fn proxy_cache(mut self) -> Self {
        self.proxy_cache = true;
        self
    }

    /// Puts a proxy before the streams Redis.
    pub fn proxy_streams(mut self) -> Self {
        self.proxy_streams = true;
        self
    }

    /// Open files that each service may have, at most.
    pub fn open_files(mut self, open_files: u32) -> Self {
        self.open_files = Some(open_files);
        self
    }

    /// A setting of every service, `section.key`.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push(setting(name, value));
        self
    }

    /// Starts it and waits until all of it is ready.
    pub async fn start(self) -> Platform {
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let (cache, streams) = tokio::join!(RedisServer::cache(), RedisServer::streams());
        let cache_wire = wire(self.proxy_cache, &cache).await;
        let streams_wire = wire(self.proxy_streams, &streams).await;
        let http_port = free_port();
        let base_url = format!("http://127.0.0.1:{http_port}");
        let behind = BEHIND.map(|_| Ports::grpc());
        let jwks_url = format!(
            "http://127.0.0.1:{}/.well-known/jwks.json",
            behind[0].ops_port
        );
        let mut common = vec![
            setting("data_dir", &data_dir.path().display().to_string()),
            setting("redis.cache.url", &url_of(cache_wire.as_ref(), &cache)),
            setting(
                "redis.streams.url",
                &url_of(streams_wire.as_ref(), &streams),
            ),
            setting("jwt.jwks_url", &jwks_url),
            setting("public_url", &base_url),
            setting("bootstrap.admin_email", ADMIN_EMAIL),
            setting("bootstrap.admin_password", ADMIN_PASSWORD),
            // All who sign in here come from one address.
            setting("limits.auth_per_minute", "1000000"),
            setting("limits.api_per_minute", "1000000"),
        ];
        for ((_, upstream), ports) in BEHIND.iter().zip(&behind) {
            let port = ports.grpc_port.unwrap_or_default();
            common.push(setting(upstream, &format!("http://127.0.0.1:{port}")));
        }
        common.extend(self.settings);
        let behind = BEHIND
            .iter()
            .zip(behind)
            .map(|((name, _), ports)| (*name, ports));
        let services = behind
            .chain([(GATEWAY, Ports::http(http_port))])
            .map(|(name, ports)| (name, ports.spawn(name, &common, self.open_files)));
        let mut platform = Platform {
            cache,
            streams,
            cache_wire,
            streams_wire,
            base_url,
            services: services.collect(),
            settings: common,
            data_dir,
        };
        for (name, _) in BEHIND {
            platform.wait_ready(name).await;
        }
        platform.wait_ready(GATEWAY).await;
        platform.wait_healthy().await;
        platform
    }
}

impl Platform {
    /// A platform without proxies and with the default settings.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A platform to be shaped.
    pub fn builder() -> PlatformBuilder {
        PlatformBuilder::default()
    }

    /// The gateway's address, `http://127.0.0.1:<port>`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A service's ops port.
    pub fn ops_port(&self, service: &str) -> u16 {
        self.services[service].ops_port
    }

    /// A service's gRPC port.
    pub fn grpc_port(&self, service: &str) -> u16 {
        self.services[service]
            .grpc_port
            .expect("a service with gRPC")
    }

    /// Where SQLite files and keys are.
    pub fn data_dir(&self) -> &std::path::Path {
        self.data_dir.path()
    }

    /// A service's process.
    pub fn service(&mut self, name: &str) -> &mut ServiceProcess {
        &mut self.running(name).process
    }

    /// Somebody new, signed in.
    pub async fn person(&self) -> Person {
        Person::register(&self.base_url).await
    }

    /// The first admin, signed in.
    pub async fn admin(&self) -> Person {
        Person::sign_in(&self.base_url, ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    /// One more gateway over the same Redis and the same services; ready.
    pub async fn another_gateway(&self) -> AnotherGateway {
        let port = free_port();
        let mut running = Ports::http(port).spawn(GATEWAY, &self.settings, None);
        running.process.wait_ready(running.ops_port).await;
        AnotherGateway {
            base_url: format!("http://127.0.0.1:{port}"),
            _running: running,
        }
    }

    /// Kills a service (SIGKILL), as a crash would.
    pub fn kill(&mut self, name: &str) {
        self.service(name).kill();
    }

    /// Starts a service again where it was and waits until it is ready; kills it before if it runs.
    pub async fn restart(&mut self, name: &str) {
        self.service(name).respawn();
        self.wait_ready(name).await;
    }

    /// Waits until a service is ready.
    pub async fn wait_ready(&mut self, name: &str) {
        let running = self.running(name);
        running.process.wait_ready(running.ops_port).await;
    }

    /// Waits until the gateway says that all of it is well.
    pub async fn wait_healthy(&self) {
        let url = format!("{}/api/health", self.base_url);
        eventually("the platform is well", PATIENCE, async || {
            let answer = reqwest::get(&url)
                .await
                .map_err(|error| error.to_string())?;
            let health: serde_json::Value =
                answer.json().await.map_err(|error| error.to_string())?;
            if health["status"] == "ok" {
                Ok(())
            } else {
                Err(health.to_string())
            }
        })
        .await;
    }

    fn running(&mut self, name: &str) -> &mut Running {
        self.services
            .get_mut(name)
            .unwrap_or_else(|| panic!("there is no {name}"))
    }
}

struct Ports {
    http_port: u16,
    ops_port: u16,
    grpc_port: Option<u16>,
}

impl Ports {
    /// Of a service with gRPC: its HTTP port is its ops port.
    fn grpc() -> Self {
        let ops_port = free_port();
        Self {
            http_port: ops_port,
            ops_port,
            grpc_port: Some(free_port()),
        }
    }

    fn http(http_port: u16) -> Self {
        Self {
            http_port,
            ops_port: free_port(),
            grpc_port: None,
        }
    }

    fn spawn(
        self,
        name: &'static str,
        common: &[(String, String)],
        open_files: Option<u32>,
    ) -> Running {
        let local = |name: &str, port: u16| setting(name, &format!("127.0.0.1:{port}"));
        let mut environment = common.to_vec();
        environment.push(local("http.addr", self.http_port));
        environment.push(local("ops.addr", self.ops_port));
        environment.extend(self.grpc_port.map(|port| local("grpc.addr", port)));
        Running {
            ops_port: self.ops_port,
            grpc_port: self.grpc_port,
            process: ServiceProcess::spawn_with(name, environment, open_files),
        }
    }
}

/// A setting as the environment names it.
fn setting(name: &str, value: &str) -> (String, String) {
    let name = format!("DEVMENTOR__{}", name.to_uppercase().replace('.', "__"));
    (name, value.to_owned())
}

async fn wire(wanted: bool, redis: &RedisServer) -> Option<Proxy> {
    match wanted {
        true => Some(Proxy::start(([127, 0, 0, 1], redis.port()).into()).await),
        false => None,
    }
}

fn url_of(wire: Option<&Proxy>, redis: &RedisServer) -> String {
    match wire {
        Some(wire) => format!("redis://{}", wire.addr()),
        None => redis.url(),
    }
}
