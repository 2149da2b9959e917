//! `plan`, `chunk` and `join`: one film by several processes, which know nothing of each other but the job directory.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    chance::Chance,
    check::{File, is_whole},
    clips,
    encoders::{old, real, script},
    lab::{
        CHUNKS, FRAMES, JOB, Mount, all_but_one, encode, finished_in, gated, gives_the_film,
        goes_on, let_go, names, undisturbed, waiting,
    },
    run::{Ended, Run, nothing_is_left_running},
};

/// The plan of the film that the lab encodes.
fn plan(dir: &Path) -> Run {
    Run::bare(dir)
        .args(["plan", "-w", "2", "--preset", "12"])
        .arg(clips::five_scenes())
        .args(["-o", "out.mkv"])
}

fn chunk(dir: &Path, job: impl AsRef<OsStr>) -> Run {
    Run::bare(dir).arg("chunk").arg(job)
}

fn join(dir: &Path) -> Run {
    Run::bare(dir).args(["join", JOB, "--json"])
}

/// The last line that it printed as JSON.
fn last(ended: &Ended) -> Value {
    ended.events().pop().unwrap()
}

#[test]
fn plan_chunk_and_join_give_the_film_of_the_plain_command() {
    let method = Chance::of(1).some(["linear", "ffms2"]);
    for method in method {
        let dir = tempfile::tempdir().unwrap();
        let planned = plan(dir.path()).args(["--chunk-method", method]).succeeds();
        let job = dir.path().canonicalize().unwrap().join(JOB);
        planned.expect(
            planned.stdout == format!("{}\n", job.display()),
            "the directory alone",
        );
        let scenes = fs::read_to_string(job.join("scenes.jsonl")).unwrap();
        assert_eq!(scenes.matches("frames_hash").count(), CHUNKS as usize);

        let missing = last(&join(dir.path()).ends().exits(6));
        assert_eq!(missing["missing"], json!([0, 1, 2, 3, 4]), "{missing}");
        let _ = chunk(dir.path(), &job).args(["--chunks", "1-2"]).succeeds();
        // Not from the directory in which it was planned, and once more.
        let elsewhere = tempfile::tempdir().unwrap();
        let again = chunk(elsewhere.path(), &job).args(["--chunks", "2", "--json"]);
        let again = last(&again.succeeds());
        assert_eq!(
            (&again["here"], &again["before"]),
            (&json!([]), &json!([2]))
        );
        let missing = last(&join(dir.path()).ends().exits(6));
        assert_eq!(missing["missing"], json!([0, 3, 4]));

        let tasks = json!({
            "tasks": [
                {"chunks": [{"start": 0, "end": 1}, {"start": 3, "end": 4}], "frames": 1, "seconds": 1, "memory_bytes": 1}
            ],
            "submissions": []
        });
        fs::write(job.join("tasks.json"), tasks.to_string()).unwrap();
        let task = chunk(elsewhere.path(), &job).args(["--task", "auto", "--json"]);
        let done = last(&task.env("SLURM_ARRAY_TASK_ID", "0").succeeds());
        assert_eq!(done["here"], json!([0, 3]));
        let _ = chunk(elsewhere.path(), &job)
            .args(["--task", "1"])
            .ends()
            .exits(2);
        let any = chunk(elsewhere.path(), &job)
            .args(["--any", "--json"])
            .succeeds();
        assert_eq!(last(&any)["here"], json!([4]));
        let _ = goes_on(dir.path(), join(dir.path()), CHUNKS);
        is_whole(&dir.path().join("out.mkv"), &clips::five_scenes(), FRAMES);
    }
}

#[test]
fn a_chunk_that_only_the_proof_finds_damaged_is_missing_for_who_joins() {
    let dir = tempfile::tempdir().unwrap();
    let real = real().display();
    // The data of its keyframe, once: all lengths and heads are as they should be.
    let damage = "printf '%0300d' 0 | dd of=\"$file\" bs=1 seek=300 conv=notrunc 2>../lab/dd";
    let encoder = script(
        dir.path(),
        &format!(
            "if [ $chunk = 00004 ] && [ ! -e ../lab/dd ]; then '{real}' \"$@\"; \
             for file in chunks/$chunk.*.ivf; do {damage}; done; exit 0; fi"
        ),
    );
    let _ = plan(dir.path())
        .arg("--encoder-path")
        .arg(&encoder)
        .succeeds();
    let any = || chunk(dir.path(), JOB).arg("--any");
    let _ = any().succeeds();
    let joined = join(dir.path()).ends().exits(6);
    let missing = last(&joined);
    assert_eq!(
        (&missing["missing"], &missing["kind"]),
        (&json!([4]), &json!("missing"))
    );
    let job = dir.path().canonicalize().unwrap().join(JOB);
    let again = format!("`av1enc chunk {} --any` encodes", job.display());
    let _ = joined.says("1 chunk damaged (4)").says(&again);
    let _ = any().succeeds();
    let _ = gives_the_film(dir.path(), join(dir.path()));
}

#[test]
fn a_join_that_finds_no_room_may_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let Some(_disk) = Mount::tmpfs(at.join("disk"), 2) else {
        return;
    };
    let planned = Run::bare(at)
        .args(["plan", "--preset", "12", "--disk-timeout", "1"])
        .arg(clips::five_scenes())
        .args(["-o", "disk/out.mkv", "--temp", JOB]);
    let _ = planned.succeeds();
    let _ = chunk(at, JOB).arg("--any").succeeds();
    let ballast = at.join("disk/ballast");
    let _ = fs::write(&ballast, vec![1; 4 << 20]).unwrap_err();
    let full = join(at).ends().exits(75);
    assert_eq!(last(&full)["kind"], "again");
    fs::remove_file(&ballast).unwrap();
    let _ = join(at).succeeds();
    is_whole(&at.join("disk/out.mkv"), &clips::five_scenes(), FRAMES);
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let job = dir.path().join(JOB);
    let make = |args: &[&str]| {
        let _ = plan(dir.path()).args(args).succeeds();
        let mut names = names(&job);
        // What is expected of hosts is no part of the promise.
        names.retain(|name| !["chunks", "hints.json", "lock", "source"].contains(&name.as_str()));
        let read = |name: String| (fs::read(job.join(&name)).unwrap(), name);
        names.into_iter().map(read).collect::<Vec<_>>()
    };
    let method = Chance::of(1).some(["linear", "ffms2"])[0];
    let first = make(&["--chunk-method", method]);
    assert_eq!(
        make(&["--chunk-method", method]),
        first,
        "what is complete stays as it is"
    );
    fs::remove_dir_all(&job).unwrap();
    assert_eq!(make(&["--chunk-method", method]), first);
}

#[test]
fn what_a_plan_cannot_be_made_of_is_said_before_anything() {
    let dir = tempfile::tempdir().unwrap();
    for (words, says) in [
        (&["--no-chunks"][..], "--no-chunks"),
        (&["--target-size", "1M"], "--target-size"),
        (&["--dry-run"], "--dry-run"),
    ] {
        let _ = plan(dir.path()).args(words).fails(2).says(says);
    }
    // What it makes is looked at with `--dry-run`, as its help says first.
    let help = Run::bare(dir.path()).args(["plan", "--help"]).succeeds();
    help.expect(
        help.stdout
            .to_lowercase()
            .starts_with("make the job directory; to look only, `--dry-run`"),
        "the first line of the help",
    );
}

/// A job that was planned in `dir`, and a copy of it with which something may be done.
fn planned_with(dir: &Path, args: &[&str]) -> PathBuf {
    let _ = plan(dir).args(args).succeeds();
    dir.join(JOB)
}

#[test]
fn a_host_refuses_what_was_not_planned() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let film = at.join("film.mkv");
    fs::copy(clips::five_scenes(), &film).unwrap();
    let _ = Run::bare(at)
        .args(["plan", "--preset", "12", "film.mkv", "-o", "out.mkv"])
        .succeeds();
    let job = at.join(JOB);
    let any = || chunk(at, JOB).arg("--any");
    // Others may have written what it is to run.
    let mode = |mode| fs::set_permissions(&job, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    for run in [any(), join(at)] {
        let _ = run.ends().exits(3).says("can be written by other users");
    }
    mode(0o700);
    // The film is not to be seen: its share may be mounted later, or somewhere else.
    let moved = at.join("-moved\nfilm.mkv");
    fs::rename(&film, &moved).unwrap();
    let _ = any().fails(75).says("--source");
    fs::copy(clips::one_scene(), &film).unwrap();
    let _ = any().ends().exits(8).says("not the film that was planned");
    let _ = chunk(at, JOB)
        .args(["--chunks", "0", "--source"])
        .arg(&moved)
        .succeeds();
    let _ = chunk(at, JOB)
        .args(["--chunks", "3-9"])
        .arg("--source")
        .arg(&moved)
        .ends()
        .exits(2);
    fs::rename(&moved, &film).unwrap();
    // Another encoder.
    if let Some(old) = old() {
        let other = any().env("AV1ENC_ENCODER_PATH", old).ends().exits(8);
        let _ = other.says("it was planned with");
    }
    // Other frames.
    let scenes = job.join("scenes.jsonl");
    let known = fs::read_to_string(&scenes).unwrap();
    let at_hash = known.rfind("frames_hash\":\"").unwrap() + "frames_hash\":\"".len();
    let digit = if known.as_bytes()[at_hash] == b'0' {
        "1"
    } else {
        "0"
    };
    let mut other = known.clone();
    other.replace_range(at_hash..=at_hash, digit);
    fs::write(&scenes, other).unwrap();
    let _ = any().ends().exits(8).says("others on this host");
    assert!(!job.join("chunks/00004.ivf").exists());
    fs::write(&scenes, known).unwrap();
    // No job, and one that was not planned.
    let _ = chunk(at, "nothing").arg("--any").ends().exits(75);
    fs::remove_file(job.join("line.json")).unwrap();
    let _ = any().ends().exits(3).says("av1enc plan");
    nothing_is_left_running(at);
}

#[test]
fn another_version_of_the_reader_makes_an_index_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let job = planned_with(dir.path(), &["--chunk-method", "ffms2"]);
    let record = job.join("reader.json");
    let reader = fs::read_to_string(&record).unwrap();
    assert!(reader.contains("\"FFMS2 "), "{reader}");
    fs::write(&record, reader.replace("\"FFMS2 ", "\"FFMS2 0")).unwrap();
    // The job's own cannot be used.
    fs::write(job.join("source.ffindex"), "of another version").unwrap();
    let _ = chunk(dir.path(), JOB).arg("--any").succeeds();
    assert_eq!(finished_in(&job), CHUNKS);
    assert_eq!(
        fs::read(job.join("source.ffindex")).unwrap(),
        b"of another version"
    );
}

#[test]
fn two_hosts_share_the_chunks_and_who_is_killed_leaves_his_to_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let slow = gated(at, "00001");
    planned_with(at, &["--encoder-path", slow.to_str().unwrap()]);
    let one = chunk(at, JOB).args(["--chunks", "1"]).start();
    let one = one.wait_until("it encodes", || waiting(at).len() == 1);
    // It lives: these very chunks are not to be had, and of all chunks the others are.
    let refused = chunk(at, JOB).args(["--chunks", "0-1"]).ends().exits(75);
    let _ = refused.says(&format!("process {}", one.number()));
    let others = chunk(at, JOB).args(["--any", "--json"]);
    let others = last(&others.env("AV1ENC_ENCODER_PATH", real()).succeeds());
    assert_eq!(others["elsewhere"], json!([1]), "{others}");
    assert_eq!(others["before"], json!([0]));
    assert_eq!(last(&join(at).ends().exits(6))["missing"], json!([1]));
    one.signal(Signal::SIGKILL);
    let _ = one.ends();
    let taken = chunk(at, JOB).args(["--any", "--json"]);
    let taken = last(&taken.env("AV1ENC_ENCODER_PATH", real()).succeeds());
    assert_eq!(taken["here"], json!([1]));
    let _ = join(at).succeeds();
    let (ours, theirs) = (File::open(&at.join("out.mkv")), at.join("alone.mkv"));
    fs::write(&theirs, undisturbed()).unwrap();
    assert_eq!(ours.hashes(), File::open(&theirs).hashes());
}

#[test]
fn the_plain_command_and_a_cluster_take_over_from_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let _ = plan(at).succeeds();
    let _ = chunk(at, JOB).args(["--chunks", "0-3"]).succeeds();
    let _ = goes_on(at, encode(at), 4);
    // And the reverse: what a plain run has left, others finish.
    fs::remove_file(at.join("out.mkv")).unwrap();
    all_but_one(at);
    let _ = chunk(at, JOB)
        .arg("--any")
        .ends()
        .exits(3)
        .says("av1enc plan");
    let planned = plan(at).args(["--encoder-path"]).arg(real()).succeeds();
    planned.expect(
        finished_in(&at.join(JOB)) == CHUNKS - 1,
        "its chunks are kept",
    );
    let done = chunk(at, JOB).args(["--any", "--json"]).succeeds();
    assert_eq!(last(&done)["here"], json!([4]));
    let _ = gives_the_film(at, join(at));
}

#[test]
fn who_is_stopped_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let slow = gated(at, "00003");
    let job = planned_with(at, &["--encoder-path", slow.to_str().unwrap()]);
    let run = chunk(at, JOB).args(["--chunks", "3"]).start();
    let run = run.wait_until("it encodes", || waiting(at).len() == 1);
    run.signal(Signal::SIGTERM);
    let _ = run.ends().dies_of(Signal::SIGTERM);
    nothing_is_left_running(at);
    assert_eq!(names(&job.join("chunks")), ["00003.attempts.jsonl"]);
    let attempts = fs::read_to_string(job.join("chunks/00003.attempts.jsonl")).unwrap();
    assert!(attempts.contains("\"outcome\":\"stopped\""), "{attempts}");
    let_go(at);
    let _ = chunk(at, JOB)
        .args(["--any", "-q"])
        .succeeds()
        .prints_nothing();
}

#[test]
fn packed_chunks_are_encoded_where_neither_job_nor_film_nor_vapoursynth_is() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let job = planned_with(
        at,
        &["--chunk-method", Chance::of(1).some(["linear", "ffms2"])[0]],
    );
    let pack = || chunk(at, JOB).args(["--chunks", "1-3", "--pack", "--json"]);
    assert_eq!(last(&pack().succeeds())["here"], json!([1, 2, 3]));
    assert_eq!(last(&pack().succeeds())["before"], json!([1, 2, 3]));
    let far = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"-a '\n\xff2.mkv");
    for (chunk, name) in [("00001.mkv", OsStr::new("00001.mkv")), ("00002.mkv", name)] {
        fs::copy(job.join("chunks").join(chunk), far.path().join(name)).unwrap();
        // Without loss: other people's decoder sees a film of this size.
        let packed = File::open(&far.path().join(name));
        assert_eq!(packed.decoded(), FRAMES / CHUNKS);
        let packed = Run::bare(far.path()).args(["chunk", "--json"]).arg({
            let mut word = OsStr::new("--packed=").to_owned();
            word.push(name);
            word
        });
        let _ = packed.env("VSSCRIPT_PATH", "/nonexistent").succeeds();
    }
    let take = |from: &OsStr, index: usize| {
        for ending in ["ivf", "json"] {
            let from = far.path().join(from).with_extension(ending);
            fs::copy(from, job.join(format!("chunks/{index:05}.{ending}"))).unwrap();
        }
    };
    take(OsStr::new("00001.mkv"), 1);
    take(name, 2);
    let left = fs::read_dir(far.path()).unwrap().count();
    assert_eq!(left, 6, "nothing else is left there");
    // A damaged one is refused, and so is a film.
    let mut damaged = fs::read(job.join("chunks/00003.mkv")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0x55);
    fs::write(far.path().join("3.mkv"), damaged).unwrap();
    let packed = |file: &Path| {
        Run::bare(far.path())
            .args(["chunk", "--packed"])
            .arg(file)
            .ends()
    };
    let _ = packed(&far.path().join("3.mkv"))
        .exits(75)
        .says("is damaged");
    let _ = packed(&clips::one_scene()).exits(8).says("--pack");
    let _ = packed(Path::new("nothing.mkv")).exits(75);
    assert!(!far.path().join("3.ivf").exists());
    let done = last(&chunk(at, JOB).args(["--any", "--json"]).succeeds());
    assert_eq!(
        (&done["here"], &done["before"]),
        (&json!([0, 3, 4]), &json!([1, 2]))
    );
    let _ = goes_on(at, join(at), CHUNKS);
}

#[test]
fn files_that_options_name_go_with_a_packed_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    // Two scenes of 28 pictures: another quality for each.
    let lines = [("20\n", 28), ("60\n", 28)].map(|(line, times)| line.repeat(times));
    fs::write(at.join("the file.txt"), lines.concat()).unwrap();
    let _ = Run::bare(at)
        .args(["plan", "--preset", "10", "-o", "out.mkv", "--encoder-path"])
        .arg(real())
        .args(["-v", "--use-q-file 1 --qpfile 'the file.txt'"])
        .arg(clips::hdr10())
        .succeeds();
    let _ = chunk(at, JOB).args(["--any", "--pack"]).succeeds();
    let _ = chunk(at, JOB).arg("--any").succeeds();
    fs::remove_file(at.join("the file.txt")).unwrap();
    let chunks = at.join(JOB).join("chunks");
    let far = tempfile::tempdir().unwrap();
    for n in ["00000", "00001"] {
        fs::copy(
            chunks.join(n).with_extension("mkv"),
            far.path().join("it.mkv"),
        )
        .unwrap();
        let packed = Run::bare(far.path()).args(["chunk", "--packed", "it.mkv"]);
        let _ = packed.env("AV1ENC_ENCODER_PATH", real()).succeeds();
        let ours = fs::read(chunks.join(n).with_extension("ivf")).unwrap();
        assert!(fs::read(far.path().join("it.ivf")).unwrap() == ours, "{n}");
    }
}

#[test]
fn a_chunk_of_another_job_is_none_of_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let job = planned_with(at, &[]);
    let _ = plan(at).args(["--crf", "55", "--temp", "other"]).succeeds();
    for job in [JOB, "other"] {
        let _ = chunk(at, job).args(["--chunks", "2"]).succeeds();
    }
    let (theirs, ours) = (at.join("other/chunks"), job.join("chunks"));
    let says_of_its_job = fs::read_to_string(theirs.join("00002.json")).unwrap();
    let mut record: Value = serde_json::from_str(&says_of_its_job).unwrap();
    assert!(record.as_object_mut().unwrap().remove("job").is_some());
    for record in [says_of_its_job, record.to_string()] {
        fs::copy(theirs.join("00002.ivf"), ours.join("00002.ivf")).unwrap();
        fs::write(ours.join("00002.json"), record).unwrap();
        assert_eq!(
            last(&join(at).ends().exits(6))["missing"],
            json!([0, 1, 2, 3, 4])
        );
    }
    // What lies beside a packed chunk may be of another job, too.
    let _ = chunk(at, JOB).args(["--chunks", "2", "--pack"]).succeeds();
    let packed = job.join("chunks/00002.mkv");
    let packed = Run::bare(at)
        .args(["chunk", "--json", "--packed"])
        .arg(packed);
    assert_eq!(last(&packed.succeeds())["here"], json!([2]));
    let _ = chunk(at, JOB).arg("--any").succeeds();
    let _ = join(at).succeeds();
    let theirs = at.join("alone.mkv");
    fs::write(&theirs, undisturbed()).unwrap();
    assert_eq!(
        File::open(&at.join("out.mkv")).hashes(),
        File::open(&theirs).hashes()
    );
}

#[test]
fn a_damaged_film_is_the_same_to_every_host() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let film = clips::damaged(at, "3000");
    let _ = Run::bare(at)
        .args(["plan", "--preset", "12", "-o", "out.mkv"])
        .arg(film)
        .succeeds();
    let _ = chunk(at, JOB).args(["--any", "-w", "1"]).succeeds();
    assert_eq!(finished_in(&at.join(JOB)), last_index(at) + 1);
    let _ = join(at).succeeds();
}

/// The number of the last chunk that was planned.
fn last_index(dir: &Path) -> u64 {
    let scenes = fs::read_to_string(dir.join(JOB).join("scenes.jsonl")).unwrap();
    scenes.matches("frames_hash").count() as u64 - 1
}
