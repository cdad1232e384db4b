//! When a program is killed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// When the harness kills the program, with everything that it started.
#[derive(Clone, Debug)]
pub enum KillPoint {
    /// Not at all: the program runs to its end.
    Never,
    /// So long after it was started, if it still runs.
    After(Duration),
    /// When something pulls this switch: a fake API that has answered enough, a response at a certain byte.
    Pulled(KillSwitch),
}

/// Kills the program that currently runs with it, whoever pulls it and from whichever thread.
#[derive(Clone, Debug)]
pub struct KillSwitch {
    program: Arc<Mutex<Running>>,
    signal: Signal,
}

/// What a switch knows of its program.
#[derive(Clone, Copy, Debug, Default)]
enum Running {
    #[default]
    Nothing,
    /// It is being started and may already do things, but has no number yet: a pull must wait for that.
    Starting {
        pulled: bool,
    },
    Group(Pid),
}

impl KillSwitch {
    /// A switch without a program: pulling it does nothing until a program runs with it.
    #[allow(clippy::new_without_default, reason = "there are two kinds of switch, and neither is the default")]
    pub fn new() -> Self {
        Self { program: Arc::default(), signal: Signal::KILL }
    }

    /// A switch that sends SIGINT, as Ctrl-C in a terminal does, each time it is pulled: the program decides how it
    /// ends.
    pub fn interrupting() -> Self {
        Self { program: Arc::default(), signal: Signal::INT }
    }

    /// Kills the program that runs with this switch, at once; without one, nothing happens.
    pub fn pull(&self) {
        self.send(self.signal);
    }

    /// Pulls the switch when called: for `FakeApi::after_answers` and `Response::at_byte`.
    pub fn puller(&self) -> impl Fn() + Send + Sync + 'static {
        let switch = self.clone();
        move || switch.pull()
    }

    /// Kills the program whatever kind of switch this is.
    pub(super) fn kill(&self) {
        self.send(Signal::KILL);
    }

    /// A program is about to be started: from now on no pull is lost.
    pub(super) fn prepare(&self) {
        *self.program() = Running::Starting { pulled: false };
    }

    /// The program has started.
    pub(super) fn arm(&self, group: Pid) {
        let before = std::mem::replace(&mut *self.program(), Running::Group(group));
        if matches!(before, Running::Starting { pulled: true }) {
            self.pull();
        }
    }

    /// Lets go of the program, before its number may be given to another.
    pub(super) fn disarm(&self) {
        *self.program() = Running::Nothing;
    }

    fn send(&self, signal: Signal) {
        // Held while sending, so that the program is not let go of in between.
        let mut program = self.program();
        match &mut *program {
            Running::Nothing => {}
            Running::Starting { pulled } => *pulled = true,
            Running::Group(group) => {
                // It fails only for a group that has ended already.
                let _ = kill_process_group(*group, signal);
            }
        }
    }

    fn program(&self) -> MutexGuard<'_, Running> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Random delays that are the same for the same seed: each is uniform from zero to the longest.
#[derive(Clone, Debug)]
pub struct SeededDelays {
    random: fastrand::Rng,
    longest: Duration,
}

impl SeededDelays {
    /// Delays from this seed, each at most `longest`.
    pub fn new(seed: u64, longest: Duration) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), longest }
    }
}

impl Iterator for SeededDelays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.longest.mul_f64(self.random.f64()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    use super::*;

    #[test]
    fn a_pull_while_the_program_is_being_started_is_not_lost() {
        let switch = KillSwitch::new();
        switch.prepare();
        switch.pull();
        let mut child = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        switch.arm(Pid::from_child(&child));
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        switch.disarm();
    }
}
