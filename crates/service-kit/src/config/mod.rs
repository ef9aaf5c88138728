//! Settings: defaults compiled in, then a TOML file, then the environment; later wins. All are
//! checked whole before a port is bound; a fault is one line and exit code 78.

mod fault;
mod load;
mod providers;
mod reference;
mod settings;

pub use fault::ConfigFault;
pub use load::{Environment, load, load_for, process_environment};
pub use reference::{Kind, SETTINGS, Setting, Usage, reference_markdown};
pub use settings::{
    Bootstrap, Jwt, Limits, Lockout, LogFormat, Mail, RedisInstanceSettings, Registration, Session,
    Settings, Upstream,
};
