//! Settings that are refused: one line, naming the setting and never its value.

use service_kit::{
    Service,
    config::{ConfigFault, Environment, Kind, SETTINGS, Setting, Usage, load},
};

use crate::{AUTH, GATEWAY, config::environment};

fn fault(toml: &str, names: &[(&str, &str)]) -> String {
    let fault = load(&AUTH, toml, &environment(names))
        .expect_err("bad settings")
        .to_string();
    assert!(!fault.contains('\n'), "one line: {fault}");
    fault
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    let rows = [
        (
            "DEVMENTOR__REDIS__CACHE__URI",
            "DEVMENTOR__REDIS__CACHE__URL",
        ),
        (
            "DEVMENTOR__REDS__STREAMS__TIMEOUT_MS",
            "DEVMENTOR__REDIS__STREAMS__TIMEOUT_MS",
        ),
        ("DEVMENTOR__HTTP_ADDR", "DEVMENTOR__HTTP__ADDR"),
        ("DEVMENTOR__http__addr", "DEVMENTOR__HTTP__ADDR"),
        (
            "DEVMENTOR__SESSION__IDLE_SECOND_FILE",
            "DEVMENTOR__SESSION__IDLE_SECONDS",
        ),
    ];
    for (name, near) in rows {
        let fault = fault("", &[(name, "s3cret")]);
        assert!(
            fault.starts_with(&format!("{name} is not a setting")),
            "{fault}"
        );
        if name != "DEVMENTOR__http__addr" {
            assert!(fault.ends_with(&format!("did you mean {near}?")), "{fault}");
        }
        assert!(!fault.contains("s3cret"), "{fault}");
    }
    assert_eq!(
        fault("[sesion]\nidle_seconds = 3", &[]),
        "sesion.idle_seconds is not a setting; did you mean session.idle_seconds?"
    );
    assert!(fault("redis = 3", &[]).starts_with("redis is not a setting"));
}

#[test]
fn a_bad_value_is_refused_under_the_name_it_was_written_with() {
    for setting in SETTINGS {
        for bad in bad_values(setting.kind) {
            let name = setting.env_name();
            for service in [AUTH, GATEWAY] {
                let fault = load(&service, "", &environment(&[(&name, bad)])).expect_err(&name);
                let text = fault.to_string();
                assert!(matches!(fault, ConfigFault::Bad { .. }), "{text}");
                assert!(
                    text.starts_with(&format!("{name} is not usable: expected ")),
                    "{text}"
                );
            }
        }
    }
}

fn bad_values(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Address => &[
            "",
            "8080",
            "localhost:8080",
            "127.0.0.1",
            "127.0.0.1:99999",
            "127.0.0.1:8080 ",
        ],
        Kind::Networks => &["10.0.0.0/33", "host", "::1,,x"],
        Kind::Sender => &[
            "nobody",
            "@example.com",
            "a@",
            "a@b@c",
            "a b@example.com",
            "Name <a@example.com",
            "Name a@example.com>",
            "a@example.com, b@example.com",
            "Name\nBcc: x@y <a@example.com>",
        ],
        Kind::Origins => &[
            "app.example.com",
            "ftp://host",
            "https://host/",
            "https://host/path",
        ],
        Kind::Url(schemes) if schemes == ["http", "https"] => &[
            "",
            "host",
            "http://",
            "http://:1",
            "http://host:99999",
            "http://host:x",
            "http://u:s3cret@h:1x",
        ],
        Kind::Url(_) => &[
            "",
            "host",
            "gopher://host",
            "http://",
            "redis://",
            "sqlite://a b",
        ],
        Kind::Number(_) => &[
            "",
            "-1",
            "1.5",
            "1e3",
            " 1",
            "1000000001",
            "99999999999999999999",
            "0x10",
        ],
        Kind::Flag => &["", "yes", "1", "TRUE"],
        Kind::Choice(_) => &["", "other", "OPEN"],
        Kind::Text | Kind::Secret => &[],
    }
}

#[test]
fn files_of_tls_are_refused_and_not_ignored() {
    let refused = SETTINGS
        .iter()
        .filter(|setting| setting.usage == Usage::Refused);
    let names: Vec<_> = refused.map(Setting::env_name).collect();
    assert_eq!(names.len(), 11);
    for name in &names {
        let fault = fault("", &[(name, "/etc/tls/file.pem")]);
        assert!(
            fault.starts_with(name) && fault.contains("unset it"),
            "{fault}"
        );
        // As compose files leave a name unset.
        load(&AUTH, "", &environment(&[(name, "")])).expect("not set");
    }
}

#[test]
fn providers_that_cannot_be_used_are_refused() {
    for bad in [
        "ai.providers = 3",
        "ai.providers = ['a']",
        "[[ai.providers]]\nname = 'a'",
        "[[ai.providers]]\nurl = 'ftp://h'",
        "[[ai.providers]]\nurl = 'http://h'\nprice_in = -1",
        "[[ai.providers]]\nurl = 'http://h'\nprise = 1",
        "[[ai.providers]]\nurl = 'http://h'\napi_key = 3",
    ] {
        assert!(fault(bad, &[]).starts_with("ai.providers"), "{bad}");
    }
}

#[test]
fn zero_is_refused_where_nothing_would_work_with_it() {
    for setting in SETTINGS
        .iter()
        .filter(|setting| setting.kind == Kind::Number(1))
    {
        let name = setting.env_name();
        let fault = fault("", &[(&name, "0")]);
        assert!(fault.contains("from 1 to 1000000000"), "{fault}");
    }
}

#[test]
fn stand_ins_are_checked_under_their_own_names() {
    let rows = [
        ("PORT", "web"),
        ("REDIS_URL", "cache:6379"),
        ("DATABASE_URL", "mysql://h/d"),
        ("REDIS_STREAMS_URL", ""),
        ("REDIS_DB", "first"),
        ("REDIS_MAX_CONNECTIONS", "0"),
        ("REDIS_SOCKET_TIMEOUT", "soon"),
        ("REDIS_SOCKET_TIMEOUT", "-1"),
    ];
    for (name, value) in rows {
        assert!(fault("", &[(name, value)]).starts_with(&format!("{name} is not usable")));
    }
}

#[test]
fn a_file_for_a_secret_has_to_be_there_and_alone() {
    let missing = fault(
        "",
        &[("DEVMENTOR__REDIS__CACHE__PASSWORD_FILE", "/no/such/file")],
    );
    assert!(
        missing.starts_with("DEVMENTOR__REDIS__CACHE__PASSWORD_FILE is not usable"),
        "{missing}"
    );
    let twice = fault(
        "",
        &[
            ("DEVMENTOR__REDIS__CACHE__PASSWORD", "s3cret"),
            ("DEVMENTOR__REDIS__CACHE__PASSWORD_FILE", "/dev/null"),
        ],
    );
    assert!(twice.contains("keep one"), "{twice}");
}

#[test]
fn dangerous_combinations_are_refused() {
    let longer = fault("", &[("DEVMENTOR__SESSION__ABSOLUTE_SECONDS", "60")]);
    assert!(longer.contains("session.idle_seconds"), "{longer}");
    let longer = fault("", &[("DEVMENTOR__SESSION__IDLE_SECONDS", "2592001")]);
    assert!(
        longer.starts_with("DEVMENTOR__SESSION__IDLE_SECONDS"),
        "{longer}"
    );
}

#[test]
fn a_database_that_a_service_cannot_use_is_refused() {
    const PROJECTS: Service = Service {
        name: "project-service",
        ..AUTH
    };
    for name in ["DEVMENTOR__DATABASE__URL", "DATABASE_URL"] {
        let settings = environment(&[(name, "postgres://u:s3cret@h/d")]);
        let refused = load(&PROJECTS, "", &settings).expect_err("refused");
        let refused = refused.to_string();
        assert!(
            refused.starts_with(name) && refused.contains("sqlite://"),
            "{refused}"
        );
        assert!(!refused.contains("s3cret"), "{refused}");
        for service in [AUTH, GATEWAY] {
            load(&service, "", &settings).expect("theirs to use, or to ignore");
        }
    }
}

#[test]
fn no_fault_repeats_a_value() {
    let secrets = [
        ("DEVMENTOR__REDIS__CACHE__URL", "redis://u:s3cret@h:99999"),
        ("DEVMENTOR__REDIS__STREAMS__URL", "http://u:s3cret@h"),
        ("DEVMENTOR__DATABASE__URL", "mysql://u:s3cret@h/d"),
        ("DEVMENTOR__UPSTREAM__AUTH", "http://u:s3cret@h:99999x"),
        ("DEVMENTOR__HTTP__ADDR", "s3cret"),
        ("DATABASE_URL", "mysql://u:s3cret@h/d"),
    ];
    for (name, value) in secrets {
        let fault = fault("", &[(name, value)]);
        assert!(
            fault.starts_with(name) && !fault.contains("s3cret"),
            "{fault}"
        );
    }
    for toml in [
        "password = s3cret",
        "[redis.cache]\nurl = 's3cret",
        "[redis.cache]\nurl = 's3cret'",
    ] {
        assert!(!fault(toml, &[]).contains("s3cret"), "{toml}");
    }
}

#[test]
fn a_broken_file_is_refused() {
    for toml in [
        "[",
        "x",
        "a = 1\na = 2",
        "[session]\nidle_seconds = 1.5",
        "[session]\nidle_seconds = true",
    ] {
        load(&AUTH, toml, &Environment::new()).expect_err(toml);
    }
}
