//! A desktop session for one test: a bus of its own and, behind it, GNOME Keyring, in a folder of its own. Both are the
//! programs that desktops run. They end with the value.
//!
//! The keyring is started by the bus when it is first asked for, as in a session, and unlocked with a password, or not.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

use crate::place::{temp_dir, tool};

/// Name the programs.
const DBUS: &str = "SPILE_TEST_DBUS";
const KEYRING: &str = "SPILE_TEST_KEYRING";

/// How often is looked whether a process is gone: for ten seconds.
const LOOKS: usize = 1_000;

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What the bus allows: everything.
const CONFIGURATION: &str = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
    \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>session</type>\
    <listen>unix:path=FOLDER/bus</listen><auth>EXTERNAL</auth><servicedir>FOLDER/services</servicedir>\
    <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
    <allow own=\"*\"/></policy></busconfig>\n";

/// A session.
pub struct Desktop {
    folder: TempDir,
    bus: Child,
}

impl Desktop {
    /// With a keyring that is unlocked as by a login.
    ///
    /// # Panics
    /// When the bus does not start.
    #[track_caller]
    pub fn start() -> Self {
        let desktop = Self::without_keyring();
        fs::write(desktop.folder.path().join("password"), "correct horse").expect("a new folder is writable");
        let script = format!(
            "#!/bin/sh\ncd '{folder}'\necho $$ > keyring.pid\nif [ -e password ]; then exec '{keyring}' --foreground \
             --components=secrets --unlock < password; fi\nexec '{keyring}' --start --foreground --components=secrets\n",
            folder = desktop.folder.path().display(),
            keyring = tool(KEYRING).display(),
        );
        fs::write(desktop.folder.path().join("keyring"), script).expect("a new folder is writable");
        let service = format!(
            "[D-BUS Service]\nName=org.freedesktop.secrets\nExec=/bin/sh {}/keyring\n",
            desktop.folder.path().display()
        );
        // The bus sees it as soon as somebody asks for the name.
        fs::write(desktop.folder.path().join("services/org.freedesktop.secrets.service"), service)
            .expect("a new folder is writable");
        desktop
    }

    /// With a bus on which nobody keeps secrets.
    ///
    /// # Panics
    /// When the bus does not start.
    #[track_caller]
    pub fn without_keyring() -> Self {
        let folder = temp_dir();
        for name in ["home", "run", "services"] {
            fs::create_dir(folder.path().join(name)).expect("a new folder is writable");
        }
        private(&folder.path().join("run"));
        let configuration = CONFIGURATION.replace("FOLDER", &folder.path().display().to_string());
        let file = folder.path().join("bus.conf");
        fs::write(&file, configuration).expect("a new folder is writable");
        let mut command = Command::new(tool(DBUS));
        command.arg(format!("--config-file={}", file.display())).args(["--nofork", "--print-address"]);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(variables(&folder));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut bus = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut address = String::new();
        let said = BufReader::new(bus.stdout.take().expect("it is piped")).read_line(&mut address);
        assert!(said.is_ok() && address.starts_with("unix:"), "the bus does not start: {address:?}");
        Self { folder, bus }
    }

    /// The environment of a program in this session: the bus, the user's folders.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        variables(&self.folder)
    }

    /// A file or folder below that of the session.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Kills the keyring, as a crash does. Whoever asks next starts it again.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    #[track_caller]
    pub fn kill_keyring(&self) {
        let pid = self.keyring().expect("the keyring runs");
        kill_process(pid, Signal::KILL).expect("the keyring can be killed");
        wait_until_gone(pid);
    }

    /// From now on nobody unlocks the keyring: it is killed, and whoever asks next finds it locked.
    ///
    /// # Panics
    /// As [`Desktop::kill_keyring`].
    #[track_caller]
    pub fn lock(&self) {
        fs::remove_file(self.path("password")).expect("it was unlocked before");
        self.kill_keyring();
    }

    /// The keyring answers nothing any more, although it is there.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn stop_keyring(&self) {
        kill_process(self.keyring().expect("the keyring runs"), Signal::STOP).expect("the keyring can be stopped");
    }

    /// The keyring cannot be started any more, and does not run.
    ///
    /// # Panics
    /// As [`Desktop::kill_keyring`].
    #[track_caller]
    pub fn remove_keyring(&self) {
        fs::write(self.path("keyring"), "exit 1\n").expect("the script is writable");
        self.kill_keyring();
    }

    fn keyring(&self) -> Option<Pid> {
        let pid = fs::read_to_string(self.path("keyring.pid")).ok()?;
        Pid::from_raw(pid.trim().parse().ok()?).filter(|pid| test_kill_process(*pid).is_ok())
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        if let Some(pid) = self.keyring() {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

fn variables(folder: &TempDir) -> Vec<(&'static str, String)> {
    let below = |name: &str| folder.path().join(name).display().to_string();
    vec![
        ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", below("bus"))),
        ("HOME", below("home")),
        ("XDG_CACHE_HOME", below("home/.cache")),
        ("XDG_CONFIG_HOME", below("home/.config")),
        ("XDG_DATA_HOME", below("home/.local/share")),
        ("XDG_RUNTIME_DIR", below("run")),
        ("XDG_STATE_HOME", below("home/.local/state")),
    ]
}

fn private(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("a new folder is the test's own");
}

#[track_caller]
fn wait_until_gone(pid: Pid) {
    for _ in 0..LOOKS {
        if test_kill_process(pid).is_err() {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "a process of its own is waited for, which no hook tells of")]
        thread::sleep(BETWEEN_LOOKS);
    }
    panic!("the keyring does not end");
}
