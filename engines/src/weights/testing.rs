//! Weights for tests, here and in the crates that use the engines.

use std::io::Write as _;

use super::{ModelSet, Paths, Weights};

/// The weights of `set`, fetched into the user's cache the way the gateway does it; or `None`,
/// after saying on stderr that the test is skipped and why.
pub fn weights_or_skip(set: ModelSet) -> Option<Paths> {
    let variable = |name: &str| std::env::var_os(name);
    let ensured = Weights::locate(variable("MODELS_DIR").map(Into::into), variable)
        .and_then(|weights| weights.ensure(set, &mut |_| {}));
    match ensured {
        Ok(paths) => Some(paths),
        Err(error) => {
            skip(&format!("the engines' weights are not there: {error}"));
            None
        }
    }
}

/// Says on stderr that a test is skipped. The test harness shows this even when the test passes.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
}
