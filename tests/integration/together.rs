//! Sound and picture are the source's, and stay together: every film is encoded, and the [judge](crate::judge) compares.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    films::{self, Film, Lead},
    judge,
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
