//! The reference document, made from the declarations.

use std::fmt::Write;

use crate::{Instance, catalog, event::EventBody, script::SCRIPTS};

/// `docs/redis.md`, whole.
pub fn reference_markdown() -> String {
    let mut out = String::from(
        "# What is in Redis\n\n\
         Generated from `crates/redis-contracts` by `make docs`; `make check` fails when it is out of step.\n\
         Braces are placeholders and are never written. Each Redis is one primary, with replicas where they are\n\
         wanted: scripts take keys of several people and projects at once, so none can be a Cluster.\n",
    );
    for instance in [Instance::Cache, Instance::Streams] {
        let _ = write!(
            out,
            "\n## Redis {instance}\n\n\
             | name | type | lifetime | value | written by | holds |\n\
             | --- | --- | --- | --- | --- | --- |\n"
        );
        for (_, entry, value) in catalog().into_iter().filter(|(of, ..)| *of == instance) {
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | `{value}` | {} | {} |",
                entry.pattern, entry.kind, entry.lifetime, entry.producer, entry.holds
            );
        }
    }
    out.push_str("\n## Event types\n\n");
    for name in EventBody::TYPES {
        let _ = writeln!(out, "- `{name}`");
    }
    out.push_str("\n## Scripts\n");
    for script in SCRIPTS {
        let head = script.own.lines().take_while(|line| line.starts_with("--"));
        let _ = write!(out, "\n### `{}`\n\n```text\n", script.name);
        for line in head {
            let _ = writeln!(
                out,
                "{}",
                line.trim_start_matches("--").trim_start_matches(' ')
            );
        }
        out.push_str("```\n");
    }
    out
}
