//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::manifest::Instance;

/// The largest port offset: the highest port of the platform stays below 65,536.
const LARGEST_OFFSET: i64 = 15_000;

/// Starts DevMentor and talks to a running one.
#[derive(Parser)]
#[command(
    name = "devmentor",
    bin_name = "devmentor",
    version,
    propagate_version = true,
    after_help = "\
Examples:
  devmentor up
  devmentor import archive.json --project ECH
  devmentor --port-offset 100 status

Exit 0: good. 1: the thing asked about is bad. 2: wrong usage."
)]
pub(crate) struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Args)]
pub(crate) struct Global {
    /// Address of the running platform [default: the gateway of --port-offset]
    #[arg(long, global = true, env = "DEVMENTOR_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Access or machine token [default: the bootstrap admin of --data-dir signs in; kept in its cli-session.json]
    #[arg(
        long,
        global = true,
        env = "DEVMENTOR_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub(crate) token: Option<String>,
    /// status, streams and dlq ask the streams Redis itself, as where a worker runs alone [without URL: the one of DEVMENTOR__REDIS__STREAMS__URL or --data-dir]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        hide_default_value = true
    )]
    pub(crate) redis: Option<String>,
    /// Where the platform keeps its files
    #[arg(long, global = true, default_value = ".devmentor", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Added to every port, so that several platforms run side by side
    #[arg(long, global = true, default_value_t = 0, value_name = "N",
          value_parser = clap::value_parser!(u16).range(0..=LARGEST_OFFSET))]
    pub(crate) port_offset: u16,
    /// One JSON document on stdout; progress and logs on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Starts the platform and stays in the foreground; Ctrl-C stops all of it
    #[command(after_help = "\
Examples:
  devmentor up
  devmentor up --tour
  devmentor up --data-dir /tmp/second --port-offset 100
  devmentor up --only redis-streams,learning-consumer
  devmentor up --only redis-cache,redis-streams,auth-service --no-build")]
    Up(UpOptions),
    /// Shows services, Redis and databases; exit 1 unless all are ok
    #[command(
        after_help = "Examples:\n  devmentor status\n  devmentor status --json\n  devmentor status --redis=redis://streams.internal:6380"
    )]
    Status,
    /// Tells whether the platform, or one part of it, is ok; exit 1 unless it is
    #[command(
        after_help = "Examples:\n  devmentor health\n  devmentor health project-service\n  devmentor health redis-streams"
    )]
    Health {
        /// A name that `devmentor status` shows
        service: Option<String>,
    },
    /// Imports a GitHub-issues archive; a second run changes nothing, a run cut off is finished by running it again
    #[command(after_help = "\
Examples:
  devmentor import archive.json --project ECH
  devmentor import archive.json --project ECH --json 2>/dev/null")]
    Import {
        /// The archive (JSON, at most 64 MiB)
        file: PathBuf,
        /// Key of the project; it is created when the key is free
        #[arg(long, value_name = "KEY")]
        project: String,
    },
    /// Shows streams and their consumer groups; exit 1 when a group is a minute behind or nobody reads it
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "\
Examples:
  devmentor streams
  devmentor streams --watch
  devmentor streams --json
  devmentor streams --redis
  devmentor streams repair user:feedback"
    )]
    Streams {
        /// Looks again every two seconds, until Ctrl-C
        #[arg(long, conflicts_with = "json")]
        watch: bool,
        /// What to do beside looking.
        #[command(subcommand)]
        command: Option<StreamsCommand>,
    },
    /// Dead letters: entries that no consumer can take
    #[command(arg_required_else_help = true)]
    Dlq {
        /// What to do with them.
        #[command(subcommand)]
        command: DlqCommand,
    },
    /// redis-cli on a Redis that `up` started, as a user who reads; with --write as one who writes
    #[command(after_help = "\
Examples:
  devmentor redis streams
  devmentor redis streams XRANGE dlq:user:feedback - +
  devmentor redis cache --scan --pattern 'session:*'
  devmentor redis streams --write XADD user:feedback '*' event '{}'
  devmentor --data-dir /tmp/second --port-offset 100 redis streams INFO memory

Options of devmentor stand before the command of Redis. The exit code is redis-cli's.")]
    Redis(RedisOptions),
    /// Goes the whole way as a new person: sign up, project, live event, mentor, rating, profile, and away again; exit 1 names the step that failed
    #[command(
        after_help = "Examples:\n  devmentor smoke\n  devmentor smoke --url https://mentor.example.org --json"
    )]
    Smoke,
    /// Settings
    #[command(arg_required_else_help = true)]
    Config {
        /// What to do with them.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Accounts
    #[command(arg_required_else_help = true)]
    User {
        /// What to do with them.
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Sign-in and access tokens
    #[command(arg_required_else_help = true)]
    Auth {
        /// What to do with them.
        #[command(subcommand)]
        command: AuthCommand,
    },
    /// Becomes a program that ends with the process that started it
    #[command(hide = true)]
    ExecChild {
        /// The process that starts it.
        #[arg(long)]
        parent: i32,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// Options of `up`.
#[derive(Args)]
pub(crate) struct UpOptions {
    /// Runs only what is named
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    pub(crate) only: Vec<String>,
    /// Starts what was built before
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Makes a first project that teaches the product, in an empty data directory
    #[arg(long)]
    pub(crate) tour: bool,
}

/// Options of `redis`.
#[derive(Args)]
pub(crate) struct RedisOptions {
    /// Which of the two
    #[arg(value_name = "cache|streams", hide_possible_values = true)]
    pub(crate) instance: Instance,
    /// May write
    #[arg(long)]
    pub(crate) write: bool,
    /// A command with its arguments, or options of redis-cli; none: a prompt
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

/// What to do with streams.
#[derive(Subcommand)]
pub(crate) enum StreamsCommand {
    /// Takes what an operator put in a stream's way out of it: entries from the future become dead letters, a key that is no stream is deleted
    #[command(after_help = "\
Examples:
  devmentor streams repair user:feedback
  devmentor streams repair ai:events --yes
  devmentor --redis=redis://streams.internal:6380 streams repair user:feedback

Works on the streams Redis itself. Those whose IDs a service gives (stream:devmentor:projects, auth:events) are
repaired by that service. A worker that runs repairs what it reads as well.")]
    Repair {
        /// Its name, as `streams` shows it
        stream: String,
        /// Does not ask first
        #[arg(long)]
        yes: bool,
    },
}

/// What to do with dead letters.
#[derive(Subcommand)]
pub(crate) enum DlqCommand {
    /// Lists those of one stream, or of all, newest first
    #[command(after_help = "\
Examples:
  devmentor dlq list
  devmentor dlq list user:feedback --limit 1000
  devmentor dlq list --redis")]
    List {
        /// The stream they were in
        stream: Option<String>,
        /// At most so many of a stream
        #[arg(long, default_value_t = 100, value_name = "N",
              value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Shows one with its event
    #[command(after_help = "Example:\n  devmentor dlq show user:feedback 1700000000000-0")]
    Show {
        /// The stream it was in
        stream: String,
        /// Its id, as `dlq list` shows it
        id: String,
    },
}

/// What to do with settings.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Checks the settings of every service; exit 1 when one is refused
    #[command(after_help = "Example:\n  DEVMENTOR__LOG__FORMAT=json devmentor config check")]
    Check,
}

/// What to do with accounts.
#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Makes an account; a password that is not given is generated and printed
    #[command(after_help = "\
Examples:
  devmentor user create --email ada@example.org --handle ada
  devmentor user create --email ada@example.org --handle ada --password-file secret.txt --admin")]
    Create {
        /// Address to sign in with
        #[arg(long)]
        email: String,
        /// Name that others see
        #[arg(long)]
        handle: String,
        /// File whose first line is the password
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Makes them an admin as well
        #[arg(long)]
        admin: bool,
    },
    /// Makes an account an admin
    #[command(after_help = "Example:\n  devmentor user promote ada@example.org")]
    Promote {
        /// Their address
        email: String,
    },
    /// Lists all accounts, newest first
    #[command(after_help = "Examples:\n  devmentor user list\n  devmentor user list --json")]
    List,
    /// Lifts all locks of an account: wrong passwords so far count no more
    #[command(after_help = "Example:\n  devmentor user unlock ada@example.org")]
    Unlock {
        /// Their address
        email: String,
    },
}

/// What to do with access tokens.
#[derive(Subcommand)]
pub(crate) enum AuthCommand {
    /// Makes a new key that signs access tokens; those signed before stay good
    #[command(after_help = "Example:\n  devmentor auth rotate-keys")]
    RotateKeys,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_offset_too_large_is_wrong_usage() {
        let refused = Arguments::try_parse_from(["devmentor", "up", "--port-offset", "15001"]);
        assert_eq!(refused.err().map(|error| error.exit_code()), Some(2));
        assert!(Arguments::try_parse_from(["devmentor", "--port-offset", "15000", "up"]).is_ok());
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command) {
            let leaves: Vec<_> = command
                .get_subcommands()
                .filter(|sub| !sub.is_hide_set())
                .collect();
            if leaves.is_empty() {
                let help = command
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(
                    help.contains("devmentor"),
                    "{} shows none",
                    command.get_name()
                );
            }
            leaves.into_iter().for_each(check);
        }
        check(&Arguments::command());
    }
}
