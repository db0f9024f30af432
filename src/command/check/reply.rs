//! What came of asking a server something, without what it said to whom.

use jiff::Timestamp;

/// A server's answer, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Answered(Answer),
    Failed(Failure),
}

/// An answer over HTTP; a handshake that opened a socket has the status 101.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// What the server's clock showed, and ours when the answer came.
    pub(super) clocks: Option<Clocks>,
    /// The body, if it is short enough to be of use.
    pub(super) body: Vec<u8>,
}

/// Two clocks at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clocks {
    pub(super) theirs: Timestamp,
    pub(super) ours: Timestamp,
}

/// Why a server did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Its name has no address.
    NoSuchHost,
    /// Nobody takes the connection.
    NoConnection(String),
    /// There is no TLS with it.
    NoTls(String),
    /// It takes connections and speaks something else than HTTP, or breaks them off.
    NoAnswer,
    /// Nothing came in time.
    TimedOut,
}

impl Failure {
    /// After the server's name: what happened.
    pub(super) fn what(&self) -> String {
        match self {
            Self::NoSuchHost => "has no address: its name is not known here".to_owned(),
            Self::NoConnection(why) => format!("cannot be connected to ({why})"),
            Self::NoTls(why) => format!("has no usable TLS ({why})"),
            Self::NoAnswer => "does not answer as an HTTP server does".to_owned(),
            Self::TimedOut => "does not answer in time".to_owned(),
        }
    }

    /// What to do about it. `setting` holds the address.
    pub(super) fn remedy(&self, setting: &str) -> String {
        match self {
            Self::NoSuchHost => format!("correct the host in {setting}, or this machine's DNS"),
            Self::NoConnection(_) => format!("start the server, or correct the host and port in {setting}"),
            Self::NoTls(_) => {
                format!("check the server's certificate, this machine's ca-certificates, and the scheme in {setting}")
            }
            Self::NoAnswer => format!("check the port and the scheme in {setting}"),
            Self::TimedOut => format!("check the network and its firewall, or correct {setting}"),
        }
    }
}
