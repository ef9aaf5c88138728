//! Who shows a wrong gateway credential, a stranger or a gateway with wrong settings.

use rpc::{auth::GetStatusRequest, metadata::GATEWAY_CREDENTIAL, tonic::Request};
use serde_json::Value;

use super::{Auth, by_gateway};

const LOGGED: &str = "another gateway credential";

impl Auth {
    async fn show_wrong(&self, times: u32) {
        for _ in 0..times {
            let mut request = Request::new(GetStatusRequest {});
            let shown = "not the gateway's".parse().expect("metadata");
            request.metadata_mut().insert(GATEWAY_CREDENTIAL, shown);
            self.client().get_status(request).await.expect("a status");
        }
    }

    async fn show_right(&self) {
        let asked = by_gateway(GetStatusRequest {});
        self.client().get_status(asked).await.expect("a status");
    }

    /// What `/health/ready` says of the gateway.
    async fn told_of_the_gateway(&self) -> Value {
        let url = format!("http://127.0.0.1:{}/health/ready", self.ops_port);
        let client = reqwest::Client::builder().no_proxy().build();
        let answer = client.expect("an HTTP client").get(&url).send().await;
        let answer = answer.expect("an answer").text().await.expect("a text");
        let told: Value = serde_json::from_str(&answer).expect("JSON");
        told["degraded"]["gateway-credential"].clone()
    }
}

#[tokio::test]
async fn a_stranger_beside_the_gateway_degrades_nothing_and_writes_one_line() {
    let auth = Auth::start().await;
    auth.show_right().await;
    auth.show_wrong(50).await;
    assert_eq!(auth.told_of_the_gateway().await, Value::Null);
    let log = auth.process.log();
    let mut lines = log.lines().filter(|line| line.contains(LOGGED));
    let line = lines.next().expect("a warning");
    assert!(
        line.contains("127.0.0.1") && lines.next().is_none(),
        "{log}"
    );
    let refused = auth.metric("devmentor_gateway_credentials_refused_total");
    assert_eq!(refused.await, 50.0);
}

#[tokio::test]
async fn a_gateway_with_another_credential_is_told_of_until_it_has_the_right_one() {
    let auth = Auth::start().await;
    auth.show_wrong(1).await;
    let told = auth.told_of_the_gateway().await.to_string();
    assert!(
        told.contains("DEVMENTOR__AUTH__GATEWAY_CREDENTIAL"),
        "{told}"
    );
    auth.show_right().await;
    assert_eq!(auth.told_of_the_gateway().await, Value::Null);
}
