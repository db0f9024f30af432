//! The golf backend as a program: `golf-backend --listen 127.0.0.1:8090 --token …`.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use golf_backend::{Clock, DEFAULT_TIME_ZONE, Settings, serve};
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tracing::{error, info};

/// A tee-sheet service in memory: the backend of the golf agent's tools.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Token that callers must send as `Authorization: Bearer`.
    #[arg(long, env = "GOLF_BACKEND_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The course's time zone.
    #[arg(long, default_value = DEFAULT_TIME_ZONE, value_parser = read_time_zone)]
    time_zone: TimeZone,
    /// Start with an empty sheet instead of the demo reservations.
    #[arg(long)]
    empty: bool,
}

fn read_time_zone(name: &str) -> Result<TimeZone, jiff::Error> {
    TimeZone::get(name)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().init();
    let listen = arguments.listen;
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            error!(%listen, %cause, "cannot serve the tee sheet");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> io::Result<()> {
    let listener = TcpListener::bind(arguments.listen).await?;
    let settings = Settings {
        token: arguments.token.filter(|token| !token.is_empty()),
        clock: Clock::in_zone(arguments.time_zone),
        demo_data: !arguments.empty,
        code_seed: None,
    };
    let address = listener.local_addr()?;
    info!(%address, token = settings.token.is_some(), "tee sheet is open");
    serve(listener, settings, shutdown_requested()).await
}

/// Ctrl-C, or the signal that container runtimes send. Without a handler the process would not stop
/// where it runs as the first process of a container.
async fn shutdown_requested() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // No signal can reach us: serve until the process is ended from outside.
        std::future::pending::<()>().await;
    }
}
