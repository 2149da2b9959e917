//! Nights over a library: the passes that `examples/` has, each by the line that its head tells to type; and one night in
//! which everything happens, after which history and library agree film by film.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, SystemTime},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    clips::{self, ffmpeg},
    examples, extras, families, lab,
};

/// Runs the line that the head of a file of settings tells to type, in a shell, for the user whose home is `home`.
fn pass(settings: &str, home: &Path, more: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("examples").join(settings)).unwrap();
    let typed = text.lines().find_map(|line| line.strip_prefix("#   "));
    let mut shell = examples::in_tree("bash");
    shell.args(["-c", &format!("{} {more}", typed.unwrap())]);
    // What ./setup has installed stays where it is.
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| Some(env::home_dir()?.join(".local/share")));
    shell.env("XDG_DATA_HOME", data.unwrap()).env("HOME", home);
    shell
}

/// A home with an empty directory of films.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("films")).unwrap();
    home
}

/// Makes every film as old as one of yesterday: none is still being copied.
fn age(films: &Path) {
    for name in lab::names(films) {
        let film = File::options().write(true).open(films.join(name)).unwrap();
        let yesterday = SystemTime::now() - Duration::from_secs(86_400);
        film.set_modified(yesterday).unwrap();
    }
}

/// What ffprobe says of a file's tracks: codec, channels, language.
fn tracks(file: &Path) -> String {
    let entries = "stream=codec_name,channels:stream_tags=language";
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", entries, "-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .replace('\n', " ")
}

#[track_caller]
fn ends(output: &Output, code: i32, said: &[&str]) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in said {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
}

/// A tenth of a second of small noise, so that much is spent on each picture.
fn noisy(dir: &Path, name: &str, more: &str) {
    let picture = "-f lavfi -i testsrc2=s=96x64:r=25:d=0.4,noise=alls=30:allf=t";
    let options = format!("{picture} {more}");
    let options: Vec<&str> = options.split_whitespace().collect();
    ffmpeg(dir, &[&options[..], &[name]].concat());
}

#[test]
fn a_pass_for_quality_asks_about_a_remux_and_leaves_what_gains_nothing() {
    let home = home();
    let films = home.path().join("films");
    noisy(&films, "A REMUX.mkv", "-c:v libx264 -qp 4");
    noisy(&films, "b.mkv", "-c:v mpeg4 -q:v 31 -g 250");
    noisy(
        &films,
        "c.WEB-DL.mkv",
        "-c:v libx265 -x265-params log-level=none",
    );
    fs::copy(films.join("A REMUX.mkv"), films.join("d.mkv")).unwrap();
    fs::write(films.join("d.av1skip"), "").unwrap();
    age(&films);
    let night = |more: &str| pass("quality.toml", home.path(), more).output().unwrap();
    let remux = films.join("A REMUX.mkv");
    let waits = format!("its test clip waits for approval: {}", remux.display());
    let left = "left as they are, by the options";
    ends(&night(""), 0, &["0 failed", left, "class remux", &waits]);
    assert!(films.join("A REMUX.clip.mkv").exists());
    // The small one would only become larger.
    assert!(films.join("b.mkv.av1skip").exists());

    let approved = night("--approve 'auto:VMAF>=50'");
    ends(&approved, 0, &["1 encoded, 0 finished before, 0 failed"]);
    assert!(tracks(&remux).starts_with("av1"));
    assert!(films.join("A REMUX.orig.mkv").exists());
    ends(
        &night(""),
        0,
        &["0 encoded, 0 finished before, 0 failed", left],
    );
}

#[test]
fn a_pass_on_a_gpu_gives_it_what_the_table_says() {
    let home = home();
    let dir = home.path().canonicalize().unwrap();
    noisy(
        &dir.join("films"),
        "A REMUX.mkv",
        "-c:v libx264 -qp 4 -pix_fmt yuv420p",
    );
    age(&dir.join("films"));
    let node = dir.join("renderD128");
    fs::write(&node, "").unwrap();
    let wanted = families::Wanted {
        options: ",format=nv12 *-global_quality 29 -preset 1 ",
        head: "YUV4MPEG2 W96 H64 F25:1 Ip A1:1 C420jpeg ",
        frame_bytes: 6 + 96 * 64 * 3 / 2,
        pixel_format: "yuv420p",
    };
    let mut night = pass("hardware.toml", home.path(), "");
    night.env("AV1ENC_FFMPEG", families::stand_in(&dir, &node, &wanted));
    night
        .env("AV1ENC_DEVICE", &node)
        .env_remove("LIBVA_DRIVER_NAME");
    ends(&night.output().unwrap(), 0, &["1 encoded", "class remux"]);
    assert!(tracks(&dir.join("films/A REMUX.mkv")).starts_with("av1"));
}

#[test]
fn a_pass_for_space_has_opus_and_wanted_languages_and_leaves_dynamic_hdr() {
    let home = home();
    let films = home.path().join("films");
    // A tone in each channel, and a deep one where only those are kept.
    let tones = |rates: &[u32], layout: &str| {
        let tones: Vec<String> = rates
            .iter()
            .map(|rate| format!("0.3*sin({rate}*t)"))
            .collect();
        let tones = tones.join("|");
        format!("-f lavfi -i aevalsrc={tones}:c={layout}:d=0.4:s=48000")
    };
    let three = [
        tones(&[2000, 2500, 3000, 300, 2200, 1800], "5.1"),
        tones(&[2000, 3000], "stereo"),
        tones(&[2500], "mono"),
    ];
    let three = three.join(" ");
    let maps = "-map 0 -map 1 -map 2 -map 3 -metadata:s:a:0 language=eng -metadata:s:a:1 language=rus -metadata:s:a:2 language=fre";
    noisy(
        &films,
        "a.mkv",
        &format!("{three} {maps} -c:v libx264 -qp 4 -c:a flac"),
    );
    extras::with_hdr10_plus(home.path(), "b.mkv");
    fs::rename(home.path().join("b.mkv"), films.join("b.mkv")).unwrap();
    age(&films);
    let night = pass("space.toml", home.path(), "").output().unwrap();
    let said = [
        "1 encoded",
        "1 left as they are",
        "nice 19, idle at the disks",
    ];
    ends(&night, 0, &said);
    assert_eq!(tracks(&films.join("a.mkv")), "av1 opus,6,eng opus,1,fre");
    assert_eq!(lab::names(&films), ["a.mkv", "b.mkv"]);
}

#[test]
fn a_pass_for_an_archive_compares_every_picture_and_has_a_place_of_its_own() {
    let home = home();
    let films = home.path().join("films");
    noisy(
        &films,
        "a.mkv",
        "-f lavfi -i sine=d=0.4 -c:v libx264 -qp 4 -c:a flac",
    );
    age(&films);
    let before = lab::snapshot(&films);
    let night = pass("archive.toml", home.path(), "").output().unwrap();
    ends(&night, 0, &["1 encoded", "10 pictures like the source's"]);
    let output = home.path().join("archive/a.mkv.av1.mkv");
    assert_eq!(tracks(&output), "av1 flac,1");
    assert_eq!(lab::snapshot(&films), before);
}

/// A night over the films of a directory: the loop, what it says, and what is in its history.
struct Night {
    dir: PathBuf,
}

impl Night {
    /// Begins to go through the films.
    fn begin(&self, options: &[&str]) -> Child {
        let said = File::options().append(true).create(true).open(self.said());
        let said = said.unwrap();
        let mut batch = examples::batch_of(&self.dir, "films", "disk/out");
        batch.args("--preset 12 --skip av1,marked --history history.jsonl".split(' '));
        batch
            .args(options)
            .stdout(said.try_clone().unwrap())
            .stderr(said);
        batch.stdin(Stdio::null()).spawn().unwrap()
    }

    fn said(&self) -> PathBuf {
        self.dir.join("said")
    }

    fn wait_for(&self, words: &str) {
        lab::wait_for(words, || {
            let said = fs::read(self.said()).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            assert!(!said.contains(" encoded, "), "it has ended:\n{said}");
            said.contains(words)
        });
    }

    /// Waits until a film is encoded, and is not finished yet.
    fn wait_for_work_on(&self, film: &str) {
        let chunks = self.dir.join(format!("disk/out/{film}.av1.mkv.av1enc"));
        lab::wait_for(film, || lab::finished_in(&chunks) > 0);
    }

    fn history_is_empty(&self) -> bool {
        let history = fs::read(self.dir.join("history.jsonl"));
        history.map_or(true, |lines| lines.is_empty())
    }

    /// Of each film the line that counts: its last one.
    fn history(&self) -> BTreeMap<PathBuf, Value> {
        let text = fs::read_to_string(self.dir.join("history.jsonl")).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|line| (PathBuf::from(line["source_path"].as_str().unwrap()), line))
            .collect()
    }
}

/// The twelve films, and what each comes to.
const FILMS: [(&str, &str); 12] = [
    ("a.mkv", "Success"),
    ("b.mp4", "Success"),
    ("c.ts", "Success"),
    ("d.webm", "Success"),
    ("e hdr10.mkv", "Success"),
    ("f\nsilent.mkv", "Success"),
    ("g AV1.mkv", "Skipped"),
    ("h marked.mkv", "Skipped"),
    ("i text.mkv", "Refused"),
    ("j half.mp4", "Refused"),
    ("k killed.mkv", "Success"),
    ("l changing.mkv", "Success"),
];

fn make_films(films: &Path) {
    fs::create_dir(films).unwrap();
    let of = |options: &str, name: &str| {
        let from = clips::one_scene();
        let options: Vec<&str> = options.split_whitespace().collect();
        ffmpeg(
            films,
            &[&["-i", from.to_str().unwrap()], &options[..], &[name]].concat(),
        );
    };
    let copy = |from: PathBuf, name: &str| fs::copy(from, films.join(name)).unwrap();
    copy(clips::one_scene(), "a.mkv");
    copy(clips::mp4(), "b.mp4");
    of("-c copy", "c.ts");
    of(
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 200k",
        "d.webm",
    );
    copy(clips::hdr10(), "e hdr10.mkv");
    copy(clips::silent(), "f\nsilent.mkv");
    of("-frames:v 5 -c:v libaom-av1 -cpu-used 8", "g AV1.mkv");
    copy(clips::one_scene(), "h marked.mkv");
    fs::write(films.join("h marked.mkv.av1skip"), "").unwrap();
    fs::write(films.join("i text.mkv"), [b'a'; 4000]).unwrap();
    let mp4 = fs::read(clips::mp4()).unwrap();
    fs::write(films.join("j half.mp4"), &mp4[..mp4.len() / 2]).unwrap();
    copy(clips::thirty_scenes(), "k killed.mkv");
    copy(clips::thirty_scenes(), "l changing.mkv");
}

/// Fills a disk until nothing more gets onto it.
fn fill(file: &Path) {
    let mut full = File::create(file).unwrap();
    while std::io::Write::write_all(&mut full, &[1; 65_536]).is_ok() {}
}

/// Kills a loop and the encode that it waits for, at once.
fn kill_with_its_encode(mut batch: Child) {
    let pid = batch.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    batch.kill().unwrap();
    for child in children.split_whitespace() {
        let _ = kill(Pid::from_raw(child.parse().unwrap()), Signal::SIGKILL);
    }
    batch.wait().unwrap();
}

#[test]
fn after_a_night_in_which_everything_happens_history_and_library_agree() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let Some(disk) = lab::Mount::tmpfs(dir.join("disk"), 48) else {
        return;
    };
    let films = dir.join("films");
    make_films(&films);
    let night = Night { dir: dir.clone() };

    // The disk is full, and somebody makes room; then the machine loses power.
    fs::create_dir(dir.join("disk/out")).unwrap();
    let filler = dir.join("disk/filler");
    fill(&filler);
    let batch = night.begin(&["-w", "1"]);
    night.wait_for("a disk is full");
    thread::sleep(Duration::from_secs(2));
    assert!(night.history_is_empty());
    fs::remove_file(filler).unwrap();
    night.wait_for_work_on("k killed.mkv");
    kill_with_its_encode(batch);

    // It goes on, and a film is exchanged while it is encoded.
    let mut batch = night.begin(&["-w", "1"]);
    night.wait_for_work_on("l changing.mkv");
    fs::copy(clips::five_scenes(), dir.join("another")).unwrap();
    fs::rename(dir.join("another"), films.join("l changing.mkv")).unwrap();
    assert_eq!(batch.wait().unwrap().code(), Some(1));
    let changed = &night.history()[&films.join("l changing.mkv")];
    assert_eq!(changed["status"], "Failed");
    let reason = changed["reason"].as_str().unwrap();
    assert!(reason.contains("has changed"), "{reason}");

    // Its work is of another film now, which the user says once.
    let mut batch = night.begin(&["--restart"]);
    assert_eq!(batch.wait().unwrap().code(), Some(1), "two are no films");

    let history = night.history();
    for (name, status) in FILMS {
        let (film, line) = (films.join(name), &history[&films.join(name)]);
        assert_eq!(line["status"], status, "{line:#}");
        let output = dir.join(format!("disk/out/{name}.av1.mkv"));
        let bytes = |file: &Path| file.metadata().map(|file| file.len()).ok();
        if status == "Success" {
            assert!(tracks(&output).starts_with("av1"), "{name}");
            assert_eq!(line["new_bytes"].as_u64(), bytes(&output), "{name}");
            assert_eq!(line["original_bytes"].as_u64(), bytes(&film), "{name}");
            assert_eq!(line["output_path"], output.to_str().unwrap());
        } else {
            assert_eq!(
                (bytes(&output), &line["new_bytes"]),
                (None, &Value::Null),
                "{name}"
            );
            assert!(line["reason"].is_string(), "{name}");
        }
    }
    assert_eq!(history.len(), FILMS.len());
    let succeeded = FILMS
        .iter()
        .filter(|(_, status)| *status == "Success")
        .count();
    assert_eq!(lab::names(&dir.join("disk/out")).len(), succeeded);

    let sums = examples::av1enc(&dir)
        .args(["history", "history.jsonl", "--json"])
        .output()
        .unwrap();
    let sums: Value = serde_json::from_slice(&sums.stdout).unwrap();
    assert_eq!(sums["total"]["films"], succeeded, "{sums:#}");
    let lines = |what: &str| sums[what].as_array().unwrap().len();
    assert_eq!(
        (lines("skipped"), lines("refused"), lines("failed")),
        (2, 2, 0),
        "{sums:#}"
    );
    drop(disk);
}
