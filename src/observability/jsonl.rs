//! Call events as JSON lines, to standard output or a file.
//!
//! [`write_lines`] blocks on the disk, so it belongs on a blocking thread (`JoinSet::spawn_blocking`).
//! It ends when the hub is dropped, with everything written and flushed.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use tokio::sync::mpsc::error::TryRecvError;

use super::fields::{Value, fields};
use super::hub::{StampedEvent, Subscription};

/// Opens a file to which lines are added.
pub fn open_file(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Writes every event as a line until the subscription ends.
///
/// Lines are buffered while more events wait and flushed when none does, so a reader is never behind
/// and a burst costs few system calls. After an error nothing more is written: a file with a torn line
/// in its middle is of no use to its readers.
pub fn write_lines(mut events: Subscription, out: impl Write, show_pii: bool) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    loop {
        let event = match events.try_recv() {
            Ok(event) => event,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                out.flush()?;
                match events.blocking_recv() {
                    Some(event) => event,
                    None => break,
                }
            }
        };
        serde_json::to_writer(&mut out, &Line { stamped: &event, show_pii })?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// An event as it is written.
struct Line<'a> {
    stamped: &'a StampedEvent,
    show_pii: bool,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let StampedEvent { time, event, .. } = self.stamped;
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("time", &format_args!("{time:.3}"))?;
        line.serialize_entry("call_id", &*event.call_id)?;
        line.serialize_entry("at_ms", &event.at.as_millis())?;
        if let Some(turn) = event.turn {
            line.serialize_entry("turn", &turn.0)?;
        }
        line.serialize_entry("event", event.kind.name())?;
        for (name, value) in fields(&event.kind) {
            match value {
                Value::Word(word) => line.serialize_entry(name, word)?,
                Value::Count(count) => line.serialize_entry(name, &count)?,
                // Three digits say all there is; a number that is none becomes null.
                Value::Share(share) => line.serialize_entry(name, &((f64::from(share) * 1e3).round() / 1e3))?,
                Value::Flag(flag) => line.serialize_entry(name, &flag)?,
                Value::Personal(text) if self.show_pii => line.serialize_entry(name, text)?,
                Value::Personal(_) => {}
            }
        }
        line.end()
    }
}

#[cfg(test)]
pub(super) fn line(stamped: &StampedEvent, show_pii: bool) -> String {
    serde_json::to_string(&Line { stamped, show_pii }).unwrap()
}
