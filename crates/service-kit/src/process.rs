//! A process from start to exit: arguments, settings, telemetry, then the service's own tasks under
//! a supervisor.

use std::{
    future::Future,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use actix_web::web::ServiceConfig;
use anyhow::Context as _;
use clap::Parser;
use redis_access::CachePool;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::{self, Settings},
    grpc,
    health::{self, Health},
    metrics,
    ops::{self, Observe, Routes},
    private_file,
    probe::{self, Question},
    revision,
    supervisor::{Stage, Supervisor},
    telemetry,
};

/// Descriptors for everything but the connections of a server: Redis, SQL, the services behind, logs.
const RESERVED_FILES: usize = 512;

/// `EX_CONFIG` of sysexits.h: the settings are refused.
const EXIT_CONFIG: u8 = 78;

/// What a service is called and where it listens by default.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Directory, package, binary, image and tracing target.
    pub name: &'static str,
    /// Version of the build.
    pub version: &'static str,
    /// Default HTTP port.
    pub http_port: u16,
    /// Default gRPC port.
    pub grpc_port: Option<u16>,
    /// Default port of health and metrics.
    pub ops_port: u16,
}

impl Service {
    /// Whether it serves HTTP to others, beside health and metrics.
    pub const fn serves_http(&self) -> bool {
        self.http_port != self.ops_port
    }
}

/// What a service is assembled with.
pub struct Context {
    /// Who it is.
    pub service: Service,
    /// What it was told.
    pub settings: Settings,
    /// What it needs.
    pub health: Health,
    /// Its tasks.
    pub supervisor: Supervisor,
    listeners: Listeners,
    told_in: Option<CachePool>,
    observe: Vec<Observe>,
    routes: Routes,
}

/// What was bound before anything else was begun.
#[derive(Default)]
struct Listeners {
    ops: Option<TcpListener>,
    grpc: Option<TcpListener>,
}

#[derive(Parser)]
#[command(disable_version_flag = true)]
struct Arguments {
    /// Settings file (TOML); default deploy/config/SERVICE.toml where that exists
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Asks the process that runs here with these settings: exit 0 for yes, 1 for no
    #[arg(long, value_name = "QUESTION", num_args = 0..=1, default_missing_value = "ready")]
    health: Option<Question>,
    /// Prints the version
    #[arg(long)]
    version: bool,
}

const AFTER_HELP: &str = "\
Settings come from the file and from DEVMENTOR__SECTION__KEY in the environment; docs/configuration.md
lists them. Stops on SIGTERM or Ctrl-C after a drain. Exit 78: the settings are refused.

Example:
  DEVMENTOR__REDIS__CACHE__URL=redis://127.0.0.1:6379 RUST_LOG=debug ";

/// Runs a service as a process. `build` adds its tasks to the context; a [`config::ConfigFault`] of
/// its own counts as one of the settings.
pub fn run<F, B>(service: Service, build: B) -> ExitCode
where
    B: FnOnce(Context) -> F,
    F: Future<Output = anyhow::Result<Context>>,
{
    let command = <Arguments as clap::CommandFactory>::command()
        .name(service.name)
        .after_help(format!("{AFTER_HELP}{}", service.name));
    let matches = command.get_matches();
    let arguments = match <Arguments as clap::FromArgMatches>::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    if arguments.version {
        let revision = revision::running();
        say(&format!(
            "{} {} ({revision})",
            service.name, service.version
        ));
        return ExitCode::SUCCESS;
    }
    let environment = config::process_environment();
    let settings = match config::load_for(&service, arguments.config.as_deref(), &environment) {
        Ok(settings) => settings,
        Err(fault) => {
            complain(&format!("{}: {fault}", service.name));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if let Some(question) = arguments.health {
        return exit_with(service, probe::ask(question, settings.ops.addr));
    }
    private_file::only_private();
    telemetry::start(settings.log.format);
    metrics::tell_build(service.version, &revision::running());
    raise_open_files();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")
        .and_then(|runtime| runtime.block_on(start_and_serve(service, settings, build)));
    exit_with(service, outcome)
}

fn exit_with(service: Service, outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{}: {error:#}", service.name));
            match error.is::<config::ConfigFault>() {
                true => ExitCode::from(EXIT_CONFIG),
                false => ExitCode::FAILURE,
            }
        }
    }
}

async fn start_and_serve<F, B>(service: Service, settings: Settings, build: B) -> anyhow::Result<()>
where
    B: FnOnce(Context) -> F,
    F: Future<Output = anyhow::Result<Context>>,
{
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut context = Context::new(service, settings);
    context.listen()?;
    let context = build(context).await?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    context.serve(stop).await
}

impl Context {
    /// A context with no tasks yet.
    pub fn new(service: Service, settings: Settings) -> Self {
        let grace = Duration::from_secs(settings.shutdown.grace_seconds);
        Self {
            service,
            settings,
            health: Health::default(),
            supervisor: Supervisor::new(grace),
            listeners: Listeners::default(),
            told_in: None,
            observe: Vec::new(),
            routes: Arc::new(|_| {}),
        }
    }

    /// Binds its ports: a process that cannot be reached begins nothing that others would have to finish.
    fn listen(&mut self) -> anyhow::Result<()> {
        self.listeners.ops = Some(self.bind(self.settings.ops.addr)?);
        if self.service.grpc_port.is_some()
            && let Some(addr) = self.settings.grpc.addr
        {
            self.listeners.grpc = Some(self.bind(addr)?);
        }
        Ok(())
    }

    /// Binds an address; the error names it.
    pub fn bind(&self, addr: SocketAddr) -> anyhow::Result<TcpListener> {
        let listener =
            TcpListener::bind(addr).with_context(|| format!("cannot listen on {addr}"))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Called before metrics are read.
    pub fn observe(&mut self, gauges: impl Fn() + Send + Sync + 'static) {
        self.observe.push(Arc::new(gauges));
    }

    /// Routes of its own on the ops server.
    pub fn ops_routes(&mut self, routes: impl Fn(&mut ServiceConfig) + Send + Sync + 'static) {
        self.routes = Arc::new(routes);
    }

    /// Keeps a pool's link, shows it in health and metrics.
    pub fn keep<I: redis_contracts::RedisInstance>(
        &mut self,
        pool: &redis_access::Pool<I>,
        need: health::Need,
    ) {
        let name = match I::INSTANCE {
            redis_contracts::Instance::Cache => "redis-cache",
            redis_contracts::Instance::Streams => "redis-streams",
        };
        self.health.add_redis(name, need, pool);
        let stop = self.supervisor.stop_of(Stage::Links);
        let kept = pool.clone();
        self.supervisor.spawn(Stage::Links, name, async move {
            kept.keep_link(stop).await;
            Ok(())
        });
        let observed = pool.clone();
        self.observe(move || observed.observe());
    }

    /// Has the process told of in `system:health:{service}/{instance}` while it serves.
    pub fn tell_health(&mut self, cache: &CachePool) {
        self.told_in = Some(cache.clone());
    }

    /// Serves gRPC on the port that was bound for it.
    pub fn serve_grpc(&mut self, routes: tonic::service::Routes) -> anyhow::Result<()> {
        let listener = self.listeners.grpc.take();
        let listener = listener.context("no port is bound for gRPC")?;
        let stop = self.supervisor.stop_of(Stage::Listeners);
        let serving = grpc::serve(listener, routes, stop);
        self.supervisor.spawn(Stage::Listeners, "grpc", serving);
        Ok(())
    }

    /// Serves health and metrics, and runs until `stop` or until a task ends.
    pub async fn serve(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let listener = self.listeners.ops.take();
        let listener = listener.context("no port is bound for health")?;
        self.health.serve();
        if let Some(cache) = self.told_in {
            let stop = self.supervisor.stop_of(Stage::Workers);
            let telling = health::tell(self.health.clone(), cache, self.service, stop);
            self.supervisor.spawn(Stage::Workers, "health", telling);
        }
        let serving = ops::serve(
            listener,
            self.health.clone(),
            self.observe,
            self.routes,
            self.supervisor.stop_of(Stage::Links),
        );
        self.supervisor.spawn(Stage::Links, "ops", serving);
        self.supervisor.run(stop).await
    }
}

/// How many connections a server may have, of at most so many: what the system allows, less what everything else
/// needs.
pub fn most_connections(most: usize) -> usize {
    use rustix::process::{Resource, getrlimit};
    let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let open_files = usize::try_from(open_files).unwrap_or(usize::MAX);
    most.min(open_files - RESERVED_FILES.min(open_files / 2))
}

/// Shells and hosts allow 1,024 open files unless asked for more; a thousand sockets need more.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(error = %error, "the limit of open files stays as it is");
    }
}

#[expect(clippy::print_stdout, reason = "the version was asked for")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a process that cannot run"
)]
fn complain(line: &str) {
    eprintln!("{line}");
}
