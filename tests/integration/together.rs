//! Sound and picture are the source's, and stay together: every film is encoded, and the [judge](crate::judge) compares.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    films::{self, Film, Lead},
    judge,
    lab::tells,
    run::Run,
};

/// Encodes sound anew.
const OPUS: [&str; 2] = ["-a", "-c:a libopus -b:a 96k"];

/// What is wrong with the output of a film that is encoded with `args`.
fn faults(film: &Film, args: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let source = film.path();
    // The encoder's fastest presets leave no number readable.
    let run = Run::bare(dir.path()).args(["-w", "2", "--preset", "10", "--crf", "18", "-i"]).arg(&source);
    let run = run.args(["-o", "out.mkv"]).args(args).ends();
    run.failure().map_or_else(|| judge::faults(&source, &dir.path().join("out.mkv")), |said| vec![said])
}

/// Fails, naming every film whose output is not what the film is.
#[track_caller]
fn all_agree(films: Vec<Film>, args: &[&str]) {
    let mut wrong = Vec::new();
    for film in &films {
        let found = catch_unwind(AssertUnwindSafe(|| faults(film, args))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            vec![text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()]
        });
        if found.is_empty() {
            eprintln!("right: {}", film.name);
        } else {
            wrong.push(format!("{}: {}", film.name, found.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} films are wrong:\n{}", wrong.len(), films.len(), wrong.join("\n"));
}

fn every_container(lead: Lead) -> Vec<Film> {
    films::containers().into_iter().map(|container| films::with_lead(container, lead)).collect()
}

fn some_containers(lead: Lead) -> Vec<Film> {
    let ends = [".mp4", ".mkv", ".webm", ".flv", ".ts", ".mpg"];
    let some = films::containers().into_iter().filter(|container| ends.contains(&container.end));
    some.map(|container| films::with_lead(container, lead)).collect()
}

#[test]
fn films_whose_tracks_begin_together() {
    all_agree(every_container(Lead::None), &[]);
}

#[test]
fn films_whose_sound_begins_first() {
    all_agree(every_container(Lead::Sound), &[]);
}

#[test]
fn films_whose_picture_begins_first() {
    all_agree(every_container(Lead::Picture), &[]);
}

#[test]
fn films_in_avi() {
    all_agree(films::avi(), &[]);
}

#[test]
fn films_of_which_an_edit_list_hides_a_part() {
    all_agree(films::trimmed(), &[]);
}

#[test]
fn recordings_that_begin_in_the_middle_and_clocks_that_wrap_and_restart() {
    all_agree(films::recordings(), &[]);
}

#[test]
fn every_kind_of_sound() {
    all_agree(films::sounds(), &[]);
}

#[test]
fn packets_before_the_first_keyframe_in_ts() {
    all_agree(films::undecodable("ts"), &[]);
}

#[test]
fn packets_before_the_first_keyframe_in_matroska() {
    all_agree(films::undecodable("mkv"), &[]);
}

#[test]
fn damaged_pictures() {
    all_agree(films::damaged(), &[]);
}

#[test]
fn pictures_that_are_hidden_or_say_nothing() {
    all_agree(films::hidden(), &[]);
}

#[test]
fn codecs_that_are_hard_to_index() {
    all_agree(films::hard(), &[]);
}

#[test]
fn subtitles_and_chapters() {
    all_agree(films::with_texts(), &[]);
}

#[test]
fn sound_encoded_anew_stays_with_the_picture() {
    all_agree(some_containers(Lead::None), &OPUS);
}

#[test]
fn sound_that_begins_first_and_is_encoded_anew() {
    all_agree(some_containers(Lead::Sound), &OPUS);
}

#[test]
fn sound_that_begins_later_and_is_encoded_anew() {
    all_agree(some_containers(Lead::Picture), &OPUS);
}

#[test]
fn sound_of_trimmed_films_and_recordings_encoded_anew() {
    all_agree([films::trimmed(), films::recordings()].into_iter().flatten().collect(), &OPUS);
}

/// Has FFMS2 read a film, however short.
const BY_INDEX: [&str; 2] = ["--chunk-method", "ffms2"];

#[test]
fn an_index_that_knows_nothing_of_damage() {
    all_agree(films::damaged(), &BY_INDEX);
}

#[test]
fn an_index_that_knows_nothing_of_hidden_pictures() {
    all_agree(films::hidden(), &BY_INDEX);
}

#[test]
fn an_index_of_codecs_that_are_hard_to_index() {
    all_agree(films::hard(), &BY_INDEX);
}

#[test]
fn an_index_of_a_film_that_begins_with_what_cannot_be_decoded() {
    all_agree([films::undecodable("mkv"), films::trimmed()].into_iter().flatten().collect(), &BY_INDEX);
}

#[test]
fn what_an_index_gets_wrong_in_the_middle_is_seen_while_it_is_encoded_and_encoded_again() {
    let film = films::damaged_far_from_where_it_is_looked_at();
    let dir = tempfile::tempdir().unwrap();
    let command = |output: &str| {
        let run = Run::bare(dir.path()).args(["-w", "2", "--preset", "10", "--crf", "18", "-x", "60", "--json", "-i"]);
        run.arg(film.path()).args(["-o", output])
    };
    let run = command("indexed.mkv").args(BY_INDEX).succeeds();
    tells(&run, "FFMS2 delivers wrong pictures");
    run.expect(run.finished()["resumed_chunks"] != 0, "chunks of what was right are kept");
    let faults = judge::faults(&film.path(), &dir.path().join("indexed.mkv"));
    assert!(faults.is_empty(), "{faults:?}");
    // What is kept is what the other reader would have delivered.
    let _ = command("linear.mkv").args(["--chunk-method", "linear"]).succeeds();
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert!(read("indexed.mkv") == read("linear.mkv"), "another film than that of one reader");
}
