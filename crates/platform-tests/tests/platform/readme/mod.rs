//! The README is true: its curl lines run as they are printed, and the calls of its grpcurl lines are
//! made, by what the services tell of themselves through reflection.

mod grpcurl;
mod reflection;

use std::path::Path;

use test_kit::Platform;
use tokio::process::Command;

use self::grpcurl::Call;

/// What the blocks of one language hold, in order.
fn blocks(language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(path).expect("a README");
    let begin = format!("```{language}\n");
    let blocks = readme.split(&begin).skip(1);
    blocks
        .filter_map(|block| block.split("\n```").next())
        .map(|block| format!("{block}\n"))
        .collect()
}

/// Runs a script against a platform and gives what it wrote.
async fn bash(platform: &Platform, script: &str, token: &str) -> String {
    let ops = |service: &str| format!("http://127.0.0.1:{}", platform.ops_port(service));
    let grpc = |service: &str| format!("127.0.0.1:{}", platform.grpc_port(service));
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .env("DEVMENTOR", platform.base_url())
        .env("GATEWAY_OPS", ops("ui-gateway"))
        .env("AUTH_OPS", ops("auth-service"))
        .env("PROJECT_OPS", ops("project-service"))
        .env("LEARNING_OPS", ops("learning-consumer"))
        .env("AI_OPS", ops("ai-gateway"))
        .env("AUTH_GRPC", grpc("auth-service"))
        .env("PROJECT_GRPC", grpc("project-service"))
        .env("LEARNING_GRPC", grpc("learning-consumer"))
        .env("AI_GRPC", grpc("ai-gateway"))
        .env("TOKEN", token)
        .kill_on_drop(true)
        .output()
        .await
        .expect("bash");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn the_readme_does_what_it_says() {
    let platform = Platform::start().await;
    let curl_lines = blocks("sh");
    assert!(curl_lines.matches("curl ").count() >= 15, "{curl_lines}");
    let told = bash(
        &platform,
        &format!("{curl_lines}\nprintf '\\n%s' \"$TOKEN\""),
        "",
    )
    .await;
    assert!(
        told.contains("devmentor.comment.added.v1"),
        "the history shows the comment: {told}"
    );
    let token = told.lines().last().expect("a token");

    let calls = grpcurl_calls(&platform, token).await;
    assert!(calls.len() >= 10, "{calls:?}");
    for call in &calls {
        let answer = call.make().await;
        let answer = answer.unwrap_or_else(|status| panic!("{call:?}: {status}"));
        assert!(!answer.is_empty(), "{call:?}");
    }
}

/// The grpcurl lines as bash splits them for a reader.
async fn grpcurl_calls(platform: &Platform, token: &str) -> Vec<Call> {
    let lines = blocks("bash");
    let lines: Vec<_> = lines
        .lines()
        .filter(|line| line.starts_with("grpcurl "))
        .collect();
    let script = format!(
        "grpcurl() {{ printf '%s\\n' \"$@\" ''; }}\n{}",
        lines.join("\n")
    );
    let told = bash(platform, &script, token).await;
    told.trim_end()
        .split("\n\n")
        .map(|words| Call::parse(words.lines()))
        .collect()
}
