//! Logs: pretty on a terminal, JSON elsewhere. Rules are in `docs/LOGGING.md`.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::LogFormat;

/// The web server tells of each of its starts twice; what the HTTP library calls an error is what a
/// stranger sent: a head that is too large, or ends too soon.
const QUIET: &str = "info,actix_server=warn,actix_http=off";

/// Starts logging to stderr, filtered by `RUST_LOG` (default `info`), which adds to what is quiet and
/// may name it otherwise. A second start is ignored, so
/// that tests may assemble several services in one process.
pub fn start(format: Option<LogFormat>) {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let filter = EnvFilter::try_new(format!("{QUIET},{asked}"));
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(QUIET));
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal {
        LogFormat::Pretty
    } else {
        LogFormat::Json
    });
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Pretty => builder.with_ansi(terminal).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
