//! A fault at every place where one can be: it is answered in words, leaves nothing behind, and the repeated command
//! gives the film of a run that nothing has disturbed.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command, thread, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    chance::Chance,
    clips,
    encoders::script,
    lab::{
        CHUNKS, FRAMES, JOB, Lcg, Mount, all_but_one, all_but_one_with, copy, encode, encode_of,
        encode_with, fails, fake_mkvmerge, finished_in, gated, gives_the_film, goes_on, is_stopped,
        let_go, messages, parent, scenes_are_known, snapshot, state, tells, undisturbed, wait_for,
        waiting, with_fakes,
    },
    run::{Run, nothing_is_left_running},
};

// --- Encoders -------------------------------------------------------------------------------------------------------

#[test]
fn an_encoder_that_hangs_is_killed_and_its_chunk_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    // One reads nothing, the other everything, and then nothing happens.
    let encoder = script(
        dir.path(),
        "case $chunk in\n\
         00001) [ -e ../lab/first ] || { touch ../lab/first; sleep 1000000; } ;;\n\
         00003) [ -e ../lab/second ] || { touch ../lab/second; cat >../lab/frames; sleep 1000000; } ;;\n\
         esac",
    );
    let run = gives_the_film(
        dir.path(),
        encode_with(dir.path(), &encoder).args(["--stall-timeout", "5"]),
    );
    for chunk in [1, 3] {
        tells(
            &run,
            &format!(
                "chunk {chunk} failed (try 1 of 3) and is tried again: the encoder made no progress for 5 s"
            ),
        );
    }
}

#[test]
fn an_encoder_that_always_hangs_fails_with_its_chunk_and_the_others_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(
        dir.path(),
        "[ $chunk != 00001 ] || { echo x >>../lab/tries; sleep 1000000; }",
    );
    let run = fails(
        dir.path(),
        encode_with(dir.path(), &encoder).args(["--stall-timeout", "5"]),
    );
    run.says("1 of 5 chunks could not be encoded (1); the first, frames 26 to 51")
        .says("the encoder made no progress for 5 s and was killed")
        .says("the same command tries only these again");
    assert_eq!(
        fs::read_to_string(dir.path().join("lab/tries"))
            .unwrap()
            .lines()
            .count(),
        3
    );
    goes_on(dir.path(), encode(dir.path()), CHUNKS - 1);
}

#[test]
fn an_encoder_that_fills_both_streams_with_megabytes_is_read_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    // Lines and a line that never ends; before, while and after it reads its input.
    let encoder = script(
        dir.path(),
        "if [ $chunk = 00002 ]; then\n\
         head -c 8000000 /dev/zero | tr '\\0' x\n\
         head -c 8000000 /dev/zero | tr '\\0' x >&2\n\
         yes 'Encoding frame 99999999999999999999999 of nothing' | head -c 4000000 >&2\n\
         yes | head -c 4000000\n\
         fi",
    );
    goes_on(dir.path(), encode_with(dir.path(), &encoder), 0);
}

#[test]
fn an_encoder_that_writes_too_many_frames_fails_with_their_number() {
    let dir = tempfile::tempdir().unwrap();
    // The frames of the file once more behind themselves: a whole IVF of good frames.
    let real = crate::encoders::real().display();
    let encoder = script(
        dir.path(),
        &format!(
            "if [ $chunk = 00001 ]; then '{real}' \"$@\"; file=chunks/$chunk.part.ivf\n\
             tail -c +33 $file >../lab/frames; cat ../lab/frames >>$file; exit; fi"
        ),
    );
    let run = fails(dir.path(), encode_with(dir.path(), &encoder))
        .says("the encoder wrote 52 frames instead of 26");
    run.expect(
        !run.stderr.contains("is the disk full?"),
        "no talk of the disk: there are too many, not too few",
    );
    goes_on(dir.path(), encode(dir.path()), CHUNKS - 1);
}

#[test]
fn a_chunk_that_only_the_proof_finds_damaged_is_encoded_again_by_the_same_command() {
    let dir = tempfile::tempdir().unwrap();
    let real = crate::encoders::real().display();
    // The data of its keyframe: all lengths and heads are as they should be.
    let damage = "printf '%0300d' 0 | dd of=$file bs=1 seek=300 conv=notrunc 2>../lab/dd";
    let encoder = script(
        dir.path(),
        &format!(
            "if [ $chunk = 00004 ] && [ ! -e ../lab/dd ]; then '{real}' \"$@\"; \
             file=chunks/$chunk.part.ivf; {damage}; exit 0; fi"
        ),
    );
    fails(dir.path(), encode_with(dir.path(), &encoder))
        .says("1 chunk damaged (4): the same command encodes what is damaged again");
    goes_on(dir.path(), encode_with(dir.path(), &encoder), CHUNKS - 1);
}

#[test]
fn an_encoder_that_writes_noise_or_nothing_fails() {
    for (damage, words) in [
        (
            "head -c 5000 /dev/urandom >$file",
            "the encoder wrote a damaged file",
        ),
        (": >$file", "the encoder wrote a damaged file"),
        ("rm $file", "the encoder wrote no file"),
        (
            "head -c 3000 $file >../lab/part; cat ../lab/part >$file",
            "the encoder wrote a damaged file",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let real = crate::encoders::real().display();
        let encoder = script(
            dir.path(),
            &format!(
                "if [ $chunk = 00002 ]; then '{real}' \"$@\"; file=chunks/$chunk.part.ivf; {damage}; exit 0; fi"
            ),
        );
        fails(dir.path(), encode_with(dir.path(), &encoder)).says(words);
        goes_on(dir.path(), encode(dir.path()), CHUNKS - 1);
    }
}

// --- Signals --------------------------------------------------------------------------------------------------------

/// Long enough for a signal to be taken note of.
const MOMENT: Duration = Duration::from_secs(1);

#[test]
fn with_on_interrupt_finish_the_running_chunks_are_finished_and_no_other_is_begun() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = gated(dir.path(), "*");
    let run = encode_with(dir.path(), &encoder)
        .args(["--on-interrupt", "finish"])
        .start();
    let run = run.wait_until("two encoders wait, others are to come", || {
        waiting(dir.path()).len() == 2 && scenes_are_known(&dir.path().join(JOB))
    });
    run.signal(Signal::SIGINT);
    thread::sleep(MOMENT);
    assert!(
        waiting(dir.path()).iter().all(|pid| state(*pid).is_some()),
        "they are not stopped"
    );
    let_go(dir.path());
    let ended = run
        .ends()
        .dies_of(Signal::SIGINT)
        .says("the same command goes on");
    tells(
        &ended,
        "stopping when 2 running chunks are finished; once more to stop at once",
    );
    nothing_is_left_running(dir.path());
    ended.expect(waiting(dir.path()).len() == 2, "no third encoder");
    goes_on(dir.path(), encode(dir.path()), 2);
}

#[test]
fn with_on_interrupt_finish_a_second_signal_stops_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = gated(dir.path(), "*");
    let run = encode_with(dir.path(), &encoder)
        .args(["--on-interrupt", "finish"])
        .start();
    let run = run.wait_until("two encoders wait", || waiting(dir.path()).len() == 2);
    run.signal(Signal::SIGTERM);
    thread::sleep(MOMENT);
    run.signal(Signal::SIGINT);
    let _ = run
        .ends()
        .dies_of(Signal::SIGINT)
        .says("the same command goes on");
    nothing_is_left_running(dir.path());
    goes_on(dir.path(), encode(dir.path()), 0);
}

/// Whether a thread of this process waits for an answer of FUSE.
fn waits_for_fuse(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let mut waits = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("wchan")));
    waits.any(|wait| wait.is_ok_and(|wait| wait == "request_wait_answer"))
}

#[test]
fn the_first_signal_ends_a_run_that_waits_where_nothing_answers() {
    let dir = tempfile::tempdir().unwrap();
    // Its server works in the directory that it passes on, and is none of what the run leaves.
    let place = tempfile::tempdir().unwrap();
    let Some((disk, server)) = Mount::that_can_be_stopped(place.path()) else {
        return;
    };
    let job = disk.path().join("job");
    let command = || in_job(encode(dir.path()), &job);
    let encoder = gated(disk.path(), "*");
    let run = command().arg("--encoder-path").arg(&encoder).start();
    let pid = run.number();
    // From now on, it only looks at the room that there is.
    let run = run.wait_until("its encoders wait", || {
        waiting(disk.path()).len() == 2 && job.join("pictures.bin").exists()
    });
    // What a server has begun to answer, no signal ends, not even SIGKILL.
    run.signal(Signal::SIGSTOP);
    wait_for("no request under way", || {
        is_stopped(pid) && !waits_for_fuse(pid)
    });
    server.stop();
    run.signal(Signal::SIGCONT);
    let run = run.wait_until("it waits", || waits_for_fuse(pid));
    run.signal(Signal::SIGINT);
    let ended = run.ends().dies_of(Signal::SIGINT);
    let _ = ended.says("the same command goes on");
    server.go_on();
    nothing_is_left_running(dir.path());
    gives_the_film(dir.path(), command());
}

#[test]
fn stopped_by_the_terminal_its_encoders_stop_too_and_it_goes_on_as_if_nothing_had_been() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = gated(dir.path(), "*");
    // Long enough that no encoder is taken for one that hangs before both wait, on a loaded machine too.
    let run = encode_with(dir.path(), &encoder)
        .args(["--stall-timeout", "12"])
        .start();
    let run = run.wait_until("two encoders wait", || waiting(dir.path()).len() == 2);
    // By now what they were given has been noted.
    thread::sleep(MOMENT);
    let own =
        nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(waiting(dir.path())[0]))).unwrap();
    assert_eq!(
        own.as_raw(),
        waiting(dir.path())[0],
        "an encoder has a group of its own"
    );
    let mut all = waiting(dir.path());
    all.push(parent(all[0]));
    run.signal(Signal::SIGTSTP);
    wait_for("all are stopped", || all.iter().all(|pid| is_stopped(*pid)));
    // Longer than an encoder may make no progress: it was not its fault.
    thread::sleep(Duration::from_secs(13));
    assert!(all.iter().all(|pid| is_stopped(*pid)), "they stay stopped");
    let_go(dir.path());
    run.signal(Signal::SIGCONT);
    let ended = run.ends().exits(0);
    ended.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == undisturbed(),
        "the film",
    );
    ended.expect(
        messages(&ended, "warning").is_empty(),
        "no encoder was taken for one that hangs",
    );
}

#[test]
fn a_pause_from_outside_counts_neither_for_the_speed_nor_for_the_time_that_is_left() {
    let dir = tempfile::tempdir().unwrap();
    // The first two chunks are there when the next two wait.
    let encoder = gated(dir.path(), "0000[234]");
    let run = encode_with(dir.path(), &encoder).start();
    let run = run.wait_until("two encoders wait", || {
        waiting(dir.path()).len() == 2 && finished_in(&dir.path().join(JOB)) == 2
    });
    let mut all = waiting(dir.path());
    all.push(parent(all[0]));
    let signal = |signal| {
        for pid in &all {
            kill(Pid::from_raw(*pid), signal).unwrap();
        }
    };
    // It has told how fast it was.
    thread::sleep(MOMENT);
    signal(Signal::SIGSTOP);
    wait_for("all are stopped", || all.iter().all(|pid| is_stopped(*pid)));
    let pause = Duration::from_secs(6);
    thread::sleep(pause);
    signal(Signal::SIGCONT);
    let_go(dir.path());
    let ended = run.ends().exits(0);
    let progress: Vec<_> = ended.events();
    let progress = progress.iter().filter(|event| event["event"] == "progress");
    let figures: Vec<_> = progress
        .map(|event| ["elapsed_seconds", "fps"].map(|name| event[name].as_f64().unwrap()))
        .collect();
    let after = figures
        .windows(2)
        .find(|pair| pair[1][0] - pair[0][0] > pause.as_secs_f64() - 1.0);
    let Some([before, after]) = after else {
        return ended.expect(false, "a look before the pause and one after it");
    };
    // The pause counts as a second, and a line of progress may be one old.
    let lost = before[0] / (before[0] + 3.0);
    ended.expect(
        after[1] >= before[1] * lost,
        &format!("as fast after the pause as before: {before:?}, {after:?}"),
    );
}

#[test]
fn stopped_while_the_film_is_joined_mkvmerge_stops_too() {
    let dir = tempfile::tempdir().unwrap();
    fake_mkvmerge(
        dir.path(),
        "echo $$ >../pid.new; mv ../pid.new ../pid; until [ -e ../go ]; do sleep 0.02; done",
    );
    let run = with_fakes(dir.path(), encode(dir.path())).start();
    let pid = || {
        fs::read_to_string(dir.path().join("pid"))
            .ok()
            .and_then(|text| text.trim().parse().ok())
    };
    let run = run.wait_until("it joins", || pid().is_some());
    let all = [pid().unwrap(), parent(pid().unwrap())];
    run.signal(Signal::SIGTSTP);
    wait_for("both are stopped", || {
        all.iter().all(|pid| is_stopped(*pid))
    });
    run.signal(Signal::SIGCONT);
    wait_for("both go on", || all.iter().all(|pid| !is_stopped(*pid)));
    fs::write(dir.path().join("go"), "").unwrap();
    let ended = run.ends().exits(0);
    ended.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == undisturbed(),
        "the film",
    );
}

#[test]
fn interrupted_while_the_film_is_joined_only_that_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    // It has written a whole file when it is interrupted.
    fake_mkvmerge(
        dir.path(),
        "\"$real\" \"$@\"; touch ../joining; exec sleep 1000000",
    );
    let run = with_fakes(dir.path(), encode(dir.path())).start();
    let run = run.wait_until("it joins", || dir.path().join("joining").exists());
    run.signal(Signal::SIGINT);
    let _ = run
        .ends()
        .dies_of(Signal::SIGINT)
        .says("the same command goes on");
    nothing_is_left_running(dir.path());
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["bin", "joining", JOB], "no part of an output");
    goes_on(dir.path(), encode(dir.path()), CHUNKS);
}

// --- Disks ----------------------------------------------------------------------------------------------------------

/// Room that is too little for a chunk, and enough for everything else of these jobs.
const LITTLE: u64 = 900 << 10;

fn in_job(run: Run, job: &Path) -> Run {
    run.arg("--temp").arg(job)
}

#[test]
fn a_full_disk_of_the_job_is_waited_for_and_then_named_with_what_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 32) else {
        return;
    };
    disk.fill(LITTLE);
    let job = disk.path().join("job");
    let command = || in_job(encode(dir.path()), &job);
    let ended = fails(dir.path(), command().args(["--disk-timeout", "2"]))
        .says("is full")
        .says("finished work is kept");
    tells(&ended, "waiting");
    let message = ended
        .stderr
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap();
    for text in [
        job.to_str().unwrap(),
        " are free",
        " are needed",
        "Free some, and repeat the command",
    ] {
        ended.expect(message.contains(text), &format!("{text:?} in the error"));
    }
    // A chunk that cannot be written whole is not begun.
    assert_eq!(finished_in(&job), 0);
    disk.clear();
    let ended = gives_the_film(dir.path(), command());
    ended.expect(!job.exists(), "no job directory");
}

#[test]
fn a_full_disk_of_the_job_that_clears_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 32) else {
        return;
    };
    disk.fill(LITTLE);
    let job = disk.path().join("job");
    let run = in_job(encode(dir.path()), &job).start();
    let run = run.wait_until("it has nothing to do but to wait", || {
        scenes_are_known(&job)
    });
    thread::sleep(MOMENT);
    assert_eq!(finished_in(&job), 0);
    disk.clear();
    let ended = run.ends().exits(0);
    tells(&ended, "is nearly full");
    tells(&ended, "there is room on the disk again");
    ended.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == undisturbed(),
        "the film",
    );
}

#[test]
fn a_disk_that_fills_up_while_a_chunk_is_written_fails_no_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 32) else {
        return;
    };
    let job = disk.path().join("job");
    // The real encoder writes what fits, and exits 0. By then all scenes are known, and the other chunks finished.
    let encoder = script(
        dir.path(),
        &format!(
            "if [ $chunk = 00004 ] && [ ! -e '{0}/lab/full' ]; then touch '{0}/lab/full'\n\
             until grep -q complete scenes.jsonl && [ $(ls chunks | grep -c '^[0-9]*.json$') = 4 ]; do sleep 0.02; done\n\
             dd if=/dev/zero of='{1}' bs=1M 2>/dev/null; fi",
            dir.path().display(),
            disk.ballast().display()
        ),
    );
    let command = || in_job(encode_with(dir.path(), &encoder), &job);
    let ended = fails(dir.path(), command().args(["--disk-timeout", "3"]))
        .says("are free")
        .says("are needed");
    ended.expect(
        !ended.stderr.contains("could not be encoded"),
        "the disk is at fault, and no chunk",
    );
    assert_eq!(finished_in(&job), CHUNKS - 1);
    disk.clear();
    goes_on(dir.path(), command(), CHUNKS - 1);
}

#[test]
fn a_disk_without_any_room_for_the_job_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 32) else {
        return;
    };
    let job = disk.path().join("job");
    // From nothing at all to enough for the index: whatever cannot be written, it is said in words.
    for free in [0, 8192, 65536] {
        disk.fill(free);
        let ended = fails(
            dir.path(),
            in_job(encode(dir.path()), &job).args(["--disk-timeout", "1"]),
        );
        let named = ended
            .stderr
            .lines()
            .any(|line| line.starts_with("error: ") && line.contains(job.to_str().unwrap()));
        ended.expect(
            named,
            &format!("the directory is named where {free} bytes are free"),
        );
        let reasons = ["No space left on device", "are needed", "is the disk full?"];
        let said = reasons.iter().any(|reason| ended.stderr.contains(reason));
        ended.expect(said, "the reason");
        disk.clear();
    }
    gives_the_film(dir.path(), in_job(encode(dir.path()), &job));
    assert!(!job.exists(), "no job directory");
}

#[test]
fn a_full_disk_of_the_output_is_named_with_what_is_needed_and_the_chunks_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 4) else {
        return;
    };
    disk.fill(0);
    let output = disk.path().join("out.mkv");
    let command = || {
        let run = Run::fast(dir.path())
            .arg("--json")
            .arg("-i")
            .arg(clips::five_scenes())
            .arg("-o")
            .arg(&output);
        in_job(run, &dir.path().join(JOB))
    };
    let ended = fails(dir.path(), command().args(["--disk-timeout", "1"]))
        .says("the chunks, which are kept")
        .says("are free")
        .says("are needed");
    ended.expect(
        ended.stderr.contains(disk.path().to_str().unwrap()),
        "the directory",
    );
    assert_eq!(
        fs::read_dir(disk.path()).unwrap().count(),
        1,
        "only what fills it"
    );
    disk.clear();
    let ended = command().succeeds();
    assert_eq!(ended.finished()["resumed_chunks"], CHUNKS);
    assert!(fs::read(&output).unwrap() == undisturbed(), "the film");
    assert_eq!(
        fs::read_dir(disk.path()).unwrap().count(),
        1,
        "only the film"
    );
}

#[test]
fn a_disk_of_the_output_on_which_only_the_video_fits_fails_with_the_words_of_mkvmerge() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 4) else {
        return;
    };
    let output = disk.path().join("out.mkv");
    let command = || {
        let run = Run::fast(dir.path())
            .arg("--json")
            .arg("-i")
            .arg(clips::film())
            .arg("-o")
            .arg(&output);
        in_job(run, &dir.path().join(JOB))
    };
    let whole = command().succeeds().finished();
    let film = fs::read(&output).unwrap();
    fs::remove_file(&output).unwrap();
    let video = whole["video_bytes"].as_u64().unwrap();
    let room = video.div_ceil(4096) * 4096;
    assert!(film.len() as u64 > room, "the sound counts");
    disk.fill(room);
    let ended = fails(dir.path(), command().args(["--disk-timeout", "1"]));
    ended.expect(ended.stderr.contains("joining the chunks"), "what failed");
    assert_eq!(
        fs::read_dir(disk.path()).unwrap().count(),
        1,
        "only what fills it"
    );
    disk.clear();
    assert_eq!(
        command().succeeds().finished()["resumed_chunks"],
        whole["chunks"]
    );
    assert!(fs::read(&output).unwrap() == film, "the film");
}

#[test]
fn job_and_output_may_be_on_different_disks() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::tmpfs(dir.path().join("disk"), 64) else {
        return;
    };
    let job = disk.path().join("job");
    gives_the_film(dir.path(), in_job(encode(dir.path()), &job));
    assert_eq!(
        fs::read_dir(disk.path()).unwrap().count(),
        0,
        "nothing is left there"
    );
}

// --- Sources --------------------------------------------------------------------------------------------------------

#[test]
fn a_source_in_a_directory_that_cannot_be_written_is_encoded() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::tmpfs(dir.path().join("films"), 16) else {
        return;
    };
    fs::copy(clips::five_scenes(), disk.path().join("film.mkv")).unwrap();
    disk.read_only();
    let before = snapshot(disk.path());
    gives_the_film(
        dir.path(),
        encode_of(dir.path(), disk.path().join("film.mkv")),
    );
    assert_eq!(snapshot(disk.path()), before);
    // Where it is also that of the output, it is said.
    let run = Run::encode(dir.path(), "films/film.mkv", "films/out.mkv").fails(1);
    let _ = run
        .says("cannot write into the output's directory")
        .says("Read-only file system");
}

#[test]
fn a_source_that_is_cut_short_is_encoded_only_on_demand_and_the_result_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fs::read(clips::film()).unwrap();
    let cut = dir.path().join("cut.mkv");
    fs::write(&cut, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let ended = encode_of(dir.path(), &cut)
        .fails(8)
        .says("cut.mkv")
        .says("is cut short");
    let ended = ended.says("--allow-truncated");
    ended.expect(
        ended
            .stderr
            .contains("Add --allow-truncated to encode what there is of it"),
        "what to do",
    );
    let ended = encode_of(dir.path(), &cut)
        .arg("--allow-truncated")
        .succeeds();
    let proof = &ended.finished()["proof"];
    ended.expect(proof["truncated"].is_string(), "the proof says so");
    let frames = proof["frames"].as_u64().unwrap();
    ended.expect(0 < frames && frames < 120, "as many frames as there are");
    tells(&ended, "is cut short");
    nothing_is_left_running(dir.path());
    // For people, too; and the same film.
    let film = fs::read(dir.path().join("out.mkv")).unwrap();
    fs::remove_file(dir.path().join("out.mkv")).unwrap();
    let run = Run::encode(dir.path(), &cut, "out.mkv")
        .arg("--allow-truncated")
        .succeeds();
    let run = run
        .prints("of a source that is cut short")
        .says("is cut short");
    run.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == film,
        "the same bytes again",
    );
}

#[test]
fn a_source_that_is_damaged_in_the_middle_gives_a_whole_film_or_an_error_with_file_and_frame() {
    let whole = fs::read(clips::five_scenes()).unwrap();
    let mut random = Lcg(7);
    let mut outcomes = Vec::new();
    for (part, length) in [(0.3, 2000), (0.5, 6000), (0.7, 300), (0.9, 3000)] {
        let dir = tempfile::tempdir().unwrap();
        let film = dir.path().join("damaged.mkv");
        let mut bytes = whole.clone();
        let at = (bytes.len() as f64 * part) as usize;
        let end = (at + length).min(bytes.len());
        bytes[at..end].copy_from_slice(&random.bytes(end - at));
        fs::write(&film, &bytes).unwrap();
        let ended = encode_of(dir.path(), &film).ends();
        nothing_is_left_running(dir.path());
        ended.expect(
            !ended.stderr.contains("panicked") && !ended.stdout.contains("panicked"),
            "no panic",
        );
        let encoded = dir.path().join("out.mkv").exists();
        if encoded {
            let ended = ended.exits(0);
            ended.expect(ended.finished()["proof"]["frames"] == FRAMES, "all frames");
        } else {
            let ended = ended
                .exits(8)
                .says("error: ")
                .says("damaged.mkv")
                .says("--allow-truncated");
            let place = ["frames are missing after frame ", " s, but ends after "];
            ended.expect(
                place.iter().any(|words| ended.stderr.contains(words)),
                "where",
            );
            // What there is of it is encoded on demand.
            let ended = encode_of(dir.path(), &film)
                .arg("--allow-truncated")
                .succeeds();
            ended.expect(
                ended.finished()["proof"]["truncated"].is_string(),
                "the proof says so",
            );
        }
        outcomes.push(encoded);
    }
    // Pixels that are lost can be concealed, the structure of the file cannot.
    assert!(outcomes.contains(&false), "none of them was noticed");
}

/// Runs until one of the encoders waits; does `fault` to the source; lets the run go on to its end. Then puts the
/// source back.
#[track_caller]
fn the_source_changes(fault: impl FnOnce(&Path), words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mkv");
    fs::copy(clips::five_scenes(), &film).unwrap();
    let encoder = gated(dir.path(), "*");
    let command = || {
        encode_of(dir.path(), &film)
            .arg("--encoder-path")
            .arg(&encoder)
    };
    let run = command().start();
    let run = run.wait_until("two encoders wait, others are to come", || {
        waiting(dir.path()).len() == 2 && scenes_are_known(&dir.path().join(JOB))
    });
    fault(&film);
    let_go(dir.path());
    let ended = run.ends().exits(1).says("error: ").says("film.mkv");
    nothing_is_left_running(dir.path());
    ended.expect(
        words.iter().any(|word| ended.stderr.contains(word)),
        &format!("one of {words:?}"),
    );
    ended.expect(!dir.path().join("out.mkv").exists(), "no output");
    // Nothing of another film may have got into the job.
    fs::copy(clips::five_scenes(), &film).unwrap();
    gives_the_film(dir.path(), command());
}

/// Makes a film as long as `film`, of as many frames of the same size: only the pictures are others.
fn like(film: &Path, other: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(film)
        .args([
            "-vf",
            "negate,hflip",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "14",
        ])
        .arg(other)
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_source_that_is_replaced_meanwhile_spoils_nothing() {
    the_source_changes(
        |film| {
            let other = film.with_file_name("other.mkv");
            like(film, &other);
            fs::rename(other, film).unwrap();
        },
        &["has changed"],
    );
}

#[test]
fn a_source_that_was_replaced_before_it_is_opened_again_spoils_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mkv");
    fs::copy(clips::five_scenes(), &film).unwrap();
    like(&film, &dir.path().join("other.mkv"));
    // A worker whose encoder dies opens the source anew for its next try; by then it is another one.
    let encoder = script(
        dir.path(),
        "[ $chunk != 00002 ] || [ ! -e ../other.mkv ] || { ln ../film.mkv ../lab/film.mkv; mv ../other.mkv ../film.mkv; exit 9; }",
    );
    let run = encode_of(dir.path(), &film)
        .arg("--encoder-path")
        .arg(&encoder)
        .ends()
        .exits(1);
    let _ = run
        .says("film.mkv")
        .says("has changed")
        .says("Put back what it was");
    nothing_is_left_running(dir.path());
    // Of what it is now: another job.
    let run = encode_of(dir.path(), &film)
        .arg("--encoder-path")
        .arg(&encoder)
        .fails(3);
    let _ = run.says("the source's content");
    fs::rename(dir.path().join("lab/film.mkv"), &film).unwrap();
    gives_the_film(dir.path(), encode_of(dir.path(), &film));
}

#[test]
fn a_source_that_is_overwritten_meanwhile_spoils_nothing() {
    the_source_changes(
        |film| {
            let mut bytes = fs::read(film).unwrap();
            let half = bytes.len() / 2;
            bytes[half..].fill(0x55);
            fs::write(film, bytes).unwrap();
        },
        &["has changed"],
    );
}

#[test]
fn a_source_that_is_deleted_meanwhile_spoils_nothing() {
    the_source_changes(|film| fs::remove_file(film).unwrap(), &["gone"]);
}

// --- mkvmerge -------------------------------------------------------------------------------------------------------

#[test]
fn an_mkvmerge_that_fails_is_quoted_and_only_its_work_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    fake_mkvmerge(
        dir.path(),
        "\"$real\" \"$@\"; echo 'Error: the glue is dry'; exit 2",
    );
    let ended = fails(dir.path(), with_fakes(dir.path(), encode(dir.path())));
    let ended = ended
        .says("joining the chunks")
        .says("the glue is dry")
        .says("exited with status 2")
        .says("are kept");
    ended.expect(
        !ended.stderr.contains("could not be encoded"),
        "no chunk is blamed",
    );
    goes_on(dir.path(), encode(dir.path()), CHUNKS);
}

#[test]
fn an_mkvmerge_that_warns_makes_the_film_and_its_warning_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    fake_mkvmerge(
        dir.path(),
        "\"$real\" \"$@\"; echo 'Warning: the glue is thin'; exit 1",
    );
    let ended = gives_the_film(dir.path(), with_fakes(dir.path(), encode(dir.path())));
    tells(&ended, "mkvmerge says: the glue is thin");
}

#[test]
fn an_mkvmerge_that_vanishes_before_the_join_is_missed_then() {
    let dir = tempfile::tempdir().unwrap();
    let mkvmerge = fake_mkvmerge(dir.path(), "");
    let encoder = script(dir.path(), &format!("rm -f '{}'", mkvmerge.display()));
    let ended = fails(
        dir.path(),
        with_fakes(dir.path(), encode_with(dir.path(), &encoder)),
    );
    let _ = ended
        .says("joining the chunks")
        .says("cannot start")
        .says(mkvmerge.to_str().unwrap())
        .says("are kept");
    goes_on(dir.path(), encode(dir.path()), CHUNKS);
}

#[test]
fn an_mkvmerge_whose_output_is_not_whole_makes_no_film() {
    for damage in [
        // Cut at a place where players do not mind; empty; other frames.
        "size=$(stat -c %s ../.av1enc-*); truncate -s $((size * 3 / 4)) ../.av1enc-*",
        "truncate -s 0 ../.av1enc-*",
        "rm ../.av1enc-*",
        "cp ../other.mkv ../.av1enc-*",
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::copy(clips::one_scene(), dir.path().join("other.mkv")).unwrap();
        fake_mkvmerge(dir.path(), &format!("\"$real\" \"$@\"; {damage}; exit 0"));
        let ended = fails(dir.path(), with_fakes(dir.path(), encode(dir.path())));
        let _ = ended.says("the joined film is not whole and was not given its name");
        goes_on(dir.path(), encode(dir.path()), CHUNKS);
    }
}

#[test]
fn a_second_run_does_not_disturb_the_first_one_while_it_joins() {
    let dir = tempfile::tempdir().unwrap();
    fake_mkvmerge(
        dir.path(),
        "\"$real\" \"$@\"; touch ../joined; until [ -e ../go ]; do sleep 0.02; done; exit 0",
    );
    let first = with_fakes(dir.path(), encode(dir.path())).start();
    let first = first.wait_until("it has joined", || dir.path().join("joined").exists());
    let part = || {
        let names = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with(".av1enc-"))
            .collect::<Vec<_>>()
    };
    assert_eq!(part().len(), 1);
    let before = snapshot(dir.path());
    let _ = encode(dir.path()).fails(3).says("another av1enc (process ");
    assert_eq!(snapshot(dir.path()), before, "the same job");
    // Another job, and the same output.
    let _ = in_job(encode(dir.path()), &dir.path().join("other"))
        .fails(3)
        .says("another av1enc");
    fs::write(dir.path().join("go"), "").unwrap();
    let ended = first.ends().exits(0);
    ended.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == undisturbed(),
        "the film",
    );
    assert!(part().is_empty());
}

// --- The job directory ----------------------------------------------------------------------------------------------

/// What may come of a file.
const DAMAGES: [&str; 5] = ["cut", "emptied", "noise", "noise inside", "link"];

fn damage(path: &Path, how: &str, precious: &Path) {
    let bytes = fs::read(path).unwrap();
    let mut random = Lcg(bytes.len() as u64);
    match how {
        "cut" => fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
        "emptied" => fs::write(path, b"").unwrap(),
        "noise" => fs::write(path, random.bytes(bytes.len())).unwrap(),
        "noise inside" => {
            let mut bytes = bytes;
            let (from, to) = (bytes.len() / 3, bytes.len() / 3 + (bytes.len() / 20).max(3));
            let noise = random.bytes(to - from);
            bytes[from..to].copy_from_slice(&noise);
            fs::write(path, bytes).unwrap();
        }
        "link" => {
            fs::remove_file(path).unwrap();
            symlink(precious, path).unwrap();
        }
        _ => unreachable!(),
    }
}

/// Has a film read by its index.
const BY_INDEX: &[&str] = &["--chunk-method", "ffms2"];

/// For each damage, does it to `name` in a copy of a job of which one chunk is missing, and looks at what comes of the
/// repeated command.
fn each_damage(name: &str, look: impl Fn(&str, &Path)) {
    let origin = tempfile::tempdir().unwrap();
    // A film as short as this one has an index only where one is asked for.
    all_but_one_with(
        origin.path(),
        if name == "source.ffindex" {
            BY_INDEX
        } else {
            &[]
        },
    );
    for how in Chance::of(3).some(DAMAGES) {
        let dir = tempfile::tempdir().unwrap();
        copy(&origin.path().join(JOB), &dir.path().join(JOB));
        // A film, so that it could be taken for what it is not.
        let precious = dir.path().join("precious");
        fs::write(
            &precious,
            fs::read(origin.path().join(JOB).join(name)).unwrap(),
        )
        .unwrap();
        let before = snapshot(dir.path());
        damage(&dir.path().join(JOB).join(name), how, &precious);
        eprintln!("{name}, {how}");
        look(how, dir.path());
        assert_eq!(
            snapshot(dir.path())[&precious],
            before[&precious],
            "what a link leads to is never written"
        );
        nothing_is_left_running(dir.path());
    }
}

#[test]
fn a_job_file_that_is_damaged_is_refused_and_restart_begins_anew_unless_it_is_a_link() {
    each_damage("job.json", |how, dir| {
        let before = snapshot(dir);
        let _ = encode(dir).fails(3).says("job.json").says("--temp");
        assert_eq!(snapshot(dir), before);
        if how == "link" {
            // av1enc makes none: the directory is somebody else's.
            let _ = encode(dir).arg("--restart").fails(3).says("--temp");
            assert_eq!(snapshot(dir), before);
        } else {
            let _ = gives_the_film(dir, encode(dir).arg("--restart"));
        }
    });
}

#[test]
fn work_of_a_film_by_its_index_is_not_gone_on_with_in_order() {
    let dir = tempfile::tempdir().unwrap();
    all_but_one_with(dir.path(), BY_INDEX);
    let in_order = encode(dir.path()).args(["--chunk-method", "linear"]);
    let _ = in_order.fails(3).says("FFMS2").says("--restart");
    // Its work is as good as before.
    let _ = goes_on(dir.path(), encode(dir.path()), CHUNKS - 1);
}

#[test]
fn a_record_of_the_reader_that_is_damaged_is_made_again_and_so_are_the_chunks() {
    each_damage("reader.json", |_, dir| {
        let ended = goes_on(dir, encode(dir), 0);
        tells(&ended, "`reader.json` of the job");
        tells(&ended, "all of it encoded again");
    });
}

#[test]
fn a_list_of_scenes_that_is_damaged_is_read_as_far_as_it_is_whole() {
    each_damage("scenes.jsonl", |how, dir| {
        if how == "link" {
            let ended = encode(dir).fails(1).says("scenes.jsonl");
            ended.expect(ended.stderr.contains("--restart"), "what to do");
            let _ = goes_on(dir, encode(dir).arg("--restart"), 0);
        } else {
            // The scenes are found again, and are the same.
            goes_on(dir, encode(dir), CHUNKS - 1);
        }
    });
}

#[test]
fn a_list_of_scenes_of_another_film_is_noticed() {
    let origin = tempfile::tempdir().unwrap();
    all_but_one(origin.path());
    let whole = fs::read_to_string(origin.path().join(JOB).join("scenes.jsonl")).unwrap();
    let four: String = whole.split_inclusive('\n').take(4).collect();
    let lists = [
        (whole.replace("52", "50"), "another cut"),
        (format!("{four}{{\"complete\":104}}\n"), "too short"),
        (whole.replace("130", "200"), "too long"),
        (four.replace("104", "90"), "not all"),
        ("{\"complete\":0}\n".to_owned(), "none"),
        (
            "{\"index\":0,\"start\":0,\"end\":18446744073709551615}\n".to_owned(),
            "endless",
        ),
    ];
    for (text, what) in Chance::of(3).some(lists) {
        let dir = tempfile::tempdir().unwrap();
        copy(&origin.path().join(JOB), &dir.path().join(JOB));
        fs::write(dir.path().join(JOB).join("scenes.jsonl"), &text).unwrap();
        eprintln!("{what}: {text}");
        let ended = encode(dir.path()).ends();
        nothing_is_left_running(dir.path());
        ended.expect(!ended.stderr.contains("panicked"), "no panic");
        if what == "another cut" {
            // A whole list of scenes that fit together is believed: all frames are there.
            let ended = ended.exits(0);
            ended.expect(ended.finished()["proof"]["frames"] == FRAMES, "all frames");
            continue;
        }
        let _ = ended.exits(1).says("--restart");
        assert!(!dir.path().join("out.mkv").exists());
        goes_on(dir.path(), encode(dir.path()).arg("--restart"), 0);
    }
}

#[test]
fn a_chunk_whose_record_is_damaged_is_encoded_again_and_it_is_said() {
    each_damage("chunks/00001.json", |how, dir| {
        let ended = goes_on(dir, encode(dir), CHUNKS - 2);
        let why = if how == "link" {
            "its record: Too many levels of symbolic links"
        } else {
            "its record is damaged"
        };
        tells(&ended, &format!("chunk 1 is encoded again: {why}"));
    });
}

#[test]
fn a_chunk_whose_file_is_damaged_is_encoded_again_and_it_is_said() {
    each_damage("chunks/00001.ivf", |_, dir| {
        let ended = goes_on(dir, encode(dir), CHUNKS - 2);
        tells(&ended, "chunk 1 is encoded again: its file");
    });
}

#[test]
fn a_chunk_of_which_one_byte_is_another_is_encoded_again_and_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    all_but_one(dir.path());
    let chunk = dir.path().join(JOB).join("chunks/00003.ivf");
    let mut bytes = fs::read(&chunk).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0x10;
    fs::write(&chunk, bytes).unwrap();
    fs::remove_file(dir.path().join(JOB).join("chunks/00002.ivf")).unwrap();
    let ended = goes_on(dir.path(), encode(dir.path()), CHUNKS - 3);
    tells(
        &ended,
        "chunk 3 is encoded again: its file has another content than was written",
    );
    tells(&ended, "chunk 2 is encoded again: its file: No such file");
}

#[test]
fn sound_that_is_damaged_is_encoded_again() {
    let origin = tempfile::tempdir().unwrap();
    let run = |dir: &Path| encode_of(dir, clips::film()).args(["-a", "-c:a aac -b:a 64k"]);
    let _ = run(origin.path()).arg("--keep").succeeds();
    let film = fs::read(origin.path().join("out.mkv")).unwrap();
    for name in ["audio.mka", "audio.mka.json"] {
        for how in Chance::of(2).some(DAMAGES) {
            let dir = tempfile::tempdir().unwrap();
            copy(&origin.path().join(JOB), &dir.path().join(JOB));
            let precious = dir.path().join("precious");
            fs::copy(origin.path().join(JOB).join(name), &precious).unwrap();
            damage(&dir.path().join(JOB).join(name), how, &precious);
            let before = fs::read(&precious).unwrap();
            eprintln!("{name}, {how}");
            let ended = run(dir.path()).succeeds();
            ended.expect(
                fs::read(dir.path().join("out.mkv")).unwrap() == film,
                "the same film",
            );
            ended.expect(
                ended.finished()["resumed_chunks"] == ended.finished()["chunks"],
                "no chunk anew",
            );
            ended.expect(!dir.path().join(JOB).exists(), "no job directory");
            assert!(
                fs::read(&precious).unwrap() == before,
                "what a link leads to is never written"
            );
        }
    }
}

#[test]
fn an_index_that_is_damaged_is_built_again() {
    each_damage("source.ffindex", |_, dir| {
        goes_on(dir, encode(dir).args(BY_INDEX), CHUNKS - 1);
    });
}

#[test]
fn an_index_of_another_film_is_built_again() {
    let other = tempfile::tempdir().unwrap();
    let _ = encode_of(other.path(), clips::one_scene())
        .arg("--keep")
        .args(BY_INDEX)
        .succeeds();
    let index = fs::read(other.path().join(JOB).join("source.ffindex")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    all_but_one_with(dir.path(), BY_INDEX);
    let ours = dir.path().join(JOB).join("source.ffindex");
    fs::write(&ours, &index).unwrap();
    goes_on(dir.path(), encode(dir.path()).args(BY_INDEX), CHUNKS - 1);
    // Linked to: the other one stays what it is.
    let dir = tempfile::tempdir().unwrap();
    all_but_one_with(dir.path(), BY_INDEX);
    let precious = other.path().join(JOB).join("source.ffindex");
    let ours = dir.path().join(JOB).join("source.ffindex");
    fs::remove_file(&ours).unwrap();
    symlink(&precious, &ours).unwrap();
    goes_on(dir.path(), encode(dir.path()).args(BY_INDEX), CHUNKS - 1);
    assert!(fs::read(&precious).unwrap() == index, "the other's index");
}

#[test]
fn links_in_place_of_files_that_are_to_be_written_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(dir.path(), "[ $chunk != 00003 ] || exit 9");
    let _ = encode_with(dir.path(), &encoder).fails(1);
    fs::remove_dir_all(dir.path().join("lab")).unwrap();
    let precious = dir.path().join("precious");
    fs::write(&precious, "my only copy\n").unwrap();
    let job = dir.path().join(JOB);
    // Named after the output, so that that of a killed run is replaced.
    let output = dir.path().canonicalize().unwrap().join("out.mkv");
    let hash = blake3::hash(output.as_os_str().as_encoded_bytes()).to_hex();
    let part = format!(".av1enc-{}.part.mkv", &hash[..12]);
    for name in [
        "chunks/00003.part.ivf",
        "chunks/00003.part.json",
        "chunks/00003.ivf",
        "join.part.json",
        "join.json",
    ] {
        let _ = fs::remove_file(job.join(name));
        symlink(&precious, job.join(name)).unwrap();
    }
    symlink(&precious, dir.path().join(part)).unwrap();
    goes_on(dir.path(), encode(dir.path()), CHUNKS - 1);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "my only copy\n");
    assert!(
        fs::symlink_metadata(dir.path().join("out.mkv"))
            .unwrap()
            .is_file()
    );
}

#[test]
fn a_job_of_a_newer_version_is_refused_in_words_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    all_but_one(dir.path());
    let path = dir.path().join(JOB).join("job.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"format\": 3"));
    fs::write(&path, text.replace("\"format\": 3", "\"format\": 999")).unwrap();
    let before = snapshot(dir.path());
    for more in [None, Some("--restart")] {
        let _ = encode(dir.path())
            .args(more)
            .fails(3)
            .says("newer av1enc")
            .says("job.json")
            .says("--temp");
        assert_eq!(snapshot(dir.path()), before);
    }
}

#[test]
fn a_damaged_or_older_job_is_refused_in_words_and_restart_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(JOB).join("job.json");
    for (damage, words) in [
        ("older", "was made by an older av1enc"),
        ("half", "is damaged"),
        ("hollow", "is damaged"),
    ] {
        all_but_one(dir.path());
        let text = fs::read_to_string(&path).unwrap();
        let damaged = match damage {
            "older" => text.replace("\"format\": 3", "\"format\": 1"),
            "half" => text[..text.len() / 2].to_owned(),
            _ => text.replace("\"source\"", "\"sauce\""),
        };
        fs::write(&path, damaged).unwrap();
        let before = snapshot(dir.path());
        let _ = encode(dir.path())
            .fails(3)
            .says(words)
            .says("job.json")
            .says("--restart")
            .says("--temp");
        assert_eq!(snapshot(dir.path()), before);
        let ended = gives_the_film(dir.path(), encode(dir.path()).arg("--restart"));
        ended.expect(!dir.path().join(JOB).exists(), "no job directory");
        fs::remove_file(dir.path().join("out.mkv")).unwrap();
    }
}

#[test]
fn a_job_of_another_film_is_refused_with_what_differs_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    all_but_one(dir.path());
    let before = snapshot(dir.path());
    let run = || encode_of(dir.path(), clips::thirty_scenes());
    let _ = run()
        .fails(3)
        .says("the source's content")
        .says("--restart")
        .says("--temp");
    assert_eq!(snapshot(dir.path()), before);
    // A byte in the middle of the film is another film.
    let film = dir.path().join("film.mkv");
    let mut bytes = fs::read(clips::five_scenes()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&film, bytes).unwrap();
    let _ = encode_of(dir.path(), &film)
        .fails(3)
        .says("the source's content");
    // The same content in another place is the same film.
    fs::copy(clips::five_scenes(), &film).unwrap();
    fs::remove_file(&film).unwrap();
    assert_eq!(snapshot(dir.path()), before);
    goes_on(dir.path(), encode(dir.path()), CHUNKS - 1);
}

#[test]
fn a_job_of_other_settings_is_refused_with_each_difference_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    all_but_one(dir.path());
    let before = snapshot(dir.path());
    for (args, words) in [
        (vec!["--crf", "40"], "--crf: "),
        (vec!["-x", "100"], "--extra-split: 240 there, 100 now"),
        (
            vec!["--min-scene-len", "10"],
            "--min-scene-len: 24 there, 10 now",
        ),
        (
            vec!["--pix-format", "yuv420p"],
            "bit depth: 10 there, 8 now",
        ),
        (vec!["-v", "--tune 1"], "--tune: 0 there, 1 now"),
    ] {
        let _ = encode(dir.path())
            .args(args)
            .fails(3)
            .says(words)
            .says("--restart")
            .says("--temp");
        assert_eq!(snapshot(dir.path()), before);
    }
    let ended = goes_on(dir.path(), encode(dir.path()).arg("--restart"), 0);
    ended.expect(ended.finished()["chunks"] == CHUNKS, "all chunks anew");
}

#[test]
fn a_job_directory_whose_making_was_interrupted_is_made_again() {
    for names in [vec![], vec!["lock"], vec!["lock", "job.part.json"]] {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(JOB)).unwrap();
        for name in names {
            fs::write(dir.path().join(JOB).join(name), "{\"made").unwrap();
        }
        goes_on(dir.path(), encode(dir.path()), 0);
    }
}

#[test]
fn another_number_of_workers_goes_on_with_the_same_job() {
    for workers in ["1", "3"] {
        let dir = tempfile::tempdir().unwrap();
        let encoder = script(dir.path(), "case $chunk in 00001 | 00003) exit 9 ;; esac");
        let _ = encode_with(dir.path(), &encoder).fails(1);
        let run = Run::bare(dir.path())
            .args(["--json", "--preset", "12", "-w", workers, "-o", "out.mkv"]);
        goes_on(dir.path(), run.arg(clips::five_scenes()), CHUNKS - 2);
    }
}
