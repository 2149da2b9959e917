//! Every file system works, or says why not before anything is encoded.

use std::{fs, path::Path};

use av1enc::os::disk::{largest_file, require_size, space};

use crate::{
    check::is_whole,
    clips,
    lab::{Mount, encode_of, fake, finished_in, names, tells, undisturbed, with_fakes},
    run::Run,
};

/// Both ways to read a film work where it, its job and its output are on this disk, and leave nothing but the output.
#[track_caller]
fn everything_works_on(disk: &Path) {
    // Not by `fs::copy`: not every file system has modes.
    fs::write(disk.join("film.mp4"), fs::read(clips::mp4()).unwrap()).unwrap();
    let (film, output) = (disk.join("film.mp4"), disk.join("out.mkv"));
    let doctor = Run::bare(disk).args(["doctor", "film.mp4", "-o", "out.mkv", "--preset", "12"]);
    let _ = doctor.succeeds();
    for method in ["linear", "ffms2"] {
        let _ = Run::encode(disk, &film, &output)
            .args(["-y", "--chunk-method", method])
            .succeeds();
        is_whole(&output, &clips::mp4(), 48);
        assert_eq!(names(disk), ["film.mp4", "out.mkv"]);
    }
}

#[test]
fn a_disk_without_links_holds_a_whole_job() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::exfat(dir.path()) else {
        return;
    };
    everything_works_on(disk.path());
    // Stopped and repeated, the bytes are those of a run that nothing disturbed.
    let stops = fake(
        dir.path(),
        "mkvmerge",
        "case \"$*\" in *@join.json*) exit 2 ;; esac\nexec \"$real\" \"$@\"",
    );
    let run = || encode_of(disk.path(), clips::five_scenes()).arg("-y");
    let _ = with_fakes(dir.path(), run()).ends().exits(1);
    assert_eq!(finished_in(&disk.path().join("out.mkv.av1enc")), 5);
    fs::remove_file(stops).unwrap();
    let ended = run().succeeds();
    ended.expect(
        ended.finished()["resumed_chunks"] == 5,
        "its chunks are used",
    );
    assert!(fs::read(disk.path().join("out.mkv")).unwrap() == undisturbed());
}

#[test]
fn where_case_does_not_count_the_film_is_not_overwritten_under_another_spelling() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::exfat(dir.path()) else {
        return;
    };
    fs::copy(clips::one_frame(), disk.path().join("Film.mkv")).unwrap();
    for output in ["film.mkv", "FILM.MKV"] {
        let run = Run::encode(disk.path(), "Film.mkv", output).arg("-y");
        let _ = run.fails(2).says("input and output are the same file");
    }
    assert!(
        fs::read(disk.path().join("Film.mkv")).unwrap() == fs::read(clips::one_frame()).unwrap()
    );
}

#[test]
fn a_name_that_the_disk_does_not_take_is_refused_before_the_encode() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::exfat(dir.path()) else {
        return;
    };
    let run = || Run::encode(disk.path(), clips::one_frame(), "what?.mkv");
    let refused = run().fails(2);
    refused
        .says("cannot be the name of a file in")
        .says("name another one with -o");
    assert!(names(disk.path()).is_empty());
    let doctor = Run::bare(disk.path()).args(["doctor", "-o", "what?.mkv"]);
    let _ = doctor
        .arg(clips::one_frame())
        .ends()
        .exits(1)
        .prints("cannot be the name of a file in");
}

#[test]
fn a_disk_that_tells_no_numbers_is_not_taken_for_a_full_one() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::without_numbers(dir.path()) else {
        return;
    };
    assert_eq!(space(disk.path()).unwrap(), None);
    everything_works_on(disk.path());
}

#[test]
fn fat_is_known_for_its_largest_file() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::fat(dir.path()) else {
        return;
    };
    let four_gib = 4 << 30;
    assert_eq!(largest_file(disk.path()), Some(four_gib - 1));
    assert_eq!(largest_file(dir.path()), None);
    require_size(disk.path(), four_gib - 1, "the film").unwrap();
    let error = require_size(disk.path(), four_gib, "the film").unwrap_err();
    assert!(
        error.to_string().contains("holds at most 4.3 GB"),
        "{error}"
    );
}

#[test]
fn a_disk_that_mixes_up_what_is_written_into_it_gets_a_copy_of_the_film() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::fat(dir.path()) else {
        return;
    };
    let (output, job) = (disk.path().join("out.mkv"), dir.path().join("job"));
    let film = clips::film();
    let ended = Run::encode(dir.path(), &film, &output)
        .arg("--temp")
        .arg(&job)
        .arg("--json")
        .succeeds();
    tells(
        &ended,
        "is joined once more in the job directory, and copied",
    );
    is_whole(&output, &film, 120);
    assert!(!job.exists());
    assert_eq!(names(disk.path()), ["out.mkv"]);
}

#[test]
fn where_open_files_keep_a_name_the_job_directory_goes_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::passed_on(dir.path()) else {
        return;
    };
    everything_works_on(disk.path());
}

#[test]
fn an_output_that_is_larger_than_files_may_be_is_refused_before_it_is_joined_and_its_chunks_are_kept()
 {
    let dir = tempfile::tempdir().unwrap();
    let undisturbed = undisturbed();
    let whole = encode_of(dir.path(), clips::five_scenes()).succeeds();
    let video = whole.finished()["video_bytes"].as_u64().unwrap();
    fs::remove_file(dir.path().join("out.mkv")).unwrap();
    // In the units of `ulimit -f`, which are 512 bytes in sh.
    let script = format!("ulimit -f {} && exec \"$0\" \"$@\"", video / 512);
    let run = encode_of(dir.path(), clips::five_scenes());
    let run = run.begun_by(&["sh", "-c", &script]);
    let refused = run.fails(1).says("holds at most");
    let _ = refused.says("by the same command with --temp");
    // What it says to type.
    let temp = dir.path().canonicalize().unwrap().join("out.mkv.av1enc");
    let run = Run::encode(dir.path(), clips::five_scenes(), "other.mkv").args(["--json", "--temp"]);
    let ended = run.arg(temp).succeeds();
    ended.expect(
        ended.finished()["resumed_chunks"] == 5,
        "its chunks are used",
    );
    assert!(fs::read(dir.path().join("other.mkv")).unwrap() == undisturbed);
}

#[test]
fn an_output_may_have_the_longest_name_that_a_file_can_have() {
    let dir = tempfile::tempdir().unwrap();
    for length in [245, 255] {
        let name = "片".repeat((length - 4) / 3) + &"a".repeat((length - 4) % 3) + ".mkv";
        assert_eq!(name.len(), length);
        Run::encode(dir.path(), clips::one_frame(), &name).succeeds();
        is_whole(&dir.path().join(&name), &clips::one_frame(), 1);
        fs::remove_file(dir.path().join(&name)).unwrap();
        assert!(names(dir.path()).is_empty());
    }
}

#[test]
fn a_name_that_gets_too_long_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let film = "a".repeat(251) + ".mkv";
    fs::copy(clips::one_frame(), dir.path().join(&film)).unwrap();
    let run = Run::fast(dir.path()).arg(&film);
    let _ = run.fails(2).says("name a shorter one with -o");
    Run::encode(dir.path(), &film, "a.mkv").succeeds();
}

#[test]
fn nothing_but_the_outputs_directory_needs_to_be_writable() {
    let dir = tempfile::tempdir().unwrap();
    // The directory keeps its own mount; all else of the root becomes read-only.
    let script = "mount -n --bind . . && mount -n -o remount,bind,ro / && cd \"$PWD\" && \
                  ! touch /etc/av1enc-test 2>/dev/null && ! touch /tmp/av1enc-test 2>/dev/null";
    let nowhere = "/nothing/is/here";
    for film in [clips::mp4(), clips::one_scene()] {
        let Some(run) = Run::in_namespace(dir.path(), script) else {
            return;
        };
        let run = run.env("TMPDIR", nowhere).env("XDG_CACHE_HOME", nowhere);
        let args = ["-w", "2", "--preset", "12", "-y", "-o", "out.mkv", "-i"];
        run.args(args).arg(&film).succeeds();
        is_whole(&dir.path().join("out.mkv"), &film, 48);
    }
}
