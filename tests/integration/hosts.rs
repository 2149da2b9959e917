//! Hosts that share a directory: each has its own name, network, processes, and mount of one export, whose locks reach no other.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};

use nix::sys::signal::Signal;

use crate::{
    check, clips,
    encoders::script,
    run::{Run, Started},
};

/// What becomes a host: name, export, mount and a place for pipes, then a command line. The command begins once there is `GATE`. Nothing outlives the first process.
const HOST: &str = r#"
mkfifo "$4-in" "$4-out"
/usr/lib/openssh/sftp-server <"$4-in" >"$4-out" &
exec unshare --net --uts --pid --fork --kill-child --mount --mount-proc sh -ec '
  hostname "$1"
  sshfs -o passive "export:$2" "$3" >"$4-in" <"$4-out" &
  until mountpoint -q "$3"; do kill -0 $! && sleep 0.02; done
  cd "$3"
  touch "is-up-$1"
  shift 4
  until [ -z "${GATE-}" ] || [ -e "$GATE" ]; do sleep 0.05; done
  "$@"
  exit' sh "$@"
"#;

/// A directory that hosts share.
struct Share(tempfile::TempDir);

impl Share {
    /// One with nothing in it; `None`, and a loud word, where there can be no hosts.
    fn new() -> Option<Self> {
        let share = Self(tempfile::tempdir().unwrap());
        for name in ["export", "mount"] {
            fs::create_dir(share.0.path().join(name)).unwrap();
        }
        let mut trial = Command::new("sh");
        trial.args(["-c", HOST, "sh", "trial"]);
        let trial = trial.args(share.places()).arg("true").output().unwrap();
        if trial.status.success() {
            return Some(share);
        }
        eprintln!("SKIPPED, nothing is tested here: no hosts with sshfs (./setup test): {trial:?}");
        None
    }

    /// What the hosts share.
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("export").join(name)
    }

    fn places(&self) -> [PathBuf; 3] {
        static PIPES: AtomicU32 = AtomicU32::new(0);
        let pipes = format!("pipes-{}", PIPES.fetch_add(1, SeqCst));
        ["export", "mount", &pipes].map(|name| self.0.path().join(name))
    }

    /// av1enc on a host of this name, in the shared directory.
    fn on(&self, name: &str) -> Run {
        let places = self.places();
        let [export, mount, pipes] = places.each_ref().map(|place| place.to_str().unwrap());
        let host = ["sh", "-c", HOST, "sh", name, export, mount, pipes];
        Run::bare(self.0.path()).begun_by(&host)
    }
}

/// The command that is typed on each host, with an encoder that is told by `hang` to do so.
fn encode(on: Run, encoder: &Path) -> Run {
    on.args(["film.mkv", "-o", "out.mkv", "-w", "1", "--preset", "12"])
        .args(["--json", "--lease-timeout", "4", "--encoder-path"])
        .arg(encoder)
}

/// The host dies, with all that runs on it.
fn dies(host: Started) {
    host.signal(Signal::SIGKILL);
    let _ = host.ends().dies_of(Signal::SIGKILL);
}

#[test]
fn a_second_host_is_refused_while_the_first_works_and_takes_over_when_that_has_died() {
    let Some(share) = Share::new() else { return };
    fs::copy(clips::five_scenes(), share.path("film.mkv")).unwrap();
    let hang = share.0.path().join("hang");
    let hangs = format!(
        "[ $chunk != 00002 ] || [ ! -e '{}' ] || exec sleep 1000",
        hang.display()
    );
    let encoder = script(share.0.path(), &hangs);
    fs::write(&hang, "").unwrap();
    let first = encode(share.on("east"), &encoder).start();
    let first = first.wait_until("two chunks", || {
        share.path("out.mkv.av1enc/chunks/00001.json").exists()
    });
    let second = encode(share.on("west"), &encoder).ends().exits(3);
    let second = second.prints("waiting up to 4 s to see whether process ");
    let _ = second.says(" on east) works on ").says(" right now");
    let status = Run::bare(&share.path(".")).arg("status").succeeds();
    let _ = status.prints("running").prints(" on east (process ");
    let gate = share.0.path().join("gate");
    let third = encode(share.on("north"), &encoder)
        .env("GATE", &gate)
        .start();
    let third = third.wait_until("it has its mount", || share.path("is-up-north").exists());
    dies(first);
    fs::remove_file(hang).unwrap();
    fs::write(gate, "").unwrap();
    let third = third
        .ends()
        .exits(0)
        .prints("waiting up to 4 s to see whether process ");
    let resumed = third.finished()["resumed_chunks"].as_u64();
    third.expect(resumed >= Some(2), "what the first has made is used");
    check::is_whole(&share.path("out.mkv"), &share.path("film.mkv"), 130);
    third.expect(!share.path("out.mkv.av1enc").exists(), "no job is left");
}
