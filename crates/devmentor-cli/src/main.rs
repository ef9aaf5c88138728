//! `devmentor`: starts the platform and talks to a running one.
//!
//! Exit 0: good. 1: the thing asked about is bad. 2: wrong usage.

mod api;
mod arguments;
mod auth;
mod config_check;
mod direct;
mod dlq;
mod generated;
mod import;
mod manifest;
mod output;
mod redis;
mod repair;
mod smoke;
mod source;
mod status;
mod streams;
mod up;
mod user;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    api::Api,
    arguments::{Arguments, Command, ConfigCommand, Global, StreamsCommand},
    output::Usage,
    source::Source,
};

/// One thread: a child of `up` dies with the thread that started it, which has to be this one.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { global, command } = Arguments::parse();
    match run(&global, command).await {
        Ok(code) => code,
        Err(error) => {
            output::tell(&format!("devmentor: {error:#}"));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

async fn run(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    let api = || Api::new(global);
    match command {
        Command::Up(options) => up::run(global, &options).await,
        Command::Status => {
            let source = Source::new(global)?;
            source.serve(status::table(&source, global.json)).await
        }
        Command::Health { service } => {
            status::health(&api()?, service.as_deref(), global.json).await
        }
        Command::Import { file, project } => {
            import::run(&api()?, &file, &project, global.json).await
        }
        Command::Streams {
            command: Some(StreamsCommand::Repair { stream, yes }),
            ..
        } => repair::run(global, &stream, yes).await,
        Command::Streams { watch, .. } => {
            let source = Source::new(global)?;
            let work = async {
                match watch {
                    true => streams::watch(&source).await,
                    false => streams::list(&source, global.json).await,
                }
            };
            source.serve(work).await
        }
        Command::Dlq { command } => {
            let source = Source::new(global)?;
            source.serve(dlq::run(&source, command, global.json)).await
        }
        Command::Redis(options) => redis::run(global, &options),
        Command::Smoke => smoke::run(&api()?, global.json).await,
        Command::Config {
            command: ConfigCommand::Check,
        } => config_check::run(global.json),
        Command::User { command } => user::run(&api()?, command, global.json).await,
        Command::Auth { command } => auth::run(&api()?, command, global.json).await,
        Command::ExecChild { parent, command } => up::exec_child(parent, &command),
    }
}
