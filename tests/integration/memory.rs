//! How many encoders run, and with what they begin.

use std::{fs, path::Path};

use crate::{clips, lab::undisturbed, limits::Group, run::Run};

/// An encode of five scenes whose workers are still to be named.
fn encode(dir: &Path) -> Run {
    Run::bare(dir)
        .args(["-o", "out.mkv", "--preset", "12"])
        .arg(clips::five_scenes())
}

#[test]
fn a_run_that_may_take_almost_no_memory_has_one_encoder_at_a_time_and_gives_the_same_film() {
    let dir = tempfile::tempdir().unwrap();
    let ended = encode(dir.path())
        .args(["-w", "4", "--memory-limit", "1M", "--json"])
        .succeeds();
    let events = ended.events();
    let most = events
        .iter()
        .filter_map(|event| event["workers"].as_u64())
        .max();
    ended.expect(most == Some(1), "one encoder at a time");
    ended.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == undisturbed(),
        "the film",
    );
}

#[test]
fn an_encoder_begins_with_a_scene_whose_end_is_not_known() {
    let dir = tempfile::tempdir().unwrap();
    Run::encode(dir.path(), clips::one_scene(), "out.mkv")
        .arg("--verbose")
        .succeeds()
        .says("chunk 0: frames from 0 on, encoding");
}

#[test]
fn a_plan_for_more_workers_than_fit_says_how_many_do() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["-w", "1000", "--lp", "1", "--dry-run", "--memory-limit"];
    let plan = |limit| encode(dir.path()).args(options).arg(limit).succeeds();
    plan("1G")
        .prints("1000 were asked for")
        .prints("1.0 GiB of memory allowed");
    plan("none")
        .prints("workers  1000 with --lp 1: ")
        .prints("memory is not looked at");
}

#[test]
fn where_little_more_than_one_encoder_fits_the_film_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let Some(group) = Group::of_memory(96) else {
        return;
    };
    let run = encode(dir.path()).args(["-w", "2", "--verbose"]);
    let ended = group.holds(run).succeeds();
    let ended = ended.says("so little that nothing runs beside the one encoder");
    ended.expect(!ended.stderr.contains("killed"), "no encoder is killed");
    ended.expect(
        fs::read(dir.path().join("out.mkv")).unwrap() == undisturbed(),
        "the film",
    );
}

#[test]
fn that_not_even_one_encoder_fits_is_said_before_anything_long_with_what_would_fit() {
    let dir = tempfile::tempdir().unwrap();
    let film = clips::of_size("large.mkv", "1280x720");
    let Some(group) = Group::of_memory(480) else {
        return;
    };
    let plan = |preset| {
        let run = Run::bare(dir.path()).args(["--dry-run", "-o", "out.mkv", "--preset", preset]);
        group.holds(run.arg(&film)).succeeds()
    };
    let too_much = "one encoder with nothing beside it is expected to take";
    let planned = plan("2").prints(too_much);
    let (_, preset) = planned.stdout.split_once("; with --preset ").unwrap();
    let fits = plan(preset.split(' ').next().unwrap());
    fits.expect(!fits.stdout.contains(too_much), "it fits");
}
