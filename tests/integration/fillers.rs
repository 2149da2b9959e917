//! A disk that others fill and clear all the time: whatever is written, the run waits and ends whole.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    chance::Chance,
    clips,
    lab::{JOB, Lcg, Mount},
    run::{Run, nothing_is_left_running},
};

/// How long a disk is full, or is not, at most.
const SPELL: Duration = Duration::from_millis(600);

/// Somebody who fills a disk and clears it, until he is dropped.
struct Filler {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Filler {
    fn on(disk: &Mount, seed: u64) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let (ballast, ended) = (disk.ballast(), ends.clone());
        let mut chance = Chance {
            rounds: 0,
            random: Lcg(seed),
        };
        let fill = move || {
            while !ended.load(Relaxed) {
                thread::sleep(chance.time_below(SPELL));
                let mut file = File::create(&ballast).unwrap();
                // As much as there is, at times but for a little.
                let left = [0, 4096, 65536][chance.random.below(3)];
                while file.write_all(&[1; 65536]).is_ok() {}
                let length = file.metadata().unwrap().len();
                file.set_len(length.saturating_sub(left)).unwrap();
                thread::sleep(chance.time_below(SPELL));
                fs::remove_file(&ballast).unwrap();
            }
        };
        Self {
            ends,
            thread: Some(thread::spawn(fill)),
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.ends.store(true, Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A film whose HDR10 is inserted into the chunks, whose tracks are handed over, and whose sound is encoded anew.
fn film(dir: &Path) -> PathBuf {
    let subtitles = "1\n00:00:00,000 --> 00:00:01,000\nA word.\n";
    fs::write(dir.join("words.srt"), subtitles).unwrap();
    let source = clips::hdr10();
    let inputs = ["-i", source.to_str().unwrap(), "-i", "words.srt"];
    let codecs = [
        "-map", "0", "-map", "1", "-c", "copy", "-c:s", "mov_text", "film.mp4",
    ];
    clips::ffmpeg(dir, &[inputs.as_slice(), &codecs].concat());
    dir.join("film.mp4")
}

/// The film once encoded, with its job and its output in `at`.
fn encode(dir: &Path, at: &Path, args: &[&str]) -> Run {
    let run = Run::bare(dir)
        .arg("film.mp4")
        .arg("-o")
        .arg(at.join("out.mkv"));
    let run = run.args(["-w", "2", "-a", "-c:a aac", "--disk-timeout", "60"]);
    run.args(args)
}

#[test]
fn whoever_fills_the_disk_and_clears_it_every_run_waits_and_ends_whole() {
    let mut chance = Chance::of(1);
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 16) else {
        return;
    };
    film(dir.path());
    let inserted = [
        "-e",
        "librav1e",
        "--preset",
        "10",
        "--chunk-method",
        "ffms2",
    ];
    let by_itself = ["--preset", "12"];
    for args in [&inserted[..], &by_itself] {
        let _ = encode(dir.path(), dir.path(), args).arg("-y").succeeds();
        let whole = fs::read(dir.path().join("out.mkv")).unwrap();
        for _ in 0..chance.rounds {
            let run = encode(dir.path(), disk.path(), args).start();
            // It begins where there is room.
            let job = disk.path().join(JOB).join("job.json");
            let run = run.wait_until("it has begun", || job.exists());
            let filler = Filler::on(&disk, chance.random.next());
            let ended = run.ends();
            drop(filler);
            let ended = ended.exits(0);
            nothing_is_left_running(dir.path());
            let output = disk.path().join("out.mkv");
            ended.expect(fs::read(&output).unwrap() == whole, "the same film");
            fs::remove_file(&output).unwrap();
            ended.expect(
                fs::read_dir(disk.path()).unwrap().next().is_none(),
                "nothing is left",
            );
        }
    }
}
