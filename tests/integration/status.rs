//! `av1enc status`: what is seen of runs, what it says to type, and that nobody is disturbed.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use av1enc::history::{
    file::append,
    record::{Record, Status},
};
use console::measure_text_width;
use nix::{
    fcntl::{FcntlArg, fcntl},
    libc,
    pty::{OpenptyResult, Winsize, openpty},
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, tcgetattr},
    },
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::{
    clips,
    encoders::script,
    lab::{JOB, is_stopped, wait_for},
    run::{Run, Started},
};

/// Looks while a run goes on.
const LOOKS: usize = 200;
/// What nobody wants to read on a terminal.
const HOSTILE: &str = "it's \u{1b}[31ma\nfilm\u{202e}";

/// An encode of five scenes each of which waits until it is let go.
fn begin(dir: &Path) -> Started {
    fs::copy(clips::five_scenes(), dir.join("in.mkv")).unwrap();
    script(dir, "until [ -e ../lab/go-$chunk ]; do sleep 0.02; done");
    let run = Run::encode(dir, "in.mkv", "out.mkv");
    run.args(["--encoder-path", "lab/SvtAv1EncApp", "--json", "--verbose"])
        .start()
}

/// Lets chunks go.
fn let_go(dir: &Path, chunks: impl IntoIterator<Item = usize>) {
    for chunk in chunks {
        fs::write(dir.join(format!("lab/go-{chunk:05}")), "").unwrap();
    }
}

fn status(dir: &Path) -> Run {
    Run::bare(dir).arg("status")
}

/// What is said of the jobs below a directory.
fn jobs(dir: &Path) -> Vec<Value> {
    let ended = status(dir).arg("--json").succeeds();
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    object["jobs"].as_array().unwrap().clone()
}

/// What is said of the only job there; nothing if there is none.
fn job(dir: &Path) -> Value {
    let mut all = jobs(dir);
    assert!(all.len() < 2, "{all:?}");
    all.pop().unwrap_or_default()
}

/// These are among what is said of a job.
#[track_caller]
fn has(found: &Value, wanted: &Value) {
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&found[name], value, "{name} of {found}");
    }
}

/// Number, size and times of what a look could change.
fn marks(dir: &Path) -> Vec<(PathBuf, u64, u64, i64)> {
    let names = ["", "job.json", "lock", "scenes.jsonl", "chunks"];
    let mark = |name: &str| {
        let path = dir.join(JOB).join(name);
        let found = fs::metadata(&path).unwrap();
        let since = if name.is_empty() {
            0
        } else {
            found.mtime_nsec()
        };
        (path, found.ino(), found.mode().into(), since)
    };
    names.map(mark).to_vec()
}

/// Looks at a job again and again, from before anybody has taken its lease.
fn look_often(job: PathBuf) -> JoinHandle<()> {
    thread::spawn(move || {
        let host = av1enc::os::machine::host();
        let observer = av1enc::job::Observer::default();
        while !job.exists() {
            thread::yield_now();
        }
        for _ in 0..LOOKS {
            av1enc::job::look(&job, &host, &observer).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    })
}

#[test]
fn two_hundred_looks_see_a_run_with_its_own_figures_and_disturb_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    let nothing = status(here).succeeds().prints("nothing is encoded here");
    nothing.expect(nothing.stderr.is_empty(), "no warning");
    let looks = look_often(here.join(JOB));
    let run = begin(here);
    let run = run.wait_until("figures", || job(here)["workers"] == 2);
    looks.join().unwrap();
    let first = job(here);
    let number = run.number();
    let wanted = json!({"state": "running", "stage": "encode", "pid": number, "percent": 0.0, "go_on": null});
    has(&first, &wanted);
    let film = first["film"].as_str().unwrap();
    assert!(film.ends_with("/in.mkv"), "{first}");
    let before = marks(here);
    for _ in 0..10 {
        status(here).succeeds().prints("running  Encoding 0 %");
    }
    let cleaned = status(here).args(["--clean", "0s"]).succeeds();
    let _ = cleaned.prints("no job is abandoned for 0s");
    assert_eq!(marks(here), before);
    let run = without_records(run, here);
    let_go(here, [0]);
    let is_further = || job(here)["frames"].as_u64() > Some(0) && job(here)["workers"] == 2;
    let run = run.wait_until("more frames", is_further);
    let later = job(here);
    assert!(later["percent"].as_f64() > Some(0.0), "{later}");
    // Meanwhile it has printed an event.
    let written = || fs::metadata(here.join(JOB).join("state.json")).map(|found| found.ino());
    let before = written().unwrap();
    let is_written = || written().is_ok_and(|now| now != before);
    let run = run.wait_until("another record", is_written);
    run.signal(Signal::SIGSTOP);
    let run = run.wait_until("it is stopped", || is_stopped(number));
    has(&job(here), &json!({"state": "paused"}));
    run.signal(Signal::SIGCONT);
    let_go(here, 1..5);
    let ended = run.ends().exits(0);
    let events = ended.events();
    let agrees = |event: &Value| {
        let names = ["frames", "total_frames", "workers"];
        names.iter().all(|name| event[name] == later[name])
    };
    ended.expect(events.iter().any(agrees), &format!("an event like {later}"));
    let messages = events.iter().filter_map(|event| event["message"].as_str());
    let said = messages.filter(|message| message.contains("does not see this run"));
    ended.expect(said.count() == 1, "one word of the record that was refused");
    assert_eq!(jobs(here), [Value::Null; 0]);
}

/// What a run cannot write of itself it does without, until it can.
fn without_records(run: Started, dir: &Path) -> Started {
    let [state, part] = ["state.json", "state.part.json"].map(|name| dir.join(JOB).join(name));
    while fs::create_dir(&state).is_err() {
        let _ = fs::remove_file(&state);
    }
    let run = run.wait_until("a record that is refused", || part.exists());
    has(&job(dir), &json!({"state": "running", "workers": null}));
    fs::remove_dir(&state).unwrap();
    run
}

/// A job of which a kill has left one finished chunk, in a directory of a name that nobody wants.
fn killed(dir: &Path) -> PathBuf {
    let place = dir.canonicalize().unwrap().join(HOSTILE);
    fs::create_dir(&place).unwrap();
    let run = begin(&place);
    let_go(&place, [0]);
    let record = place.join(JOB).join("chunks/00000.json");
    let is_seen = || record.exists() && job(&place)["frames"].as_u64() > Some(0);
    let run = run.wait_until("a finished chunk", is_seen);
    run.signal(Signal::SIGKILL);
    assert!(run.ends().is_dead_of(Signal::SIGKILL));
    place
}

/// Writes something else into a job's `state.json`.
fn say(job: &Path, changes: &Value) {
    let path = job.join("state.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let all = state.as_object_mut().unwrap();
    all.extend(changes.as_object().unwrap().clone());
    fs::write(path, state.to_string()).unwrap();
}

/// Holds a job as a run of this number would.
fn hold(job: &Path, number: &str) -> File {
    let mut lock = File::options()
        .read(true)
        .write(true)
        .open(job.join("lock"))
        .unwrap();
    lock.set_len(0).unwrap();
    writeln!(lock, "{number}").unwrap();
    let all = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&lock, FcntlArg::F_OFD_SETLK(&all)).unwrap();
    lock.try_lock().unwrap();
    lock
}

/// A copy of a job, which is a directory with files and `chunks`.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("chunks")).unwrap();
    for folder in ["", "chunks"] {
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(folder).join(entry.file_name());
            match entry.file_type().unwrap() {
                kind if kind.is_file() => drop(fs::copy(entry.path(), to).unwrap()),
                kind if kind.is_symlink() => {
                    std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), to).unwrap();
                }
                _ => (),
            }
        }
    }
}

/// Has everything in a job be as old as this.
fn make_old(job: &Path, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    for name in [
        "job.json",
        "state.json",
        "scenes.jsonl",
        "reader.json",
        "chunks",
    ] {
        let path = job.join(name);
        if path.exists() {
            File::open(path).unwrap().set_modified(then).unwrap();
        }
    }
}

/// Types a line in a shell which finds av1enc.
fn typed(line: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_av1enc")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell
        .args(["-c", line])
        .env("PATH", path)
        .env("AV1ENC_CONFIG", "/dev/null");
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_killed_run_is_told_by_its_lease_with_the_line_that_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let place = killed(dir.path());
    let of = place.join(JOB);
    let stopped = job(dir.path());
    has(&stopped, &json!({"state": "stopped", "note": null}));
    let line = stopped["go_on"].as_str().unwrap();
    assert!(line.starts_with("cd $'"), "{line}");
    assert!(!line.contains(char::is_control), "{line}");
    let shown = status(dir.path()).succeeds().prints("  go on    cd ");
    shown.expect(!shown.stdout.contains('\u{1b}'), "no escapes");
    let kept = fs::read(of.join("state.json")).unwrap();
    by_another_host(dir.path(), &of);
    by_damaged_words(dir.path(), &of, &kept);
    // A copy is not what the line goes on with.
    let other = dir.path().join("copy");
    copy(&of, &other);
    let both = jobs(dir.path());
    let note = both[0]["note"].as_str().unwrap();
    assert!(note.contains("put it back first, as $'"), "{both:?}");
    has(&both[1], &json!({"note": null}));
    fs::remove_dir_all(other).unwrap();
    let_go(&place, 1..5);
    let printed = typed(line);
    let last: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    has(&last, &json!({"event": "finished", "resumed_chunks": 1}));
    assert_eq!(jobs(dir.path()), [Value::Null; 0]);
    cleaned(dir.path(), &place, &kept);
}

/// A job of another host goes on as long as its lease is held, whatever its clock says.
fn by_another_host(dir: &Path, of: &Path) {
    say(of, &json!({"host": "elsewhere", "pid": 4711}));
    make_old(of, 3000);
    let held = hold(of, "4711");
    has(
        &job(dir),
        &json!({"state": "running", "host": "elsewhere", "note": null}),
    );
    let cleaned = status(dir).args(["--clean", "7d"]).succeeds();
    let _ = cleaned.prints("no job is abandoned");
    drop(held);
    // A program that another test starts in this moment has the lock until it is itself.
    wait_for("the lease to be free", || job(dir)["state"] == "stopped");
    has(
        &job(dir),
        &json!({"state": "stopped", "note": "type it on elsewhere"}),
    );
    // A run that holds it, and has not said yet how it stands, is not the one before.
    let held = hold(of, "4712");
    has(&job(dir), &json!({"state": "running", "pid": null}));
    drop(held);
    wait_for("the lease to be free", || job(dir)["state"] == "stopped");
}

/// Damaged, of another job, hostile: none of it is believed.
fn by_damaged_words(dir: &Path, of: &Path, kept: &[u8]) {
    let state = of.join("state.json");
    let unknown = || has(&job(dir), &json!({"state": "stopped", "go_on": null}));
    for changes in [
        json!({"source": {"bytes": 1, "hash": "ab"}}),
        json!({"go_on": "true\nfalse"}),
    ] {
        fs::write(&state, kept).unwrap();
        say(of, &changes);
        unknown();
    }
    for text in ["", "{", "[]", "\u{0}"] {
        fs::write(&state, text).unwrap();
        unknown();
        let film = job(dir)["film"].as_str().map(str::to_owned);
        assert!(film.is_some_and(|film| film.ends_with("/in.mkv")));
    }
    fs::write(state, kept).unwrap();
}

/// A copy of a job that a kill would have left, as old as this, whose job file calls `film` its output.
fn left_behind(from: &Path, to: &Path, film: &Path, days: u64) {
    copy(from, to);
    let path = to.join("job.json");
    let mut text: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    text.as_object_mut().unwrap().remove("named");
    text["part"] = json!({"Unix": film.as_os_str().as_encoded_bytes()});
    fs::write(path, text.to_string()).unwrap();
    make_old(to, days);
}

/// Of jobs that look abandoned, only those are removed that are. They have this `state.json`.
fn cleaned(dir: &Path, place: &Path, state: &[u8]) {
    let (film, kept) = (place.join("in.mkv"), place.join("kept"));
    let run = Run::encode(place, "in.mkv", "out.mkv").args(["-y", "--keep", "--temp", "kept"]);
    run.succeeds();
    make_old(&kept, 30);
    has(&job(dir), &json!({"state": "finished"}));
    fs::write(kept.join("state.json"), state).unwrap();
    for (name, days) in [
        ("old", 8),
        ("young", 6),
        ("foreign", 8),
        ("foreign chunk", 8),
    ] {
        left_behind(&kept, &dir.join(name), &film, days);
    }
    make_old(&kept, 30);
    let foreign = ["foreign/holiday.mkv", "foreign chunk/chunks/notes.txt"];
    for name in foreign {
        fs::write(dir.join(name), "precious").unwrap();
    }
    let refused = status(dir).args(["--clean", "soon"]).ends().exits(2);
    let _ = refused.says("--clean soon");
    let ended = status(dir).args(["--clean", "7d"]).succeeds();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    ended.expect(lines.len() == 1, "one line");
    let ends = "/old, left 8 days ago";
    ended.expect(
        lines[0].starts_with("removed ") && lines[0].ends_with(ends),
        ends,
    );
    let ended = ended.says("holds holiday.mkv, which av1enc has not made");
    let ended = ended.says("holds chunks/notes.txt, which");
    ended.expect(!dir.join("old").exists(), "what is abandoned is gone");
    let stays = [
        "young/job.json",
        "foreign/job.json",
        "foreign chunk/chunks/00000.ivf",
    ];
    for name in stays.into_iter().chain(foreign) {
        ended.expect(dir.join(name).exists(), name);
    }
    ended.expect(kept.join("job.json").exists(), "what was kept");
    ended.expect(film.exists(), "what a job file calls its output");
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    status(dir.path())
        .arg("gone")
        .ends()
        .exits(1)
        .says("there is no directory gone: name one");
    fs::write(dir.path().join("film.mkv"), "").unwrap();
    status(dir.path())
        .arg("film.mkv")
        .ends()
        .exits(2)
        .says("is no directory");
    // Somebody else's, and one that is not what it seems.
    for (name, text) in [("other", "{\"made_by\": \"x\"}"), ("half", "{")] {
        fs::create_dir(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join("job.json"), text).unwrap();
    }
    let fifo = dir.path().join("fifo");
    fs::create_dir(&fifo).unwrap();
    nix::unistd::mkfifo(&fifo.join("job.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink(".", dir.path().join("round")).unwrap();
    let twice = dir.path().join("twice");
    fs::create_dir(&twice).unwrap();
    fs::write(twice.join("job.json"), "{}").unwrap();
    fs::hard_link(twice.join("job.json"), dir.path().join("name")).unwrap();
    let ended = status(dir.path())
        .succeeds()
        .says("twice cannot be read: it has a second name");
    ended.expect(
        ended.stdout.starts_with("nothing is encoded here"),
        "the rest",
    );
    let ended = status(dir.path()).arg("--json").succeeds();
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    ended.expect(
        object["unread"].as_array().unwrap().len() == 1,
        "it is said",
    );
    fs::remove_file(dir.path().join("name")).unwrap();
    let ended = status(dir.path()).args([".", "other"]).succeeds();
    ended.expect(ended.stderr.is_empty(), "no warning");
    let nothing = "nothing is encoded here, and nothing was stopped\n";
    ended.expect(ended.stdout == nothing, "nothing");
}

/// A terminal of some size on which something is drawn.
struct Terminal {
    master: OwnedFd,
    text: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

impl Terminal {
    /// One on which this is run.
    fn of(columns: u16, lines: u16, run: Run) -> Self {
        let size = size(columns, lines);
        let OpenptyResult { master, slave } = openpty(Some(&size), None).unwrap();
        let child = run.on(&slave);
        drop(slave);
        let text = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (File::from(master.try_clone().unwrap()), text.clone());
        thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut block) {
                to.lock().unwrap().extend(&block[..n]);
            }
        });
        Self {
            master,
            text,
            child,
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    /// The views that were drawn, as lines.
    fn views(&self) -> Vec<Vec<String>> {
        let text = self.text();
        let views = text.split("\u{1b}[H").skip(1);
        let whole = views.filter_map(|view| view.split_once("\u{1b}[J"));
        let lines = |view: &str| {
            view.split_terminator("\u{1b}[K")
                .map(|line| line.trim_matches(['\r', '\n']).to_owned())
                .collect()
        };
        whole.map(|(view, _)| lines(view)).collect()
    }

    /// Waits for a view of which this is so.
    #[track_caller]
    fn shows(&self, what: &str, is: impl Fn(&[String]) -> bool) {
        let began = Instant::now();
        while !self.views().last().is_some_and(|view| is(view)) {
            let text = self.text();
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{what}: {text:?}"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn resize(&self, columns: u16, lines: u16) {
        let size = size(columns, lines);
        // SAFETY: the descriptor is a terminal's, and the size lives.
        let done = unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &size) };
        assert_eq!(done, 0);
    }

    fn press(&self, key: u8) {
        nix::unistd::write(&self.master, &[key]).unwrap();
    }

    fn is_raw(&self) -> bool {
        let flags = tcgetattr(&self.master).unwrap().local_flags;
        !flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO)
    }

    /// Waits for the end; the terminal is as it was. Returns the exit code, 128 and more for a signal.
    #[track_caller]
    fn ends(mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.wait().unwrap();
        let began = Instant::now();
        while !self.text().contains("\u{1b}[?25h\u{1b}[?1049l") {
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "{:?}",
                self.text()
            );
        }
        assert!(!self.is_raw(), "keys are shown again");
        status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap())
    }
}

fn size(columns: u16, lines: u16) -> Winsize {
    Winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// What came of three films.
fn write_history(dir: &Path) {
    let film = |name: &str, status| Record {
        status,
        ..Record::begin(Path::new(name), Path::new("/out.mkv"))
    };
    let encoded = Record {
        original_bytes: Some(4_000_000_000),
        new_bytes: Some(1_000_000_000),
        ..film("/b.mkv", Status::Success)
    };
    let skipped = Record {
        reason: Some("it is AV1 already".to_owned()),
        ..film(&format!("/{HOSTILE}"), Status::Skipped)
    };
    let failed = Record {
        reason: Some("no\u{1b}c room".to_owned()),
        ..film("/c.mkv", Status::Failed)
    };
    for film in [encoded, skipped, failed] {
        append(&dir.join("history"), &film).unwrap();
    }
}

/// Jobs like this one that run, of films with names that nobody wants.
fn hold_two(dir: &Path, like: &Path) -> Vec<File> {
    let names = ["a", "\u{1b}[2J映画映画映画映画映画映画"];
    let held = names.iter().map(|name| {
        let job = dir.join(format!("{name}.av1enc"));
        copy(like, &job);
        let film = format!("/films/{name}\n{HOSTILE}.mkv");
        say(&job, &json!({"pid": 4711, "film": film, "workers": 3}));
        hold(&job, "4711")
    });
    held.collect()
}

/// Watches a directory as a shell would begin it: Ctrl-C reaches it.
fn watch(dir: &Path) -> Run {
    let run = status(dir).args(["--watch", "--history", "history"]);
    let run = run.begun_by(&["setsid", "-c"]);
    run.env("TERM", "xterm-256color").without_env("NO_COLOR")
}

fn shows(view: &[String], part: &str) -> bool {
    view.iter().any(|line| line.contains(part))
}

/// Whether a view has no more columns and lines, and nothing in it moves the cursor.
fn fits(view: &[String], columns: usize, lines: usize) -> bool {
    let is_plain = |line: &String| {
        let text = console::strip_ansi_codes(line);
        !text.contains(|c: char| c.is_control() || c == '\u{202e}')
    };
    let is_narrow = |line: &String| measure_text_width(line) <= columns;
    view.len() <= lines && view.iter().all(|line| is_narrow(line) && is_plain(line))
}

#[test]
fn the_view_of_a_terminal_fits_it_whatever_films_are_called() {
    let dir = tempfile::tempdir().unwrap();
    let place = killed(dir.path());
    let held = hold_two(dir.path(), &place.join(JOB));
    write_history(dir.path());
    let terminal = Terminal::of(80, 24, watch(dir.path()));
    terminal.shows("all figures", |view| {
        let parts = [
            "CPU ",
            "memory ",
            "Encoding",
            "1 finished, 1 skipped, 1 failed; 3.0 GB saved",
            "75 % saved",
            "1 stopped",
            "q quits",
        ];
        parts.iter().all(|part| shows(view, part)) && fits(view, 80, 24)
    });
    assert!(terminal.is_raw());
    assert_eq!(terminal.text().matches("\u{1b}[?1049h").count(), 1);
    terminal.resize(40, 12);
    terminal.shows("a narrow view", |view| {
        shows(view, "q quits") && fits(view, 40, 12)
    });
    drop(held);
    terminal.press(b'r');
    terminal.shows("that nobody runs any more", |view| {
        shows(view, "nothing is encoded here") && shows(view, "3 stopped")
    });
    terminal.press(b'q');
    assert_eq!(terminal.ends(), 0);
    in_lines(dir.path());
}

#[test]
fn a_terminal_comes_back_as_it_was_however_the_view_ends() {
    let dir = tempfile::tempdir().unwrap();
    write_history(dir.path());
    let there = |view: &[String]| shows(view, "q quits");
    let plain = Terminal::of(40, 12, watch(dir.path()).env("NO_COLOR", "1"));
    plain.shows("no colours", |view| there(view) && !shows(view, "\u{1b}"));
    plain.press(CTRL_C);
    assert_eq!(plain.ends(), 130);
    let terminal = Terminal::of(80, 24, watch(dir.path()));
    terminal.shows("a view", there);
    terminal.press(CTRL_Z);
    let number = i32::try_from(terminal.child.id()).unwrap();
    wait_for("it is stopped", || is_stopped(number));
    wait_for("keys are shown", || !terminal.is_raw());
    let drawn = terminal.views().len();
    let send = |signal| kill(Pid::from_raw(number), signal).unwrap();
    send(Signal::SIGCONT);
    wait_for("it is drawn again", || terminal.views().len() > drawn);
    assert!(terminal.is_raw());
    send(Signal::SIGTERM);
    assert_eq!(terminal.ends(), 143);
}

const CTRL_C: u8 = 3;
const CTRL_Z: u8 = 26;

/// Elsewhere, one view comes below another, without escapes, until nobody reads it.
fn in_lines(dir: &Path) {
    let mut watch = Command::new(env!("CARGO_BIN_EXE_av1enc"));
    watch
        .args(["status", "--watch", "--history", "history"])
        .current_dir(dir);
    watch.stdout(std::process::Stdio::piped());
    let mut child = watch.spawn().unwrap();
    let mut read = child.stdout.take().unwrap();
    let mut text = String::new();
    let mut block = [0; 4096];
    while text.matches("nothing is encoded here").count() < 2 {
        let n = read.read(&mut block).unwrap();
        text.push_str(std::str::from_utf8(&block[..n]).unwrap());
    }
    assert!(
        !text.contains('\u{1b}') && text.contains("1 finished, 1 skipped"),
        "{text:?}"
    );
    drop(read);
    assert!(child.wait().unwrap().success());
}
