//! Reading and checking settings.

use std::{collections::BTreeMap, fs, path::Path};

use config::{Config, Value, ValueKind};
use secrecy::ExposeSecret;

use super::{ConfigFault, Kind, SETTINGS, Setting, Settings, Usage, providers, reference::Default};
use crate::process::Service;

/// The environment, injectable so that tests never touch the process's own.
pub type Environment = BTreeMap<String, String>;

/// The process's own environment. What is no Unicode is replaced, so that it is refused by its name
/// where it matters, and nowhere a panic as with `std::env::vars`.
pub fn process_environment() -> Environment {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Services whose SQL is a file of SQLite so far.
const SQLITE_ONLY: [&str; 1] = ["project-service"];

/// Files of TLS: ignored, they would leave open what their owner believes closed.
const NOT_YET: &str =
    "this version has no use for it, so nothing would be protected by it; unset it";

const PREFIX: &str = "DEVMENTOR__";
const FILE_SUFFIX: &str = "_FILE";

/// Where a value was written, and the value.
struct Given {
    written_as: String,
    value: String,
}

type Values = BTreeMap<&'static str, Given>;

/// Settings of a service from its layers. `file` is the one named by `--config`.
pub fn load_for(
    service: &Service,
    file: Option<&Path>,
    environment: &Environment,
) -> Result<Settings, ConfigFault> {
    let fallback = format!("deploy/config/{}.toml", service.name);
    let file = file.or_else(|| Some(Path::new(&fallback)).filter(|path| path.exists()));
    let toml = match file {
        None => String::new(),
        Some(path) => fs::read_to_string(path).map_err(|error| ConfigFault::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?,
    };
    load(service, &toml, environment)
}

/// Settings of a service from the text of a TOML file and an environment.
pub fn load(
    service: &Service,
    toml: &str,
    environment: &Environment,
) -> Result<Settings, ConfigFault> {
    let mut values = Values::new();
    read_file(toml, &mut values)?;
    read_environment(environment, &mut values)?;
    stand_in(environment, &mut values);
    for setting in SETTINGS {
        if let Some(given) = values.get(setting.name) {
            if is_left_unset(setting, &given.value) {
                continue;
            }
            setting
                .kind
                .check(&given.value)
                .map_err(|expected| ConfigFault::bad(&given.written_as, expected))?;
            if setting.usage == Usage::Refused {
                return Err(ConfigFault::bad(&given.written_as, NOT_YET));
            }
        }
    }
    let settings = assemble(service, &values)?;
    refuse_dangerous(service, &settings, &values)?;
    Ok(settings)
}

fn read_file(toml: &str, values: &mut Values) -> Result<(), ConfigFault> {
    let table: toml::Table = toml
        .parse()
        .map_err(|error: toml::de::Error| ConfigFault::File {
            path: "settings file".to_owned(),
            reason: error
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        })?;
    let mut table = table;
    providers::take(&mut table)?;
    let mut found = Vec::new();
    flatten("", &table, &mut found);
    for (name, value) in found {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let Some(setting) = setting else {
            let nearest = nearest(
                &name,
                SETTINGS.iter().map(|setting| setting.name.to_owned()),
            );
            return Err(ConfigFault::Unknown { name, nearest });
        };
        values.insert(
            setting.name,
            Given {
                written_as: name,
                value,
            },
        );
    }
    Ok(())
}

fn flatten(prefix: &str, table: &toml::Table, found: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            toml::Value::Table(inner) => flatten(&name, inner, found),
            toml::Value::String(text) => found.push((name, text.clone())),
            toml::Value::Array(items) => {
                let texts: Vec<_> = items
                    .iter()
                    .map(|item| item.as_str().unwrap_or_default())
                    .collect();
                found.push((name, texts.join(",")));
            }
            other => found.push((name, other.to_string())),
        }
    }
}

fn read_environment(environment: &Environment, values: &mut Values) -> Result<(), ConfigFault> {
    for (name, value) in environment
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
    {
        let exact = SETTINGS.iter().find(|setting| setting.env_name() == *name);
        let (setting, value) = match (exact, name.strip_suffix(FILE_SUFFIX)) {
            (Some(setting), _) => (setting, value.clone()),
            (None, Some(base)) => (known(base, name)?, read_secret(name, value)?),
            (None, None) => (known(name, name)?, value.clone()),
        };
        if environment.contains_key(&format!("{name}{FILE_SUFFIX}")) {
            return Err(ConfigFault::bad(
                name,
                format!("{name}{FILE_SUFFIX} is set as well; keep one"),
            ));
        }
        let written_as = name.clone();
        values.insert(setting.name, Given { written_as, value });
    }
    Ok(())
}

fn known(env_name: &str, written_as: &str) -> Result<&'static Setting, ConfigFault> {
    SETTINGS
        .iter()
        .find(|setting| setting.env_name() == env_name)
        .ok_or_else(|| ConfigFault::Unknown {
            name: written_as.to_owned(),
            nearest: nearest(env_name, SETTINGS.iter().map(Setting::env_name)),
        })
}

fn read_secret(name: &str, path: &str) -> Result<String, ConfigFault> {
    let text = fs::read_to_string(path).map_err(|error| {
        ConfigFault::bad(name, format!("the file it names cannot be read: {error}"))
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    names.min_by_key(|known| strsim::damerau_levenshtein(name, known))
}

/// Names that hosts inject stand in for settings that are not set.
fn stand_in(environment: &Environment, values: &mut Values) {
    let names = [
        ("REDIS_URL", "redis.cache.url"),
        ("REDIS_STREAMS_URL", "redis.streams.url"),
        ("DATABASE_URL", "database.url"),
        ("PORT", "http.addr"),
        ("REDIS_PASSWORD", "redis.cache.password"),
        ("REDIS_PASSWORD", "redis.streams.password"),
        ("REDIS_DB", "redis.cache.db"),
        ("REDIS_DB", "redis.streams.db"),
        ("REDIS_MAX_CONNECTIONS", "redis.cache.pool_size"),
        ("REDIS_MAX_CONNECTIONS", "redis.streams.pool_size"),
        ("REDIS_SOCKET_TIMEOUT", "redis.cache.timeout_ms"),
        ("REDIS_SOCKET_TIMEOUT", "redis.streams.timeout_ms"),
    ];
    for (host_name, setting) in names {
        let Some(value) = environment.get(host_name) else {
            continue;
        };
        let value = match host_name {
            "PORT" => format!("0.0.0.0:{value}"),
            "REDIS_SOCKET_TIMEOUT" => in_ms(value),
            _ => value.clone(),
        };
        values.entry(setting).or_insert_with(|| Given {
            written_as: host_name.to_owned(),
            value,
        });
    }
}

/// Seconds, with a fraction or without; what is no number is refused as it came.
fn in_ms(seconds: &str) -> String {
    let ms = seconds
        .parse::<f64>()
        .map(|seconds| (seconds * 1000.0).round());
    ms.map_or_else(|_| seconds.to_owned(), |ms| ms.to_string())
}

/// An empty text is how compose files leave a name unset.
fn is_left_unset(setting: &Setting, value: &str) -> bool {
    let optional = setting.default == Default::Unset
        && matches!(setting.kind, Kind::Text | Kind::Secret | Kind::Sender);
    value.is_empty() && optional
}

fn assemble(service: &Service, values: &Values) -> Result<Settings, ConfigFault> {
    let given = |name: &str| values.get(name).map(|given| given.value.clone());
    let data_dir = given("data_dir").unwrap_or_else(|| ".devmentor".to_owned());
    let mut builder = Config::builder();
    for setting in SETTINGS {
        let default = || {
            setting
                .default_for(service)
                .map(|text| text.replace("{data_dir}", &data_dir))
        };
        // A service whose HTTP port is its ops port serves both where `http.addr` says.
        let shared = || match setting.name {
            "ops.addr" if !service.serves_http() => given("http.addr"),
            _ => None,
        };
        let Some(text) = given(setting.name).or_else(shared).or_else(default) else {
            continue;
        };
        if is_left_unset(setting, &text) {
            continue;
        }
        builder = builder
            .set_override(setting.name, typed(setting.kind, text))
            .map_err(|error| ConfigFault::bad(setting.name, error.to_string()))?;
    }
    for redis in ["redis.cache", "redis.streams"] {
        let is_given = values.contains_key(format!("{redis}.url").as_str());
        builder = builder
            .set_override(format!("{redis}.url_is_given"), is_given)
            .map_err(|error| ConfigFault::bad(redis, error.to_string()))?;
    }
    builder
        .build()
        .and_then(Config::try_deserialize)
        .map_err(|error| ConfigFault::bad("settings", error.to_string()))
}

fn typed(kind: Kind, text: String) -> Value {
    let kind = match kind {
        Kind::Number(_) => text.parse().map_or(ValueKind::Nil, ValueKind::I64),
        Kind::Flag => ValueKind::Boolean(text == "true"),
        _ => ValueKind::String(text),
    };
    Value::new(None, kind)
}

/// Values that are fine one by one, and not together or for this service.
fn refuse_dangerous(
    service: &Service,
    settings: &Settings,
    values: &Values,
) -> Result<(), ConfigFault> {
    let written = |name: &'static str| {
        values
            .get(name)
            .map_or(name, |given| given.written_as.as_str())
    };
    if settings.session.idle_seconds > settings.session.absolute_seconds {
        return Err(ConfigFault::bad(
            written("session.idle_seconds"),
            "it is longer than session.absolute_seconds",
        ));
    }
    for (name, redis) in [
        ("redis.cache.url", &settings.redis.cache),
        ("redis.streams.url", &settings.redis.streams),
    ] {
        let checked = redis.access().check();
        checked.map_err(|error| ConfigFault::bad(written(name), error.to_string()))?;
    }
    let is_sqlite = settings
        .database
        .url
        .expose_secret()
        .starts_with("sqlite://");
    if SQLITE_ONLY.contains(&service.name) && !is_sqlite {
        return Err(ConfigFault::bad(
            written("database.url"),
            format!("{} takes sqlite://FILE only so far", service.name),
        ));
    }
    Ok(())
}
