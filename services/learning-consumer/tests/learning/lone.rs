//! A worker that has one Redis and nothing else, and what an operator sees of it.

use std::net::TcpListener;

use redis::AsyncCommands;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use test_kit::{PATIENCE, RedisServer, ServiceProcess, eventually, free_port};

use super::{FEEDBACK, Worker, append, feedback, settled};

/// What its readiness says, once that is what is wanted.
async fn until_ready_says(worker: &Worker, wanted: impl Fn(&Value) -> bool) -> Value {
    let url = format!("http://127.0.0.1:{}/health/ready", worker.ops_port);
    eventually("it says so", PATIENCE, async || {
        let answer = reqwest::get(&url)
            .await
            .map_err(|error| error.to_string())?;
        let said: Value = answer.json().await.map_err(|error| error.to_string())?;
        if wanted(&said) {
            Ok(said)
        } else {
            Err(said.to_string())
        }
    })
    .await
}

/// A call as it goes over the wire: the headers of its answer.
async fn call(worker: &Worker, method: &str, message: &[u8]) -> HeaderMap {
    let mut frame = vec![0; 5];
    frame[4] = u8::try_from(message.len()).expect("a short message");
    frame.extend_from_slice(message);
    let client = reqwest::Client::builder().http2_prior_knowledge().build();
    let url = format!(
        "http://127.0.0.1:{}/devmentor.learning.v1.LearningService/{method}",
        worker.grpc_port
    );
    let request = client.expect("a client").post(url).body(frame);
    let request = request
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("x-request-id", "of-the-caller");
    let answer = request.send().await.expect("an answer");
    answer.headers().clone()
}

#[tokio::test]
async fn a_worker_that_was_given_one_redis_misses_nothing() {
    let redis = RedisServer::streams().await;
    let worker = Worker::start_alone(&redis).await;
    let ready = json!({"status": "ready", "degraded": {}});
    until_ready_says(&worker, |said| *said == ready).await;
    let metrics = format!("http://127.0.0.1:{}/metrics", worker.ops_port);
    let text = reqwest::get(metrics).await.expect("an answer");
    let text = text.text().await.expect("metrics");
    assert!(
        text.contains("devmentor_redis_up{instance=\"streams\"} 1"),
        "{text}"
    );
    assert!(!text.contains("instance=\"cache\""), "{text}");
    let status = call(&worker, "GetStatus", &[]).await;
    assert!(!status.contains_key("grpc-status"), "{status:?}");
    let profile = call(&worker, "GetProfile", &[]).await;
    assert_eq!(profile["grpc-status"], "14", "{profile:?}");
}

#[tokio::test]
async fn an_answer_names_its_request_and_what_cannot_be_decoded_is_the_callers_fault() {
    let redis = RedisServer::streams().await;
    let worker = Worker::start_alone(&redis).await;
    let undecodable = call(&worker, "GetProfile", &[0xff, 0xff]).await;
    assert_eq!(undecodable["grpc-status"], "3", "{undecodable:?}");
    for method in ["GetStatus", "GetProfile"] {
        let headers = call(&worker, method, &[]).await;
        assert_eq!(headers["x-request-id"], "of-the-caller");
    }
    assert_eq!(undecodable["x-request-id"], "of-the-caller");
}

#[tokio::test]
async fn a_key_that_is_no_stream_is_named_stops_no_other_and_is_over_once_it_is_gone() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    let _: () = connection.set(FEEDBACK, "no stream").await.expect("SET");
    let worker = Worker::start_alone(&redis).await;
    let of_feedback = |said: &Value| said["degraded"][FEEDBACK].is_string();
    let said = until_ready_says(&worker, of_feedback).await;
    assert_eq!(said["status"], "degraded");
    assert!(worker.process.log().contains("nothing can be consumed"));
    let _: () = connection.del(FEEDBACK).await.expect("DEL");
    until_ready_says(&worker, |said| !of_feedback(said)).await;
    let rating = feedback(uuid::Uuid::now_v7(), 5, json!({})).to_string();
    append(&mut connection, FEEDBACK, &rating).await;
    settled(&redis, FEEDBACK).await;
}

#[tokio::test]
async fn a_taken_port_stops_a_service_before_it_begins_anything() {
    let redis = RedisServer::streams().await;
    let mut connection = redis.connect().await;
    for (service, ports) in [
        ("learning-consumer", ["OPS__ADDR", "GRPC__ADDR"]),
        ("auth-service", ["OPS__ADDR", "GRPC__ADDR"]),
        ("project-service", ["OPS__ADDR", "GRPC__ADDR"]),
        ("ai-gateway", ["OPS__ADDR", "GRPC__ADDR"]),
        ("ui-gateway", ["OPS__ADDR", "HTTP__ADDR"]),
    ] {
        for taken in ports {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let addr = listener.local_addr().expect("an address").to_string();
            let mut environment = vec![("DEVMENTOR__REDIS__STREAMS__URL".to_owned(), redis.url())];
            for port in ports {
                let free = || format!("127.0.0.1:{}", free_port());
                let addr = if port == taken { addr.clone() } else { free() };
                environment.push((format!("DEVMENTOR__{port}"), addr));
            }
            let mut process = ServiceProcess::spawn(service, environment);
            let status = process.wait().await;
            let log = process.log();
            assert_eq!(status.code(), Some(1), "{service}: {log}");
            assert!(log.contains(&format!("cannot listen on {addr}")), "{log}");
        }
    }
    let keys: Vec<String> = connection.keys("*").await.expect("KEYS");
    assert!(keys.is_empty(), "{keys:?}");
}
