//! How a process starts and ends: refused settings, taken ports, missing neighbours, SIGTERM.

use std::{
    ffi::{OsStr, OsString},
    net::TcpListener,
    os::unix::ffi::OsStringExt,
    process::{Command, Output},
    time::{Duration, Instant},
};

use test_kit::{PATIENCE, Platform, RedisServer, ServiceProcess, binary, eventually, free_port};

/// By name, as their keys are sorted.
const SERVICES: [&str; 5] = [
    "ai-gateway",
    "auth-service",
    "learning-consumer",
    "project-service",
    "ui-gateway",
];

/// A service that is expected to refuse to start.
fn refused(service: &str, name: &str, value: impl AsRef<OsStr>) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(binary(service));
    command.env_clear().env(name, value).current_dir(dir.path());
    let output = command.output().expect("it starts");
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .expect("its directory")
        .collect();
    assert!(left.is_empty(), "it left {left:?}");
    output
}

#[test]
fn refused_settings_end_every_service_with_78_and_one_line() {
    let broken = OsString::from_vec(b"\xff\xfe".to_vec());
    let rows: [(&str, &OsStr, &str); 6] = [
        (
            "DEVMENTOR__HTTP__ADR",
            "x".as_ref(),
            "did you mean DEVMENTOR__HTTP__ADDR?",
        ),
        (
            "DEVMENTOR__HTTP__ADDR",
            "8080".as_ref(),
            "DEVMENTOR__HTTP__ADDR is not usable",
        ),
        (
            "DEVMENTOR__REDIS__CACHE__TIMEOUT_MS",
            "0".as_ref(),
            "DEVMENTOR__REDIS__CACHE__TIMEOUT_MS is not usable",
        ),
        (
            "DEVMENTOR__BOOTSTRAP__ADMIN_PASSWORD_FILE",
            "/no/file".as_ref(),
            "DEVMENTOR__BOOTSTRAP__ADMIN_PASSWORD_FILE",
        ),
        (
            "DEVMENTOR__OPS__ADDR",
            &broken,
            "DEVMENTOR__OPS__ADDR is not usable",
        ),
        ("PORT", "http".as_ref(), "PORT is not usable"),
    ];
    for service in SERVICES {
        for (name, value, wanted) in rows {
            let output = refused(service, name, value);
            assert_eq!(
                output.status.code(),
                Some(78),
                "{service} {name}: {output:?}"
            );
            let error = String::from_utf8(output.stderr).expect("text");
            assert_eq!(error.trim_end().lines().count(), 1, "{error}");
            assert!(
                error.starts_with(service) && error.contains(wanted),
                "{error}"
            );
            assert!(output.stdout.is_empty());
        }
    }
}

#[test]
fn every_service_says_what_it_is() {
    for service in SERVICES {
        let version = Command::new(binary(service))
            .arg("--version")
            .output()
            .expect("it starts");
        assert!(String::from_utf8_lossy(&version.stdout).starts_with(&format!("{service} ")));
        let help = Command::new(binary(service))
            .arg("--help")
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&help.stdout).into_owned();
        assert!(
            help.status.success() && text.contains("--config") && text.contains("DEVMENTOR__"),
            "{text}"
        );
    }
}

fn settings(rows: &[(&str, String)]) -> Vec<(String, String)> {
    let name = |name: &str| format!("DEVMENTOR__{}", name.to_uppercase().replace('.', "__"));
    rows.iter()
        .map(|(key, value)| (name(key), value.clone()))
        .collect()
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("an address").to_string();
    for service in SERVICES {
        let local = || format!("127.0.0.1:{}", free_port());
        let mut rows = vec![
            ("http.addr", local()),
            ("ops.addr", local()),
            ("grpc.addr", local()),
        ];
        let public = if service == "ui-gateway" { 0 } else { 2 };
        rows[public].1.clone_from(&addr);
        let mut process = ServiceProcess::spawn(service, settings(&rows));
        let status = process.wait().await;
        assert_eq!(status.code(), Some(1), "{service}");
        assert!(process.log().contains(&addr), "{}", process.log());
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_database_is_refused() {
    let platform = Platform::start().await;
    for service in ["auth-service", "project-service"] {
        let local = || format!("127.0.0.1:{}", free_port());
        let rows = [
            ("data_dir", platform.data_dir().display().to_string()),
            ("redis.cache.url", platform.cache.url()),
            ("redis.streams.url", platform.streams.url()),
            ("http.addr", local()),
            ("ops.addr", local()),
            ("grpc.addr", local()),
        ];
        let mut second = ServiceProcess::spawn(service, settings(&rows));
        assert_eq!(
            second.wait().await.code(),
            Some(1),
            "{service}: {}",
            second.log()
        );
    }
    platform.person().await.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn a_service_waits_for_its_redis_and_is_ready_when_it_comes() {
    let (cache, mut streams) = (RedisServer::cache().await, RedisServer::streams().await);
    streams.kill();
    let ops_port = free_port();
    let rows = [
        ("redis.cache.url", cache.url()),
        ("redis.streams.url", streams.url()),
        ("http.addr", format!("127.0.0.1:{ops_port}")),
        ("grpc.addr", format!("127.0.0.1:{}", free_port())),
    ];
    let mut service = ServiceProcess::spawn("project-service", settings(&rows));
    let ready = || async move {
        let answer = reqwest::get(format!("http://127.0.0.1:{ops_port}/health/ready")).await;
        answer
            .map(|answer| answer.status().as_u16())
            .map_err(|error| error.to_string())
    };
    eventually(
        "it says that it is not ready",
        PATIENCE,
        async || match ready().await {
            Ok(503) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await;
    let live = reqwest::get(format!("http://127.0.0.1:{ops_port}/health/live"))
        .await
        .expect("an answer");
    assert!(live.status().is_success());
    streams.restart().await;
    service.wait_ready(ops_port).await;
}

#[tokio::test]
async fn sigterm_ends_every_service_in_order_and_soon() {
    let mut platform = Platform::start().await;
    let person = platform.person().await;
    person.create_project("BYE").await;
    let _socket = person.live().await;
    for name in SERVICES.into_iter().rev() {
        let began = Instant::now();
        platform.service(name).terminate();
        let status = platform.service(name).wait().await;
        assert!(
            status.success(),
            "{name}: {status}\n{}",
            platform.service(name).log()
        );
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{name} took {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn every_process_tells_of_itself_in_the_cache_and_withdraws_it() {
    let mut platform = Platform::start().await;
    let mut cache = platform.cache.connect().await;
    let mut told = async || -> Vec<String> {
        let mut keys: Vec<String> = redis::cmd("KEYS")
            .arg("system:health:*")
            .query_async(&mut cache)
            .await
            .expect("KEYS");
        keys.sort();
        keys.iter()
            .filter_map(|key| key.split([':', '/']).nth(2).map(str::to_owned))
            .collect()
    };
    eventually("all have told", PATIENCE, async || {
        let services = told().await;
        if services == SERVICES {
            Ok(())
        } else {
            Err(format!("{services:?}"))
        }
    })
    .await;
    platform.service("ui-gateway").terminate();
    platform.service("ui-gateway").wait().await;
    assert_eq!(told().await, SERVICES[..4]);
}

#[tokio::test]
async fn metrics_are_served_by_every_process() {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let project = person.create_project("MET").await;
    let _socket = person.live().await;
    crate::log::all_published(&person, &project, &platform.streams).await;
    let metrics = async |service: &str| {
        let url = format!("http://127.0.0.1:{}/metrics", platform.ops_port(service));
        reqwest::get(url)
            .await
            .expect("an answer")
            .text()
            .await
            .expect("text")
    };
    for service in SERVICES {
        let text = metrics(service).await;
        for name in [
            "devmentor_build_info",
            "devmentor_redis_up",
            "devmentor_redis_command_duration_seconds",
        ] {
            assert!(text.contains(name), "{service} has no {name}:\n{text}");
        }
    }
    assert!(
        metrics("ui-gateway")
            .await
            .contains("devmentor_http_requests_total")
    );
    assert!(
        metrics("ui-gateway")
            .await
            .contains("devmentor_live_connections")
    );
    let project = metrics("project-service").await;
    assert!(
        project.contains("devmentor_outbox_pending 0") && project.contains("devmentor_grpc_"),
        "{project}"
    );
}
