//! Generator and gateway on processors of their own, by the program `taskset`: a system call for it
//! would need unsafe code.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// The program that pins.
pub const TASKSET: &str = "taskset";

/// Whether there is such a program.
pub fn is_available() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(TASKSET).is_file())
}

/// Starts this program anew with these arguments on these processors, in the place of this process.
/// Returns only when that failed.
pub fn restart_on(cpus: &str, arguments: impl IntoIterator<Item = OsString>) -> io::Error {
    match std::env::current_exe() {
        Ok(program) => pinned(cpus, &program, arguments).exec(),
        Err(error) => error,
    }
}

fn pinned(cpus: &str, program: &Path, arguments: impl IntoIterator<Item = OsString>) -> Command {
    let mut command = Command::new(TASKSET);
    command.arg("-c").arg(cpus).arg(program).args(arguments);
    command
}

/// The processors this process may run on, as `taskset` writes them.
pub fn own_cpus() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_every_argument_on() {
        let arguments = ["--calls", "1,5"].map(OsString::from);
        let command = pinned("1", Path::new("/bin/load"), arguments);
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(command.get_program(), TASKSET);
        assert_eq!(words, ["-c", "1", "/bin/load", "--calls", "1,5"]);
    }

    #[test]
    fn knows_where_it_runs() {
        let cpus = own_cpus().unwrap();
        assert!(cpus.starts_with(|c: char| c.is_ascii_digit()), "{cpus}");
    }
}
