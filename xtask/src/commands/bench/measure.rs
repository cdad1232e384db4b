//! One process from start to end: wall time, CPU time and peak memory, of itself and of the children it waited for.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::problem::{Context, Problem, Result};

/// What the kernel counted for one process and the children that it waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    pub(super) wall: Duration,
    pub(super) user: Duration,
    pub(super) system: Duration,
    /// The largest of the processes, in MiB.
    pub(super) peak_mib: f64,
}

impl Measure {
    pub(super) fn cpu(&self) -> f64 {
        (self.user + self.system).as_secs_f64()
    }
}

/// The slowest peer takes under a minute on the full data set; beyond this it hangs.
const PATIENCE: Duration = Duration::from_secs(400);

/// Runs `command` to its end with its output in `log`; a failing or hanging process is an error.
pub(super) fn run(command: &mut Command, log: &Path) -> Result<Measure> {
    let output = File::create(log).at("cannot create", log)?;
    let errors = output.try_clone().at("cannot open again", log)?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let start = Instant::now();
    let child = command.spawn().context(format_args!("cannot start {}", command.get_program().to_string_lossy()))?;
    let (status, usage) = wait(child, start + PATIENCE)?;
    let wall = start.elapsed();
    if status != 0 {
        return Err(Problem::new(format!("it failed (wait status {status}); see {}", log.display())));
    }
    // Linux counts kibibytes, macOS bytes.
    let unit = if cfg!(target_os = "macos") { 1024.0 * 1024.0 } else { 1024.0 };
    #[allow(clippy::cast_precision_loss)] // peak memory is far below 2^52
    let peak_mib = usage.ru_maxrss as f64 / unit;
    Ok(Measure { wall, user: duration(usage.ru_utime), system: duration(usage.ru_stime), peak_mib })
}

/// Waits with `wait4`, which is the only call that tells what one child used.
fn wait(mut child: std::process::Child, deadline: Instant) -> Result<(i32, libc::rusage)> {
    let id = libc::pid_t::try_from(child.id()).context("a process id does not fit pid_t")?;
    loop {
        let (found, status, usage) = poll(id);
        if found == id {
            return Ok((status, usage));
        }
        if found < 0 {
            return Err(Problem::new("the process was waited for by somebody else"));
        }
        if Instant::now() > deadline {
            child.kill().context("cannot kill a process that hangs")?;
            child.wait().context("cannot wait for a killed process")?;
            return Err(Problem::new(format!("it was killed after {} s", PATIENCE.as_secs())));
        }
        // Short against any wall time measured here, and long enough to cost no CPU.
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[allow(unsafe_code)]
fn poll(id: libc::pid_t) -> (libc::pid_t, i32, libc::rusage) {
    let mut status = 0;
    // SAFETY: rusage is a C struct of integers, for which all zeros is a value; both pointers are to live locals of the
    // types that wait4 writes, and it keeps neither.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let found = libc::wait4(id, &raw mut status, libc::WNOHANG, &raw mut usage);
        (found, status, usage)
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured_and_a_failure_is_told() {
        let log = std::env::temp_dir().join(format!("spile-xtask-measure-{}", std::process::id()));
        let measure = run(Command::new("sh").args(["-c", "echo heard"]), &log).unwrap();
        assert!(measure.peak_mib > 0.0 && measure.wall >= Duration::ZERO);
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "heard\n");
        let message = run(Command::new("sh").args(["-c", "exit 3"]), &log).unwrap_err().to_string();
        assert!(message.contains("failed"), "{message}");
        std::fs::remove_file(&log).unwrap();
    }
}
