//! What a stream still holds.

use redis_contracts::{Streams, USER_TIMELINE};
use test_kit::RedisServer;

use crate::Reached;

#[tokio::test]
async fn a_stream_is_whole_until_something_was_trimmed() {
    let server = RedisServer::streams().await;
    let reached = Reached::<Streams>::at(&server.url()).await;
    let stream = USER_TIMELINE.key(uuid::Uuid::now_v7());
    let mut connection = server.connect().await;
    for (entries, whole) in [(0, true), (1, true), (4, true), (1, false)] {
        for _ in 0..entries {
            let mut command = redis::cmd("XADD");
            command.arg(stream.name()).arg("MAXLEN").arg("=").arg(5);
            command.arg("*").arg("event").arg("{}");
            command.exec_async(&mut connection).await.expect("XADD");
        }
        let answer = reached.pool.is_whole(&stream).await;
        assert_eq!(answer.expect("an answer"), whole, "{entries} more");
    }
}
