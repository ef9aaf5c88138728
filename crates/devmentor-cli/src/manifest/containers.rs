//! `docker-compose.yml`, the Dockerfile, `.env.example` and what Prometheus reads agree with the manifest and
//! with each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Manifest, ServiceEntry};

const MANIFEST: &str = include_str!("../../../../deploy/manifest.yml");
const COMPOSE: &str = include_str!("../../../../docker-compose.yml");
const DOCKERFILE: &str = include_str!("../../../../deploy/docker/Dockerfile");
const ENV_EXAMPLE: &str = include_str!("../../../../.env.example");
const PROMETHEUS: &str = include_str!("../../../../deploy/prometheus/prometheus.yml");
/// The command, which runs for one call and not with the others.
const COMMAND: &str = "devmentor";

#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Container>,
}

#[derive(Deserialize)]
struct Container {
    image: String,
    build: Option<Build>,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    depends_on: BTreeSet<String>,
    environment: BTreeMap<String, String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    profiles: Vec<String>,
    networks: Vec<String>,
    healthcheck: Option<HealthCheck>,
    restart: String,
    read_only: bool,
    cap_drop: Vec<String>,
    security_opt: Vec<String>,
    mem_limit: String,
    pids_limit: u32,
    stop_grace_period: Option<String>,
}

#[derive(Deserialize)]
struct Build {
    args: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct HealthCheck {
    test: Vec<String>,
}

#[derive(Deserialize)]
struct Prometheus {
    scrape_configs: Vec<ScrapeConfig>,
}

#[derive(Deserialize)]
struct ScrapeConfig {
    static_configs: Vec<StaticConfig>,
}

#[derive(Deserialize)]
struct StaticConfig {
    targets: BTreeSet<String>,
}

fn manifest() -> Manifest {
    Manifest::parse(MANIFEST, 0).expect("a sound manifest")
}

fn compose() -> BTreeMap<String, Container> {
    let compose: Compose = serde_saphyr::from_str(COMPOSE).expect("a sound compose file");
    compose.services
}

/// What runs together.
fn containers() -> BTreeMap<String, Container> {
    let mut containers = compose();
    containers.retain(|name, _| name != COMMAND);
    containers
}

/// The arguments of redis-server, as settings.
fn settings(command: &[String]) -> BTreeMap<String, String> {
    let name = |text: &String| text.strip_prefix("--").map(str::to_owned);
    command
        .chunks(2)
        .map(|pair| (name(&pair[0]).expect("--name value"), pair[1].clone()))
        .collect()
}

/// What the entry of this name tells every service when it is a host by its own name.
fn told_by(name: &str, manifest: &Manifest) -> BTreeMap<String, String> {
    let provided = manifest.provided().into_iter();
    provided
        .map(|(setting, value)| (setting, value.replace("127.0.0.1", name)))
        .collect()
}

fn one_by_one(manifest: Manifest) -> impl Iterator<Item = (String, Manifest)> {
    let of_redis = manifest.redis.into_iter().map(|entry| {
        let (redis, services) = (vec![entry], Vec::new());
        (redis[0].name.clone(), Manifest { redis, services })
    });
    let of_services = manifest.services.into_iter().map(|entry| {
        let (redis, services) = (Vec::new(), vec![entry]);
        (services[0].name.clone(), Manifest { redis, services })
    });
    of_redis.chain(of_services)
}

#[test]
fn what_runs_and_what_it_needs_is_the_manifests() {
    let (manifest, containers) = (manifest(), containers());
    let names: BTreeSet<_> = manifest.names().into_iter().collect();
    assert_eq!(names, containers.keys().map(String::as_str).collect());
    for service in &manifest.services {
        let needs: BTreeSet<_> = service.needs.iter().cloned().collect();
        assert_eq!(containers[&service.name].depends_on, needs, "{service:?}");
    }
}

#[test]
fn the_gateway_and_auth_service_share_their_credential() {
    let containers = containers();
    let credential = |name: &str| {
        let environment = &containers[name].environment;
        environment.get("DEVMENTOR__AUTH__GATEWAY_CREDENTIAL")
    };
    assert!(credential("auth-service").is_some());
    for name in containers.keys() {
        let expected = match name.as_str() {
            "auth-service" | "ui-gateway" => credential("auth-service"),
            _ => None,
        };
        assert_eq!(credential(name), expected, "{name}");
    }
}

#[test]
fn both_redis_have_the_manifests_settings() {
    for redis in manifest().redis {
        let mut expected = redis.settings.clone();
        expected.insert("port".to_owned(), redis.port.to_string());
        let mut settings = settings(&containers()[&redis.name].command);
        // A container's memory is bounded, so Redis has to know a bound below that.
        let bound = settings.remove("maxmemory");
        let wanted = expected.remove("maxmemory");
        assert!(bound.is_some() && (wanted.is_none() || wanted == bound));
        assert_eq!(settings, expected, "{redis:?}");
    }
}

#[test]
fn services_find_each_other_by_name() {
    let containers = containers();
    for (name, entry) in one_by_one(manifest()) {
        for (setting, value) in told_by(&name, &entry) {
            let value = match setting.as_str() {
                "DEVMENTOR__PUBLIC_URL" => {
                    let url = value.replace(&name, "127.0.0.1");
                    format!("${{DEVMENTOR_PUBLIC_URL:-{url}}}")
                }
                _ => value,
            };
            for service in manifest().services {
                let environment = &containers[&service.name].environment;
                assert_eq!(environment.get(&setting), Some(&value), "{service:?}");
            }
        }
    }
}

#[test]
fn only_the_gateway_is_published_and_only_to_this_machine() {
    for service in manifest().services {
        let port = service.ports.http;
        let expected = format!("${{DEVMENTOR_LISTEN:-127.0.0.1:{port}}}:{port}");
        let expected = Vec::from_iter(service.ports.is_public().then_some(expected));
        assert_eq!(containers()[&service.name].ports, expected, "{service:?}");
    }
    let redis = manifest().redis;
    assert!(
        redis
            .iter()
            .all(|redis| containers()[&redis.name].ports.is_empty())
    );
}

#[test]
fn containers_may_do_little_and_are_bounded() {
    for (name, container) in compose() {
        assert!(container.read_only, "{name}");
        assert_eq!(container.cap_drop, ["ALL"], "{name}");
        assert_eq!(container.security_opt, ["no-new-privileges:true"], "{name}");
        assert!(!container.mem_limit.is_empty() && container.pids_limit > 0);
    }
}

#[test]
fn containers_are_started_again_and_have_time_to_drain() {
    for (name, container) in containers() {
        assert_eq!(container.restart, "always", "{name}");
        let check = container.healthcheck.expect("a health check");
        assert_eq!(check.test[0], "CMD", "{name}");
        let grace = container.stop_grace_period.expect("time to stop");
        let grace = grace.trim_end_matches('s').parse();
        assert!(grace.is_ok_and(|seconds: u64| seconds > 20), "{name}");
    }
}

#[test]
fn the_command_runs_when_it_is_called_and_reaches_the_gateway_alone() {
    let command = &compose()[COMMAND];
    assert_eq!(command.profiles, ["tools"]);
    assert_eq!(command.restart, "no");
    assert_eq!(command.networks, ["inside"]);
    assert!(command.ports.is_empty() && command.depends_on.is_empty());
    let gateway = manifest().services.pop().expect("the gateway");
    let url = format!("http://{}:{}", gateway.name, gateway.ports.http);
    assert_eq!(command.environment["DEVMENTOR_URL"], url);
    is_built(COMMAND, command);
    assert!(DOCKERFILE.contains(concat!("-p ", env!("CARGO_PKG_NAME"))));
    assert!(DOCKERFILE.contains("FROM image AS devmentor\n"));
}

#[test]
fn prometheus_reads_every_service() {
    let prometheus: Prometheus = serde_saphyr::from_str(PROMETHEUS).expect("a sound file");
    let jobs = prometheus.scrape_configs.into_iter();
    let targets: BTreeSet<_> = jobs
        .flat_map(|job| job.static_configs)
        .flat_map(|config| config.targets)
        .collect();
    let services = manifest().services.into_iter();
    let expected = services.map(|service| format!("{}:{}", service.name, service.ports.ops));
    assert_eq!(targets, expected.collect());
}

#[test]
fn images_have_the_services_names_and_ports() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(DOCKERFILE.contains(&format!("image.version=\"{version}\"")));
    for service in manifest().services {
        let name = &service.name;
        is_built(name, &containers()[name]);
        assert!(DOCKERFILE.contains(&format!("-p {name}")), "{name}");
        let stage = stage(&service);
        assert!(DOCKERFILE.contains(&stage), "not there:\n{stage}");
    }
}

fn is_built(name: &str, container: &Container) {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(container.image, format!("devmentor/{name}:{version}"));
    let arguments = container.build.as_ref().map(|build| &build.args);
    let service = arguments.and_then(|args| args.get("SERVICE"));
    assert_eq!(service.map(String::as_str), Some(name));
}

fn stage(service: &ServiceEntry) -> String {
    let ports = service.ports;
    let (setting, second) = match ports.grpc {
        Some(port) => ("GRPC", port),
        None => ("OPS", ports.ops),
    };
    format!(
        "FROM image AS {}\nENV PORT={http} DEVMENTOR__{setting}__ADDR=0.0.0.0:{second}\nEXPOSE {http} {second}\n",
        service.name,
        http = ports.http,
    )
}

#[test]
fn the_example_names_all_that_has_to_be_set() {
    let required = COMPOSE.split("${").filter_map(|rest| rest.split_once(":?"));
    let required: BTreeSet<_> = required.map(|(name, _)| name).collect();
    let left_open = ENV_EXAMPLE
        .lines()
        .filter_map(|line| line.strip_suffix('='));
    assert_eq!(required, left_open.collect());
}
