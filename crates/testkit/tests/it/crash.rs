//! The crash harness against programs that are easy to understand: a few lines of shell.

use std::path::Path;
use std::time::Duration;

use spile_testkit::crash::{Injection, KillPoint, KillSwitch, Program, SeededDelays, run_until_done};
use spile_testkit::fake_api::{FakeApi, Response, any, get};
use spile_testkit::place::temp_dir;

/// Longer than any test may last: a program that sleeps so long ends only by being killed.
const FOREVER: &str = "1000";
/// Answered to the fetching program, it ends the program.
const STOP: &str = "stop";

/// Fetches `/page/1`, `/page/2` … from the host and the port that are its arguments, until it is told to stop. Nothing
/// but what bash has built in, so that no child of it is there to be killed in its place.
const FETCHING: &str = r#"
for ((page = 1; ; page++)); do
  exec 3<>"/dev/tcp/$1/$2"
  printf 'GET /page/%d HTTP/1.1\r\nConnection: close\r\n\r\n' "$page" >&3
  IFS= read -r -d '' answer <&3
  exec 3>&-
  [[ $answer == *stop ]] && exit 0
done
"#;

fn shell(script: &str) -> Program {
    Program::new("/bin/sh").args(["-c", script])
}

#[test]
fn a_program_left_alone_tells_how_it_ended() {
    let folder = temp_dir();
    let program = shell("echo out $WORD; echo err >&2; pwd; exit 3").env("WORD", "word").cwd(folder.path());
    let exit = program.run_to_the_end();
    assert_eq!((exit.code, exit.signal, exit.killed, exit.success()), (Some(3), None, false, false));
    assert!(exit.stdout.starts_with("out word\n"), "{exit:?}");
    assert!(exit.stdout.contains(folder.path().file_name().unwrap().to_str().unwrap()), "{exit:?}");
    assert_eq!(exit.stderr, "err\n");
}

#[test]
fn a_kill_takes_the_children_of_the_program_with_it() {
    let folder = temp_dir();
    let program = shell(&format!("sleep {FOREVER} & echo $! > part; mv part pid; wait")).cwd(folder.path());
    let (switch, written) = (KillSwitch::new(), folder.path().join("pid"));
    let killer = std::thread::spawn({
        let switch = switch.clone();
        move || {
            while !written.exists() {
                std::thread::yield_now();
            }
            switch.pull();
            std::fs::read_to_string(written).unwrap()
        }
    });
    let exit = program.run(&KillPoint::Pulled(switch));
    assert!(exit.killed && exit.signal == Some(9), "{exit:?}");
    let child = killer.join().unwrap();
    // Gone, or dead and waiting for whoever inherited it.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.trim())).unwrap_or_default();
    assert!(status.is_empty() || status.contains("State:\tZ"), "{status}");
}

#[test]
#[should_panic(expected = "did not end within")]
fn a_program_that_hangs_fails_the_test() {
    shell(&format!("exec sleep {FOREVER}")).time_limit(Duration::from_millis(100)).run_to_the_end();
}

#[test]
fn seeded_delays_repeat_and_stay_below_the_longest() {
    let longest = Duration::from_millis(50);
    let first: Vec<Duration> = SeededDelays::new(3, longest).take(100).collect();
    assert_eq!(first, SeededDelays::new(3, longest).take(100).collect::<Vec<_>>());
    assert_ne!(first, SeededDelays::new(4, longest).take(100).collect::<Vec<_>>());
    assert!(first.iter().all(|delay| *delay <= longest));
}

#[test]
fn a_switch_without_a_program_does_nothing() {
    let switch = KillSwitch::new();
    switch.pull();
    let exit = shell("exit 0").run(&KillPoint::Pulled(switch.clone()));
    assert!(exit.success(), "{exit:?}");
    switch.pull();
}

fn fetching_program(api: &FakeApi) -> Program {
    let (host, port) = (api.address().ip().to_string(), api.address().port().to_string());
    Program::new("/bin/bash").args(["-c", FETCHING, "fetching", &host, &port])
}

#[test]
fn killed_again_and_again_a_program_is_at_last_left_to_finish() {
    let api = FakeApi::start_blocking();
    let switch = KillSwitch::new();
    let puller = switch.clone();
    api.route(any(), move |request| match request.number {
        // It gets no further than where it is killed, however late that comes.
        1..=3 => Response::text("page").at_byte(2, puller.puller()).stall_after(2),
        _ => Response::text(STOP),
    });
    let exits = run_until_done(&fetching_program(&api), vec![KillPoint::Pulled(switch); 3]);
    assert_eq!(exits.len(), 4);
    assert!(exits[..3].iter().all(|exit| exit.killed) && exits[3].success(), "{exits:?}");
    assert_eq!(api.request_count(), 4);
}

#[test]
fn a_program_is_killed_after_the_api_has_answered_so_many_requests() {
    let api = FakeApi::start_blocking();
    api.route(any(), |_| Response::text("page"));
    for round in 1..=3 {
        let switch = KillSwitch::new();
        api.after_answers(4, switch.puller());
        let exit = fetching_program(&api).run(&KillPoint::Pulled(switch));
        assert!(exit.killed, "{exit:?}");
        assert!(api.request_count() >= 4 * round, "{}", api.request_count());
    }
    assert_eq!(api.requests()[0].path, "/page/1");
    api.finish();
}

#[test]
fn an_interrupting_switch_sends_what_ctrl_c_sends() {
    let api = FakeApi::start_blocking();
    let switch = KillSwitch::interrupting();
    api.expect(get("/page/1")).respond(Response::text("0123456789").at_byte(5, switch.puller()).stall_after(5));
    let exit = fetching_program(&api).run(&KillPoint::Pulled(switch));
    assert_eq!((exit.signal, exit.killed), (Some(2), false), "{exit:?}");
    assert!(!exit.success());
    drop(api.stop());
}

#[test]
fn a_program_is_killed_at_a_byte_of_a_response() {
    let api = FakeApi::start_blocking();
    let switch = KillSwitch::new();
    api.expect(get("/page/1")).respond(Response::text("whole"));
    api.expect(get("/page/2")).respond(Response::text("0123456789").at_byte(5, switch.puller()).stall_after(5));
    let exit = fetching_program(&api).run(&KillPoint::Pulled(switch));
    assert!(exit.killed, "{exit:?}");
    api.finish();
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn a_system_call_kills_at_exactly_its_turn() {
    let folder = temp_dir();
    let file = folder.path().join("out");
    for n in 1..=3 {
        let program = shell("for i in 1 2 3 4; do echo $i; done > out; echo done").cwd(folder.path());
        let exit = program.inject(Injection::kill("write", n).only_path(&file)).run_to_the_end();
        assert!(exit.killed && exit.injected == 1, "{exit:?}");
        assert_eq!((lines(&file), exit.stdout.as_str()), (n - 1, ""));
    }
}

#[test]
fn a_full_disk_stays_full() {
    let folder = temp_dir();
    let file = folder.path().join("out");
    let program = shell("for i in 1 2 3 4; do echo $i; done > out; echo done").cwd(folder.path());
    let exit = program.clone().inject(Injection::no_space("write", 3).only_path(&file)).run_to_the_end();
    assert_eq!((exit.injected, lines(&file)), (2, 2), "{exit:?}");
    assert!(exit.stderr.contains("I/O error"), "{exit:?}");
    let exit = program.clone().inject(Injection::error_once("write", "EIO", 3).only_path(&file)).run_to_the_end();
    assert_eq!((exit.injected, lines(&file)), (1, 3), "{exit:?}");
    let exit = program.run_to_the_end();
    assert_eq!((exit.injected, lines(&file), exit.stdout.as_str()), (0, 4, "done\n"));
}
