//! A program under the harness: how it is started, watched, killed, and what became of it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::time::Instant;

use super::kill::{KillPoint, KillSwitch};
use super::strace::{Injection, Log};

/// How long a program may run unless said otherwise: what has not ended by then hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A program with its arguments, ready to be run any number of times.
#[derive(Clone, Debug)]
#[must_use]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<OsString, Option<OsString>>,
    cwd: Option<PathBuf>,
    injections: Vec<Injection>,
    time_limit: Duration,
}

/// What became of one run of a program.
#[derive(Clone, Debug)]
pub struct Exit {
    /// The exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// A SIGKILL ended it: ours, or one that was injected.
    pub killed: bool,
    /// What it wrote to standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How many system calls were tampered with.
    pub injected: usize,
    /// From start to end.
    pub ran_for: Duration,
}

impl Exit {
    /// Ended by itself with code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

impl Program {
    /// The program at this path, without arguments.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            injections: Vec::new(),
            time_limit: TIME_LIMIT,
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable; all others come from the test's own environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Takes an environment variable away.
    pub fn without_env(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), None);
        self
    }

    /// Runs in this folder.
    pub fn cwd(self, folder: impl Into<PathBuf>) -> Self {
        Self { cwd: Some(folder.into()), ..self }
    }

    /// Tampers with system calls by running under strace. Several injections work side by side.
    pub fn inject(mut self, injection: Injection) -> Self {
        self.injections.push(injection);
        self
    }

    /// How long one run may last (two minutes unless said otherwise); a run that lasts longer fails the test.
    pub fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Runs it once, to its end or to the kill point. Blocks; standard input is empty.
    ///
    /// # Panics
    /// When the program cannot be started, or does not end within its time limit (it is killed first).
    #[track_caller]
    pub fn run(&self, kill: &KillPoint) -> Exit {
        let log = (!self.injections.is_empty()).then(Log::new);
        let mut command = self.command(log.as_ref());
        let switch = match kill {
            KillPoint::Pulled(switch) => switch.clone(),
            KillPoint::Never | KillPoint::After(_) => KillSwitch::new(),
        };
        let begin = Instant::now();
        switch.prepare();
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("{} cannot be started: {error}", self.path.display()),
        };
        switch.arm(Pid::from_child(&child));
        let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
        let watched = watch(child, &switch, kill, self.time_limit);
        let exit = Exit {
            code: watched.status.code(),
            signal: watched.status.signal(),
            killed: watched.status.signal() == Some(Signal::KILL.as_raw()),
            stdout: stdout.join().unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
            injected: log.map_or(0, |log| log.injected(&self.injections)),
            ran_for: begin.elapsed(),
        };
        assert!(!watched.too_long, "{} did not end within {:?}: {exit:?}", self.path.display(), self.time_limit);
        exit
    }

    /// Runs it once to its end.
    ///
    /// # Panics
    /// As [`Program::run`].
    #[track_caller]
    pub fn run_to_the_end(&self) -> Exit {
        self.run(&KillPoint::Never)
    }

    fn command(&self, log: Option<&Log>) -> Command {
        let mut command = match log {
            None => Command::new(&self.path),
            Some(log) => log.command(&self.injections, &self.path),
        };
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that what it starts can be killed with it, and nothing else.
        command.process_group(0);
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        command
    }
}

/// Runs `program` once for each kill point and then, if the last of them did not end well by itself, once more to the
/// end. Returns every exit in order.
///
/// # Panics
/// As [`Program::run`].
#[track_caller]
pub fn run_until_done(program: &Program, kills: impl IntoIterator<Item = KillPoint>) -> Vec<Exit> {
    let mut exits = Vec::new();
    for kill in kills {
        exits.push(program.run(&kill));
    }
    if !exits.last().is_some_and(Exit::success) {
        exits.push(program.run_to_the_end());
    }
    exits
}

struct Watched {
    status: ExitStatus,
    too_long: bool,
}

/// Waits for the end of `child`, which `switch` is armed with, killing it where it was asked for. Whatever it started has ended as well on return.
fn watch(mut child: Child, switch: &KillSwitch, kill: &KillPoint, time_limit: Duration) -> Watched {
    let group = Pid::from_child(&child);
    let (ended, waiting) = mpsc::sync_channel::<()>(1);
    let (timed, delay) = (switch.clone(), if let KillPoint::After(delay) = kill { *delay } else { time_limit });
    let timer = thread::spawn(move || {
        let expired = waiting.recv_timeout(delay).is_err();
        if expired {
            timed.kill();
        }
        expired
    });
    // Its number stays taken until it is reaped below, so nobody signals a stranger in between.
    let _ = waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    switch.disarm();
    // Nobody listens any more when the timer has expired.
    let _ = ended.send(());
    let expired = timer.join().unwrap_or(false);
    // What it left behind in its group goes with it; mostly there is nothing.
    let _ = kill_process_group(group, Signal::KILL);
    while group_lives(group) {
        thread::yield_now();
    }
    let status = child.wait().expect("a child that has ended can be reaped");
    let killed_by_timer = expired && status.signal() == Some(Signal::KILL.as_raw());
    Watched { status, too_long: killed_by_timer && !matches!(kill, KillPoint::After(_)) }
}

/// Whether a process of the group still runs, and may hold files and locks. A dead one whose parent has not asked
/// after it does not count: it holds nothing, and in a container without an init it stays for ever.
fn group_lives(group: Pid) -> bool {
    let wanted = group.as_raw_pid().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok()).any(|stat| {
        // `PID (NAME) STATE PARENT GROUP …`, where the name may hold anything.
        let mut words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let (state, _parent, group) = (words.next(), words.next(), words.next());
        group == Some(wanted.as_str()) && !matches!(state, Some("Z" | "X"))
    })
}

/// Reads a pipe to its end on a thread, so that a chatty program never blocks on it.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks has said all that it will.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
