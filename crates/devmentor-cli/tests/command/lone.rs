//! A worker that runs alone, seen through its Redis.

use std::process::Output;

use serde_json::Value;
use test_kit::{PATIENCE, RedisServer, ServiceProcess, eventually, free_port};

use crate::running::devmentor;

const STREAM: &str = "user:feedback";

#[tokio::test]
async fn a_worker_alone_is_shown_by_its_redis() {
    let redis = RedisServer::streams().await;
    let (ops_port, redis_url) = (free_port(), redis.url());
    let environment = [
        ("REDIS__STREAMS__URL", redis_url.clone()),
        ("OPS__ADDR", format!("127.0.0.1:{ops_port}")),
        ("GRPC__ADDR", format!("127.0.0.1:{}", free_port())),
    ];
    let environment = environment.map(|(name, value)| (format!("DEVMENTOR__{name}"), value));
    let mut worker = ServiceProcess::spawn("learning-consumer", environment.to_vec());
    worker.wait_ready(ops_port).await;
    redis.append(STREAM, "no JSON").await;

    let run = async |arguments: &[&str]| -> Output {
        let mut command = devmentor();
        command.args(arguments).arg(format!("--redis={redis_url}"));
        command.output().await.expect("ran")
    };
    let letters = eventually("a dead letter", PATIENCE, async || {
        let listed = run(&["dlq", "list", "--json"]).await;
        let told: Value = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        match told["items"].as_array() {
            Some(letters) if letters.len() == 1 => Ok(letters.clone()),
            _ => Err(format!("{listed:?}")),
        }
    })
    .await;
    let id = letters[0]["id"].as_str().expect("an id");
    let shown = run(&["dlq", "show", STREAM, id]).await;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        text.contains("source_stream") && text.contains("no JSON"),
        "{text}"
    );
    assert_eq!(
        run(&["dlq", "list", "nothing"]).await.status.code(),
        Some(1)
    );

    let streams = run(&["streams", "--json"]).await;
    let told: Value = serde_json::from_slice(&streams.stdout).expect("JSON");
    let of = told["streams"].as_array().expect("a list");
    let of = of.iter().find(|of| of["stream"] == STREAM).expect(STREAM);
    assert_eq!(
        (&of["dead_letters"], &of["groups"][0]["consumers"]),
        (&1.into(), &1.into())
    );
    let status = run(&["status"]).await;
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(
        status.status.success() && text.contains("learning-consumer"),
        "{status:?}"
    );

    drop(redis);
    let gone = run(&["status"]).await;
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
}

#[tokio::test]
async fn a_stream_that_an_operator_broke_is_repaired_on_request() {
    let redis = RedisServer::streams().await;
    let redis_url = redis.url();
    let mut connection = redis.connect().await;
    let repair = async |arguments: &[&str]| -> Output {
        let mut command = devmentor();
        command.args(["streams", "repair"]).args(arguments);
        command.arg(format!("--redis={redis_url}"));
        command.output().await.expect("ran")
    };
    let largest = format!("{0}-{0}", u64::MAX);
    let mut slip = redis::cmd("XADD");
    slip.arg(STREAM).arg(&largest).arg("event").arg("{}");
    slip.exec_async(&mut connection).await.expect("the slip");
    let mut next = redis::cmd("XADD");
    next.arg(STREAM).arg("*").arg("event").arg("{}");
    next.exec_async(&mut connection).await.expect_err("stuck");

    // Nobody is there to be asked.
    assert_eq!(repair(&[STREAM]).await.status.code(), Some(2));
    assert_eq!(repair(&["no:stream", "--yes"]).await.status.code(), Some(2));
    next.exec_async(&mut connection).await.expect_err("stuck");

    let repaired = repair(&[STREAM, "--yes", "--json"]).await;
    let told: Value = serde_json::from_slice(&repaired.stdout).expect("JSON");
    assert_eq!(told["dead_letters"], 1, "{repaired:?}");
    next.exec_async(&mut connection).await.expect("goes on");

    let mut slip = redis::cmd("SET");
    slip.arg(STREAM).arg("by mistake");
    slip.exec_async(&mut connection).await.expect("the slip");
    assert!(repair(&[STREAM, "--yes"]).await.status.success());
    next.exec_async(&mut connection).await.expect("goes on");
}
