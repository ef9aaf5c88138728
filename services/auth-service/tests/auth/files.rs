//! What is on disk: it survives, it is private, and it serves one process.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use rpc::auth::GetJwksRequest;
use test_kit::{ServiceProcess, free_port};

use super::{ADMIN_EMAIL, Auth, answer, environment, on_postgres, refused, setting};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// A process on this data directory that is not expected to live; its exit code and log.
async fn fate(data_dir: &Path, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut environment = environment(&data_dir.display().to_string(), "redis://127.0.0.1:1");
    for name in ["ops.addr", "grpc.addr"] {
        environment.push(setting(name, &format!("127.0.0.1:{}", free_port())));
    }
    environment.extend(settings.iter().map(|(name, value)| setting(name, value)));
    let mut process = ServiceProcess::spawn("auth-service", environment);
    let status = process.wait().await;
    (status.code(), process.log())
}

#[tokio::test]
async fn a_restart_keeps_keys_accounts_and_sessions() {
    let mut auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let keys = async |auth: &Auth| {
        let told = auth.client().get_jwks(GetJwksRequest {}).await;
        answer(told).expect("keys").jwks
    };
    let before = keys(&auth).await;
    auth.restart().await;
    assert_eq!(keys(&auth).await, before);
    auth.check(&reader.token).await.expect("live");
    assert_eq!(refused(auth.register("reader").await), "email_taken");
}

#[tokio::test]
async fn a_stop_asked_for_is_clean() {
    let mut auth = Auth::start().await;
    auth.process.terminate();
    assert_eq!(auth.process.wait().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_process_on_the_file_is_refused() {
    if on_postgres() {
        return;
    }
    let auth = Auth::start().await;
    let (code, log) = fate(auth.data_dir.path(), &[]).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("another process has"), "{log}");
    auth.admin().await;
}

#[tokio::test]
async fn the_first_admins_password_is_generated_and_private() {
    let auth = Auth::with(&[("bootstrap.admin_password", "")]).await;
    let file = auth.file("admin-password");
    assert_eq!(mode(&file), 0o600);
    let password = fs::read_to_string(file).expect("a password");
    assert_eq!(password.trim_end().len(), 24);
    let admin = auth.login(ADMIN_EMAIL, password.trim_end()).await;
    let session = admin.expect("signed in").session.expect("a session");
    assert_eq!(session.user.expect("a user").roles, ["user", "admin"]);
    assert_eq!(mode(&auth.file("keys")), 0o700);
}

#[tokio::test]
async fn a_password_that_was_given_is_not_written_down() {
    let auth = Auth::start().await;
    auth.admin().await;
    assert!(!auth.file("admin-password").exists());
    let log = auth.process.log();
    assert!(
        log.contains("that of DEVMENTOR__BOOTSTRAP__ADMIN_PASSWORD"),
        "{log}"
    );
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_to_is_named_with_the_cause_first() {
    let (_, log) = fate(Path::new("/proc/1/task"), &[]).await;
    let last = log.lines().last().expect("a line");
    assert!(last.contains("cannot write to /proc/1/task: "), "{last}");
    assert!(last.contains("chown "), "{last}");
}

#[tokio::test]
async fn an_unusable_first_admin_is_refused_by_name() {
    let data_dir = tempfile::tempdir().expect("a temporary directory");
    for (name, value) in [
        ("bootstrap.admin_email", "nobody"),
        ("bootstrap.admin_password", "short"),
    ] {
        let (code, log) = fate(data_dir.path(), &[(name, value)]).await;
        assert_eq!(code, Some(78), "{log}");
        let last = log.lines().last().expect("a line");
        assert!(last.contains(name) && !last.contains(value), "{last}");
    }
    assert!(!data_dir.path().join("admin-password").exists());
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    let mut auth = Auth::start().await;
    auth.process.kill();
    let mut keys = fs::read_dir(auth.file("keys")).expect("keys");
    let key = keys.next().expect("a key").expect("a key").path();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("changed");
    let (code, log) = fate(auth.data_dir.path(), &[]).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("can be read by others"), "{log}");
}
