//! Speech and language vendors: the seams that every vendor, local or remote, implements.
//!
//! A vendor's file holds its words (a codec without I/O); connections belong to [`crate::net`]. Several
//! vendors of one kind stand in for one another in a [`chain`].

use std::time::Duration;

use thiserror::Error;

pub mod breaker;
pub mod chain;
pub mod deepgram;
pub mod llm;
pub mod socket;
pub mod stt;
pub mod tts;
mod url;

/// Why a vendor could not do its part.
#[derive(Debug, Error)]
pub enum VendorError {
    /// The vendor refused us: a wrong key, an unknown model, no credit.
    #[error("{vendor} refused the request with status {status}; check {setting}")]
    Refused {
        /// The vendor's name in the settings.
        vendor: &'static str,
        /// HTTP status, or the code with which a socket was closed.
        status: u16,
        /// The setting most likely to be wrong.
        setting: &'static str,
    },
    /// Too many requests, or too busy: worth another try after a while.
    #[error("{vendor} is over its limit (status {status})")]
    Busy {
        /// The vendor's name in the settings.
        vendor: &'static str,
        /// HTTP status; 0 where the refusal did not come over HTTP.
        status: u16,
        /// How long the vendor asked us to wait.
        retry_after: Option<Duration>,
    },
    /// Nothing arrived in time.
    #[error("{vendor} sent no {awaited} within {limit:?}")]
    TimedOut {
        /// The vendor's name in the settings.
        vendor: &'static str,
        /// What was waited for.
        awaited: &'static str,
        /// The limit that passed.
        limit: Duration,
    },
    /// A message we cannot read. Its text may hold what a caller said, so it is not kept here.
    #[error("{vendor} sent {size_bytes} bytes that are not {expected}")]
    Malformed {
        /// The vendor's name in the settings.
        vendor: &'static str,
        /// What the message should have been.
        expected: &'static str,
        /// Its size.
        size_bytes: usize,
    },
    /// The vendor reported a failure of its own.
    #[error("{vendor} failed: {kind}")]
    Failed {
        /// The vendor's name in the settings.
        vendor: &'static str,
        /// The vendor's own short word for it, without what anybody said.
        kind: String,
    },
    /// The connection broke.
    #[error("lost the connection to {vendor}")]
    Disconnected {
        /// The vendor's name in the settings.
        vendor: &'static str,
        /// What the operating system said.
        #[source]
        cause: std::io::Error,
    },
}

impl VendorError {
    /// The vendor that failed.
    pub fn vendor(&self) -> &'static str {
        match self {
            Self::Refused { vendor, .. }
            | Self::Busy { vendor, .. }
            | Self::TimedOut { vendor, .. }
            | Self::Malformed { vendor, .. }
            | Self::Failed { vendor, .. }
            | Self::Disconnected { vendor, .. } => vendor,
        }
    }

    /// Whether the same request may succeed when it is made again.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::Malformed { .. })
    }

    /// Whether every attempt will fail in this way until somebody changes a setting or pays a bill. A socket
    /// that was closed over what one piece of it held is no such refusal.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status < 1_000)
    }

    /// A constant word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Busy { .. } => "busy",
            Self::TimedOut { .. } => "timed_out",
            Self::Malformed { .. } => "malformed",
            Self::Failed { .. } => "failed",
            Self::Disconnected { .. } => "disconnected",
        }
    }
}
