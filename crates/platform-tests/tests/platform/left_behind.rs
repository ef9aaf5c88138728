//! What is left of a platform that was dropped: nothing.

use std::{net::TcpStream, path::Path};

use test_kit::Platform;

#[tokio::test]
async fn no_process_no_port_and_no_file_is_left() {
    let mut platform = Platform::builder()
        .proxy_cache()
        .proxy_streams()
        .start()
        .await;
    platform.person().await.create_project("GONE").await;
    let data_dir = platform.data_dir().to_owned();
    assert!(data_dir.join("auth-service.db").exists());
    let services = [
        "auth-service",
        "project-service",
        "learning-consumer",
        "ai-gateway",
        "ui-gateway",
    ];
    let pids = services.map(|name| platform.service(name).pid().expect("it runs"));
    let mut ports = vec![platform.cache.port(), platform.streams.port()];
    for service in services {
        ports.push(platform.ops_port(service));
    }
    drop(platform);
    assert!(!data_dir.exists());
    for pid in pids {
        assert!(
            !Path::new(&format!("/proc/{pid}")).exists(),
            "process {pid}"
        );
    }
    for port in ports {
        assert!(
            TcpStream::connect(("127.0.0.1", port)).is_err(),
            "port {port}"
        );
    }
}
