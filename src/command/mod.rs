//! The subcommands: the only code that sees the server's rooms and the engines together.

pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod engines;
pub(crate) mod health;
pub(crate) mod models;
pub(crate) mod parts;
pub(crate) mod serve;
pub(crate) mod vendors;

use anyhow::Context;
use tokio::runtime::Runtime;

/// The async runtime of a command, with the TLS provider every connection needs.
fn runtime() -> anyhow::Result<Runtime> {
    // Fails only when one is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the async runtime")
}
