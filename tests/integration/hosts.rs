//! Hosts that share a directory: each has its own name, network, processes, and mount of one export, whose locks reach no other.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    check, clips,
    encoders::script,
    examples,
    run::{Run, Started},
};

/// What becomes a host: name, export, mount and a place for pipes, then a command line, of which `PROGRAM` takes the place of
/// the program if it is set. The command begins once there is `GATE`. Nothing outlives the first process.
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
  if [ -n "${PROGRAM-}" ]; then shift; set -- "$PROGRAM" "$@"; fi
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

/// The command that is typed on each host.
fn encode(on: Run, encoder: &Path) -> Run {
    on.args(["film.mkv", "-o", "out.mkv", "-w", "1", "--preset", "12"])
        .args(["--json", "--lease-timeout", "4", "--encoder-path"])
        .arg(encoder)
}

/// A run on the host `east` that has encoded two chunks, and hangs in the third one as long as there is `hang`.
struct Begun {
    share: Share,
    encoder: PathBuf,
    hang: PathBuf,
    east: Started,
}

impl Begun {
    fn new() -> Option<Self> {
        let share = Share::new()?;
        fs::copy(clips::five_scenes(), share.path("film.mkv")).unwrap();
        let hang = share.0.path().join("hang");
        let hangs = "[ $chunk != 00002 ] || while [ -e \"${0%/lab/*}/hang\" ]; do sleep 0.1; done";
        let encoder = script(share.0.path(), hangs);
        fs::write(&hang, "").unwrap();
        let east = encode(share.on("east"), &encoder).start();
        let east = east.wait_until("two chunks", || {
            share.path("out.mkv.av1enc/chunks/00001.json").exists()
        });
        Some(Self {
            share,
            encoder,
            hang,
            east,
        })
    }

    /// Begins the same on a host that is there now, and types the command once there is `gate`.
    fn on(&self, name: &str) -> Started {
        let run = encode(self.share.on(name), &self.encoder).env("GATE", self.gate());
        let up = self.share.path(&format!("is-up-{name}"));
        run.start().wait_until("it has its mount", || up.exists())
    }

    fn gate(&self) -> PathBuf {
        self.share.0.path().join("gate")
    }

    /// What was begun on another host was taken over by this one, and finished.
    fn was_finished_by(&self, host: Started) {
        fs::remove_file(&self.hang).unwrap();
        fs::write(self.gate(), "").unwrap();
        let host = host.ends().exits(0);
        let host = host.prints("waiting up to 4 s to see whether process ");
        let resumed = host.finished()["resumed_chunks"].as_u64();
        host.expect(resumed >= Some(1), "what the first has made is used");
        let [film, output] = ["film.mkv", "out.mkv"].map(|name| self.share.path(name));
        check::is_whole(&output, &film, 130);
        host.expect(
            !self.share.path("out.mkv.av1enc").exists(),
            "no job is left",
        );
    }
}

#[test]
fn a_second_host_is_refused_while_the_first_works_and_takes_over_when_that_has_died() {
    let Some(begun) = Begun::new() else { return };
    let west = encode(begun.share.on("west"), &begun.encoder)
        .ends()
        .exits(3);
    let west = west.prints("waiting up to 4 s to see whether process ");
    let _ = west.says(" on east) works on ").says(" right now");
    let status = Run::bare(&begun.share.path(".")).arg("status").succeeds();
    let _ = status.prints("running").prints(" on east (process ");
    let north = begun.on("north");
    begun.east.signal(Signal::SIGKILL);
    begun.was_finished_by(north);
    let _ = begun.east.ends().dies_of(Signal::SIGKILL);
}

#[test]
fn a_host_that_was_stopped_for_long_finds_its_job_taken_over_and_touches_nothing() {
    let Some(begun) = Begun::new() else { return };
    let north = begun.on("north");
    let all = Pid::from_raw(begun.east.number());
    killpg(all, Signal::SIGSTOP).unwrap();
    begun.was_finished_by(north);
    let output = fs::read(begun.share.path("out.mkv")).unwrap();
    killpg(all, Signal::SIGCONT).unwrap();
    let east = begun.east.ends().exits(3);
    let east = east.says("is no longer this run's: it gave no sign of life for 4 s");
    let now = fs::read(begun.share.path("out.mkv")).unwrap();
    east.expect(now == output, "the output is the other's");
}

/// A loop over the films in `films`, on a host of this name.
fn batch(share: &Share, name: &str, encoder: &Path) -> Started {
    let bin = Path::new(env!("CARGO_BIN_EXE_av1enc")).parent().unwrap();
    let run = share.on(name).env("PROGRAM", examples::example("batch"));
    run.env("PATH", examples::path_with(bin))
        .args(["films", "out", "-w", "1", "--preset", "8"])
        .args(["--lease-timeout", "4", "--history"])
        .arg(format!("{name}.jsonl"))
        .arg("--encoder-path")
        .arg(encoder)
        .start()
}

/// The films that a host has encoded.
fn encoded(share: &Share, name: &str) -> Vec<String> {
    let history = fs::read_to_string(share.path(&format!("{name}.jsonl"))).unwrap_or_default();
    let lines = history
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let encoded = lines.filter(|line: &Value| line["status"] == "Success");
    encoded
        .map(|line| line["output_path"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn two_loops_of_which_one_dies_encode_every_film_once() {
    let Some(share) = Share::new() else { return };
    fs::create_dir(share.path("films")).unwrap();
    let films = ["1.mkv", "2.mkv", "3.mkv", "4.mkv"];
    for name in films {
        fs::copy(clips::one_scene(), share.path("films").join(name)).unwrap();
    }
    let hangs = "case $(hostname)$PWD in east*/2.mkv*) exec sleep 1000 ;; esac";
    let encoder = script(share.0.path(), hangs);
    let output = |name: &str| share.path(&format!("out/{name}.av1.mkv"));
    let east = batch(&share, "east", &encoder);
    let east = east.wait_until("its second film", || {
        output("1.mkv").exists() && share.path("out/2.mkv.av1.mkv.av1enc/scenes.jsonl").exists()
    });
    let west = batch(&share, "west", &encoder);
    let west = west.wait_until("all others", || {
        ["3.mkv", "4.mkv"].map(output).iter().all(|it| it.exists())
    });
    east.signal(Signal::SIGKILL);
    let _ = east.ends().dies_of(Signal::SIGKILL);
    let west = west
        .ends()
        .exits(0)
        .prints("3 encoded, 1 finished before, 0 failed");
    let west = west.says(" on east) works on ").says(" right now");
    let mut all = [encoded(&share, "east"), encoded(&share, "west")].concat();
    all.sort();
    let names = films.map(|name| format!("{name}.av1.mkv"));
    let is_of = |(path, name): (&String, &String)| path.ends_with(name.as_str());
    let once = all.len() == films.len() && all.iter().zip(&names).all(is_of);
    west.expect(once, &format!("every film is encoded once: {all:?}"));
    for name in films {
        check::is_whole(&output(name), &share.path("films").join(name), 48);
    }
    let left = fs::read_dir(share.path("out")).unwrap().count();
    west.expect(left == films.len(), "no job is left");
}
