//! Settings that are good: defaults, layers, stand-ins.

use std::time::Duration;

use redis_access::RedisSettings;
use secrecy::ExposeSecret;
use service_kit::{
    Service, Settings,
    config::{Environment, Kind, SETTINGS, Setting, Usage, load, load_for},
};

use crate::{AUTH, GATEWAY};

pub(crate) fn environment(names: &[(&str, &str)]) -> Environment {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    names.iter().map(pair).collect()
}

fn loaded(service: &Service, toml: &str, names: &[(&str, &str)]) -> Settings {
    load(service, toml, &environment(names)).expect("good settings")
}

#[test]
fn the_defaults_of_every_service_are_good() {
    for service in [AUTH, GATEWAY] {
        let settings = loaded(&service, "", &[]);
        assert_eq!(settings.ops.addr.port(), service.ops_port);
        assert_eq!(settings.http.addr.port(), service.http_port);
        assert_eq!(
            settings.grpc.addr.map(|addr| addr.port()),
            service.grpc_port
        );
        assert!(settings.ops.addr.ip().is_loopback());
        let database = format!("sqlite://.devmentor/{}.db", service.name);
        assert_eq!(settings.database.url.expose_secret(), database);
    }
    let settings = loaded(&AUTH, "", &[]);
    assert_eq!(
        (
            settings.session.idle_seconds,
            settings.session.absolute_seconds
        ),
        (3600, 2_592_000)
    );
    let (cache, streams) = (
        settings.redis.cache.access(),
        settings.redis.streams.access(),
    );
    for (read, url) in [
        (cache, "redis://127.0.0.1:6379"),
        (streams, "redis://127.0.0.1:6380"),
    ] {
        assert_eq!(read.url.expose_secret(), url);
        let default = RedisSettings::new(url);
        assert_eq!(format!("{read:?}"), format!("{default:?}"));
    }
}

#[test]
fn every_name_is_taken_by_every_service_from_both_layers() {
    let taken = |setting: &&Setting| setting.usage != Usage::Refused;
    for setting in SETTINGS.iter().filter(taken) {
        let value = good_value(setting.kind);
        for service in [AUTH, GATEWAY] {
            let environment = environment(&[(&setting.env_name(), value)]);
            load(&service, "", &environment).unwrap_or_else(|fault| panic!("{fault}"));
            let toml = format!("{} = '{value}'", setting.name);
            load(&service, &toml, &Environment::new()).unwrap_or_else(|fault| panic!("{fault}"));
        }
    }
}

/// Secrets with a default look the same whatever they are.
#[test]
fn a_setting_is_marked_as_used_where_it_has_a_field_and_nowhere_else() {
    let shown = |names: &[(&str, &str)]| format!("{:?}", loaded(&GATEWAY, "", names));
    let before = shown(&[]);
    for setting in SETTINGS {
        let name = setting.env_name();
        let changes = || shown(&[(&name, good_value(setting.kind))]) != before;
        match setting.usage {
            Usage::Refused => {}
            Usage::Later => assert!(!changes(), "{name} has a field"),
            Usage::Used if HIDDEN.contains(&setting.name) => {}
            Usage::Used => assert!(changes(), "{name} has no field"),
        }
    }
}

const HIDDEN: [&str; 3] = ["redis.cache.url", "redis.streams.url", "database.url"];

#[test]
fn providers_of_a_file_are_taken() {
    let file = "[ai]\nmodel = 'small'\n[[ai.providers]]\nname = 'a'\nurl = 'https://a.example.com/v1'\nmodel = 'm'\n\
                api_key = 'k'\nprice_in = 0.5\nprice_out = 2\n[[ai.providers]]\nurl = 'http://127.0.0.1:1'";
    loaded(&GATEWAY, file, &[]);
}

#[test]
fn a_host_injects_how_both_redis_are_reached() {
    let host = [
        ("REDIS_PASSWORD", "s3cret"),
        ("REDIS_DB", "2"),
        ("REDIS_MAX_CONNECTIONS", "7"),
        ("REDIS_SOCKET_TIMEOUT", "2.5"),
        ("DEVMENTOR__REDIS__STREAMS__DB", "3"),
    ];
    let settings = loaded(&GATEWAY, "", &host);
    for (redis, db) in [(settings.redis.cache, 2), (settings.redis.streams, 3)] {
        let access = redis.access();
        let password = access.password.expect("a password");
        assert_eq!(password.expose_secret(), "s3cret");
        assert_eq!((access.db, access.pool_size), (Some(db), 7));
        assert_eq!(access.timeout, Duration::from_millis(2500));
    }
}

fn good_value(kind: Kind) -> &'static str {
    match kind {
        Kind::Address => "0.0.0.0:9999",
        Kind::Url(schemes) if schemes.contains(&"sqlite") => "sqlite:///var/lib/x.db",
        Kind::Url(schemes) => match schemes[0] {
            "redis" => "redis://user:password@host:7000/1",
            "file" => "file:///var/mail",
            "bolt" => "bolt+s://host:7687",
            _ => "http://host:1",
        },
        Kind::Number(_) => "4000",
        Kind::Flag => "false",
        Kind::Choice(words) => words[words.len() - 1],
        Kind::Secret | Kind::Text => "text",
        Kind::Networks => "10.0.0.0/8, ::1",
        Kind::Origins => "https://app.example.com",
        Kind::Sender => "Dev Mentor <no-reply@example.com>",
    }
}

#[test]
fn later_layers_win() {
    let file =
        "[session]\nidle_seconds = 100\nabsolute_seconds = 200\n[http]\naddr = '127.0.0.1:1'";
    let settings = loaded(&AUTH, file, &[("DEVMENTOR__SESSION__IDLE_SECONDS", "150")]);
    assert_eq!(
        (
            settings.session.idle_seconds,
            settings.session.absolute_seconds
        ),
        (150, 200)
    );
    assert_eq!(settings.shutdown.grace_seconds, 20);
}

#[test]
fn a_secret_is_read_from_the_file_that_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "s3cret \n").expect("written");
    let path = file.path().display().to_string();
    let settings = loaded(
        &AUTH,
        "",
        &[("DEVMENTOR__BOOTSTRAP__ADMIN_PASSWORD_FILE", &path)],
    );
    let password = settings.bootstrap.admin_password.expect("a password");
    assert_eq!(
        password.expose_secret(),
        "s3cret ",
        "only the line's end is taken off"
    );
    assert!(!format!("{password:?}").contains("s3cret"));
}

#[test]
fn what_a_host_injects_stands_in_for_what_is_not_set() {
    let host = [
        ("REDIS_URL", "redis://cache:1"),
        ("REDIS_STREAMS_URL", "redis://streams:2"),
        ("DATABASE_URL", "sqlite:///data/x.db"),
        ("PORT", "9000"),
    ];
    let settings = loaded(&GATEWAY, "", &host);
    assert_eq!(
        settings.redis.cache.access().url.expose_secret(),
        "redis://cache:1"
    );
    assert_eq!(
        settings.redis.streams.access().url.expose_secret(),
        "redis://streams:2"
    );
    assert_eq!(settings.database.url.expose_secret(), "sqlite:///data/x.db");
    assert_eq!(settings.http.addr.to_string(), "0.0.0.0:9000");
    assert_eq!(settings.ops.addr.to_string(), "127.0.0.1:8090");
    assert_eq!(
        loaded(&AUTH, "", &host).ops.addr.to_string(),
        "0.0.0.0:9000"
    );

    let mut both = host.to_vec();
    both.push(("DEVMENTOR__HTTP__ADDR", "127.0.0.1:7"));
    both.push(("DEVMENTOR__REDIS__CACHE__URL", "redis://ours:3"));
    let settings = loaded(&GATEWAY, "", &both);
    assert_eq!(settings.http.addr.to_string(), "127.0.0.1:7");
    assert_eq!(loaded(&AUTH, "", &both).ops.addr.to_string(), "127.0.0.1:7");
    assert_eq!(
        settings.redis.cache.access().url.expose_secret(),
        "redis://ours:3"
    );
}

#[test]
fn other_names_of_the_environment_are_not_ours() {
    loaded(
        &AUTH,
        "",
        &[
            ("DEVMENTOR_URL", "x"),
            ("DEVMENTOR", "y"),
            ("PATH", "z"),
            ("RUST_LOG", "debug"),
        ],
    );
}

#[test]
fn the_data_directory_moves_what_lies_in_it() {
    let settings = loaded(&AUTH, "", &[("DEVMENTOR__DATA_DIR", "/srv/here")]);
    assert_eq!(
        settings.database.url.expose_secret(),
        "sqlite:///srv/here/auth-service.db"
    );
}

#[test]
fn a_file_named_on_the_command_line_has_to_be_there() {
    let missing = std::path::Path::new("no-such-file.toml");
    let fault = load_for(&AUTH, Some(missing), &Environment::new()).expect_err("no file");
    assert!(
        fault.to_string().starts_with("no-such-file.toml: "),
        "{fault}"
    );
}
