//! `devmentor streams repair`: a stream goes on after an operator's slip.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use anyhow::Context;
use redis_contracts::{STREAMS, StreamFamily};
use serde_json::json;

use crate::{
    arguments::Global,
    direct::Direct,
    output::{self, Usage},
};

/// Repairs the stream of this name, once who runs it agrees.
pub(crate) async fn run(global: &Global, name: &str, agreed: bool) -> anyhow::Result<ExitCode> {
    let stream = named(name)?;
    let direct = Direct::new(global, global.redis.as_deref().unwrap_or_default())?;
    if !agreed && !agrees(name)? {
        output::tell("Nothing was changed.");
        return Ok(ExitCode::FAILURE);
    }
    let work = async {
        let taken = direct.repair(stream).await?;
        if global.json {
            output::document(&json!({ "stream": name, "dead_letters": taken }));
        } else {
            output::answer(&said(name, taken));
        }
        Ok(ExitCode::SUCCESS)
    };
    direct.serve(work).await
}

fn named(name: &str) -> anyhow::Result<&'static StreamFamily<()>> {
    let named = |of: &&StreamFamily<()>| of.key(()).name() == name;
    let unknown = || {
        let names = STREAMS.iter().map(|of| of.key(()).name().to_owned());
        let names = names.collect::<Vec<_>>().join(", ");
        Usage(format!("{name} is not known; there are {names}"))
    };
    STREAMS.iter().copied().find(named).with_context(unknown)
}

/// Whether a person at the terminal says yes.
fn agrees(name: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        let hint = "nobody can be asked here; --yes repairs without asking";
        return Err(Usage(hint.to_owned()).into());
    }
    output::tell(&format!(
        "Entries of {name} from more than a minute ahead become dead letters; a key that is no stream is deleted \
         with what it holds. Type yes to go on:"
    ));
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim() == "yes")
}

fn said(name: &str, taken: u64) -> String {
    match taken {
        0 => format!("{name} goes on; no entry was in its way."),
        1 => format!("{name} goes on; 1 entry is a dead letter now: devmentor dlq list {name}"),
        _ => {
            format!(
                "{name} goes on; {taken} entries are dead letters now: devmentor dlq list {name}"
            )
        }
    }
}
