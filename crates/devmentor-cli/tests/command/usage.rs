//! Exit codes and what is said.

use test_kit::free_port;

use crate::running::devmentor;

async fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let ended = devmentor()
        .args(arguments)
        .env_remove("DEVMENTOR_URL")
        .output()
        .await
        .expect("ran");
    let told = [ended.stdout, ended.stderr].concat();
    (
        ended.status.code(),
        String::from_utf8_lossy(&told).into_owned(),
    )
}

#[tokio::test]
async fn wrong_usage_is_2_and_names_what_is_right() {
    for (arguments, named) in [
        (&["up", "--no-build", "--only", "nothing"][..], "ui-gateway"),
        (&["up", "--port-offset", "15001"], "15000"),
        (&["--url", "ftp://example.org", "status"], "http://"),
        (&["user"], "promote"),
        (&["dlq"], "show"),
        (&["dlq", "list", "--limit", "0"], "--limit"),
        (&["streams", "--watch", "--json"], "--watch"),
    ] {
        let (code, told) = run(arguments).await;
        assert!(
            code == Some(2) && told.contains(named),
            "{arguments:?}: {told}"
        );
    }
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_1_and_says_how_to_start_it() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let (code, told) = run(&["--url", &url, "status"]).await;
    assert!(code == Some(1) && told.contains("devmentor up"), "{told}");
    let (code, told) = run(&["--url", &url, "smoke"]).await;
    assert!(
        code == Some(1) && told.contains("Failed: sign up") && told.contains("Nothing of it stays"),
        "{told}"
    );
}

#[tokio::test]
async fn a_fault_in_the_settings_is_named_with_what_was_meant() {
    let mut command = devmentor();
    let ended = command
        .args(["config", "check"])
        .env("DEVMENTOR__HTTP__ADRR", "x")
        .output()
        .await
        .expect("ran");
    let told = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        told.contains("DEVMENTOR__HTTP__ADRR") && told.contains("DEVMENTOR__HTTP__ADDR"),
        "{told}"
    );
}
