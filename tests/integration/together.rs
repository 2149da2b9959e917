//! Sound and picture are the source's, and stay together: every film is encoded, and the [judge](crate::judge) compares.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use serde_json::Value;

use crate::{
    chance::Chance,
    families::ffmpeg_9,
    films::{self, Container, Film, Lead},
    judge,
    lab::tells,
    run::Run,
};

/// Encodes sound anew.
const OPUS: [&str; 2] = ["-a", "-c:a libopus -b:a 96k"];
const AAC: [&str; 2] = ["-a", "-c:a aac -b:a 128k"];

/// What is wrong with the output of a film that is encoded with `args`.
fn faults(film: &Film, args: &[&str]) -> Vec<String> {
    faults_in(tempfile::tempdir().unwrap().path(), film, args)
}

fn faults_in(dir: &Path, film: &Film, args: &[&str]) -> Vec<String> {
    let source = film.path();
    // The encoder's fastest presets leave no number readable.
    let run = Run::bare(dir)
        .args(["-w", "2", "--preset", "10", "--crf", "18", "-i"])
        .arg(&source);
    let run = run.args(["-o", "out.mkv"]).args(args).ends();
    run.failure().map_or_else(
        || judge::faults(&source, &dir.join("out.mkv")),
        |said| vec![said],
    )
}

/// Fails, naming every film whose output is not what the film is.
#[track_caller]
fn all_agree(films: Vec<Film>, args: &[&str]) {
    let mut wrong = Vec::new();
    for film in &films {
        let found = catch_unwind(AssertUnwindSafe(|| faults(film, args))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            vec![
                text.or(panic.downcast_ref::<&str>().copied())
                    .unwrap_or("it panicked")
                    .to_owned(),
            ]
        });
        if found.is_empty() {
            eprintln!("right: {}", film.name);
        } else {
            wrong.push(format!("{}: {}", film.name, found.join("; ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} films are wrong:\n{}",
        wrong.len(),
        films.len(),
        wrong.join("\n")
    );
}

/// A film in each of these containers, whose tracks begin together, or one of them first.
fn with_leads(containers: Vec<Container>) -> Vec<Film> {
    let mut chance = Chance::of(1);
    let of = |container: Container| {
        let leads = chance.some([Lead::None, Lead::Sound, Lead::Picture]);
        let films = leads.into_iter();
        films.map(move |lead| films::with_lead(container.clone(), lead))
    };
    containers.into_iter().flat_map(of).collect()
}

#[test]
fn films_of_every_container_whichever_track_begins_first() {
    all_agree(with_leads(films::containers()), &[]);
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
    all_agree(Chance::of(9).some(films::sounds()), &[]);
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
fn sound_encoded_anew_stays_with_the_picture_whichever_begins_first() {
    let ends = [".mp4", ".mkv", ".webm", ".flv", ".ts", ".mpg"];
    let mut containers = films::containers();
    containers.retain(|container| ends.contains(&container.end));
    all_agree(with_leads(containers), &OPUS);
}

#[test]
fn sound_of_trimmed_films_and_recordings_encoded_anew() {
    let films = [films::trimmed(), films::recordings()];
    let films = Chance::of(6).some(films.into_iter().flatten());
    all_agree(films, &OPUS);
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
    all_agree(
        [films::undecodable("mkv"), films::trimmed()]
            .into_iter()
            .flatten()
            .collect(),
        &BY_INDEX,
    );
}

#[test]
fn what_an_index_gets_wrong_in_the_middle_is_seen_while_it_is_encoded_and_encoded_again() {
    let film = films::damaged_far_from_where_it_is_looked_at();
    let dir = tempfile::tempdir().unwrap();
    let command = |output: &str| {
        let run = Run::bare(dir.path()).args([
            "-w", "2", "--preset", "10", "--crf", "18", "-x", "60", "--json", "-i",
        ]);
        run.arg(film.path()).args(["-o", output])
    };
    let run = command("indexed.mkv").args(BY_INDEX).succeeds();
    tells(&run, "FFMS2 delivers wrong pictures");
    // How many were finished by then depends on how fast the machine is.
    let is_wrong = |event: &&Value| event["event"] != "warning";
    let before = run.events();
    let before = before.iter().take_while(is_wrong);
    let finished = before.filter_map(|event| event["chunks"].as_u64()).max();
    run.expect(
        finished.unwrap_or(0) == 0 || run.finished()["resumed_chunks"] != 0,
        "chunks of what was right are kept",
    );
    let faults = judge::faults(&film.path(), &dir.path().join("indexed.mkv"));
    assert!(faults.is_empty(), "{faults:?}");
    // What is kept is what the other reader would have delivered.
    let _ = command("linear.mkv")
        .args(["--chunk-method", "linear"])
        .succeeds();
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert!(
        read("indexed.mkv") == read("linear.mkv"),
        "another film than that of one reader"
    );
}

#[test]
fn sound_encoded_as_aac_stays_with_the_picture() {
    for lead in Chance::of(1).some([Lead::None, Lead::Sound, Lead::Picture]) {
        let films = films::containers()
            .into_iter()
            .filter(|film| [".mp4", ".mkv", ".ts"].contains(&film.end));
        all_agree(
            films.map(|film| films::with_lead(film, lead)).collect(),
            &AAC,
        );
    }
}

#[test]
fn opus_of_little_delay_stays_with_the_picture() {
    let film = || {
        films::containers()
            .into_iter()
            .find(|film| film.end == ".mp4")
            .unwrap()
    };
    let args = ["-a", "-c:a libopus -application lowdelay -b:a 128k"];
    all_agree(vec![films::with_lead(film(), Lead::None)], &args);
    let Some(ffmpeg) = ffmpeg_9() else { return };
    // It adds the delay by itself.
    for sound in [OPUS, AAC] {
        let args = [sound.as_slice(), &["--ffmpeg", ffmpeg.to_str().unwrap()]].concat();
        all_agree(vec![films::with_lead(film(), Lead::None)], &args);
    }
}

#[test]
fn holes_in_the_sound_stay_where_they_are() {
    for sound in ["-c:a libopus -b:a 96k", "-c:a aac -b:a 128k", "-c:a flac"] {
        all_agree(films::with_holes(), &["-a", sound]);
    }
}

#[test]
fn holes_in_the_sound_stay_where_they_are_before_filters() {
    // Of what is as loud as it was, the judge can say more.
    for filter in ["adelay=0", "dynaudnorm=m=1", "loudnorm=I=-20:LRA=20:TP=-2"] {
        let film = films::with_holes().remove(0);
        let dir = tempfile::tempdir().unwrap();
        let args = ["-a", &format!("-c:a flac -ar 48000 -af {filter}")];
        let faults = faults_in(dir.path(), &film, &args);
        let level = |fault: &String| fault.contains("is louder by");
        assert!(faults.iter().all(level), "{filter}: {faults:#?}");
    }
}
