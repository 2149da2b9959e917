//! `--verify-source`: all pictures are compared, and not those at some places. And what a proof has to say beside that.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    clips::{self, ffmpeg},
    encoders::{real, script},
    films,
    lab::{encode_with, fails, fake_mkvmerge, goes_on, with_fakes},
    run::{Ended, Run},
};

/// The proof that a run has written.
fn proof(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("proof.json")).unwrap()).unwrap()
}

/// What was compared in all pictures, and whether it agrees.
fn of_all_pictures(proof: &Value) -> Vec<(String, bool)> {
    let findings = proof["findings"].as_array().unwrap().iter();
    let of_all =
        findings.filter(|finding| finding["by"].as_str().unwrap().contains("all pictures"));
    of_all
        .map(|finding| {
            let what = finding["what"].as_str().unwrap().to_owned();
            (what, finding["agrees"].as_bool().unwrap())
        })
        .collect()
}

/// What [`of_all_pictures`] has of a film of which the pictures are the source's, or are not.
fn expected(pictures: bool) -> [(String, bool); 3] {
    [
        ("size, shape and colours of each picture".to_owned(), true),
        ("pictures at their times".to_owned(), pictures),
        ("brightness and colours".to_owned(), true),
    ]
}

#[test]
fn all_pictures_are_the_source_s_whatever_their_shape_colours_and_times() {
    for clip in [
        clips::hdr10(),
        clips::anamorphic(),
        clips::variable_rate(),
        clips::rotated(),
        clips::odd_size(),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let run = Run::encode(dir.path(), &clip, "out.mkv");
        let run = run.args(["--verify-source", "--proof", "proof.json", "--json"]);
        let ended: Ended = run.succeeds();
        let finished = &ended.finished()["proof"];
        let told = [&finished["pictures"], &finished["pictures_alike"]];
        let told: u64 = told.iter().map(|number| number.as_u64().unwrap()).sum();
        ended.expect(finished["frames"] == told, "all pictures are looked at");
        assert_eq!(of_all_pictures(&proof(dir.path())), expected(true));
    }
}

#[test]
fn pictures_that_an_encoder_exchanges_between_the_places_are_found() {
    let dir = tempfile::tempdir().unwrap();
    // Each picture of a chunk is the one behind it, and the last is there twice: as many pictures as there should be.
    let real = shlex::try_quote(real().to_str().unwrap())
        .unwrap()
        .into_owned();
    let encoder = script(
        dir.path(),
        &format!(
            "if [ $chunk = 00002 ] && [ ! -e ../lab/right ]; then\n\
             all=../lab/frames; cat >$all; head=$(head -n 1 $all | wc -c)\n\
             frame=$((($(stat -c %s $all) - head) / 26))\n\
             {{ head -c $head $all; tail -c +$((head + frame + 1)) $all; tail -c $frame $all; }} | {real} \"$@\"; exit\n\
             fi"
        ),
    );
    let args = ["--proof", "proof.json"];
    // At the beginning and the end, everything is as it should be.
    let _ = encode_with(dir.path(), &encoder).args(args).succeeds();
    assert_eq!(of_all_pictures(&proof(dir.path())), []);
    fs::remove_file(dir.path().join("out.mkv")).unwrap();
    let thorough = || encode_with(dir.path(), &encoder).arg("--verify-source");
    fails(dir.path(), thorough().args(args))
        .says("pictures at their times: 130 pictures in the source")
        .says("pictures of another time, the first at ")
        .says("1 chunk damaged (2): the same command encodes what is damaged again");
    assert_eq!(of_all_pictures(&proof(dir.path())), expected(false));
    fs::write(dir.path().join("lab/right"), "").unwrap();
    let _ = goes_on(dir.path(), thorough(), 4);
}

#[test]
fn where_a_decoder_makes_pictures_up_all_are_compared_and_nothing_is_called_proven() {
    let dir = tempfile::tempdir().unwrap();
    let film = films::damaged().remove(1).path();
    let run = Run::encode(dir.path(), &film, "out.mkv");
    let run = run
        .args(["--verify-source", "--proof", "proof.json"])
        .succeeds();
    run.expect(
        run.stdout
            .contains("not proven, for the source is damaged ("),
        "a word of it",
    );
    assert_eq!(of_all_pictures(&proof(dir.path())).len(), 3);
    assert_eq!(proof(dir.path())["agrees"], false);
}

/// A film of which only samples are looked at: 40 s of raw pictures, of which those in the middle may be `grey`.
fn raw_film(dir: &Path, name: &str, grey: bool) -> PathBuf {
    let mut graph = "testsrc2=s=320x180:r=24:d=40".to_owned();
    if grey {
        graph += ",drawbox=c=gray:t=fill:enable='between(t,20.05,20.3)'";
    }
    let raw = [
        "-c:v",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        "-fflags",
        "+bitexact",
        name,
    ];
    ffmpeg(dir, &[&["-f", "lavfi", "-i", &graph], &raw[..]].concat());
    dir.join(name)
}

#[test]
fn a_source_that_was_written_where_nobody_looked_is_compared_whole() {
    let dir = tempfile::tempdir().unwrap();
    let film = raw_film(dir.path(), "film.mkv", false);
    let changed = fs::read(raw_film(dir.path(), "grey.mkv", true)).unwrap();
    assert_eq!(changed.len() as u64, fs::metadata(&film).unwrap().len());
    let encoder = script(
        dir.path(),
        "[ -e ../lab/right ] || [ $chunk != 00001 ] || exit 9",
    );
    let run = || {
        Run::encode(dir.path(), &film, "out.mkv")
            .arg("--encoder-path")
            .arg(&encoder)
    };
    let _ = run().fails(1);
    fs::write(&film, &changed).unwrap();
    fs::write(dir.path().join("lab/right"), "").unwrap();
    let _ = fails(dir.path(), run())
        .says("film.mkv was written since the earlier run began")
        .says("pictures of another time");
    assert!(!dir.path().join("out.mkv").exists());
    let again = run().ends().exits(1);
    let _ = again.says("if it is another film now, add --restart");
    let _ = run().arg("--restart").succeeds();
    let pair = Run::bare(dir.path()).args(["verify", "film.mkv", "out.mkv"]);
    let _ = pair.succeeds();
    // While it is joined: the next run looks at all of it.
    fs::remove_file(dir.path().join("out.mkv")).unwrap();
    fake_mkvmerge(
        dir.path(),
        "touch ../joining; until [ -e ../go ]; do sleep 0.02; done; exec \"$real\" \"$@\"",
    );
    let joins = with_fakes(dir.path(), run()).start();
    let joins = joins.wait_until("it joins", || dir.path().join("joining").exists());
    fs::write(&film, &changed).unwrap();
    fs::write(dir.path().join("go"), "").unwrap();
    let _ = joins
        .ends()
        .exits(1)
        .says("was written while it was encoded. Repeat the command");
}

#[test]
fn a_run_that_goes_on_knows_what_the_one_before_has_heard_of_its_source() {
    let dir = tempfile::tempdir().unwrap();
    let film = films::damaged().remove(1).path();
    let encoder = script(dir.path(), "[ -e ../lab/right ] || exit 9");
    let run = || {
        Run::encode(dir.path(), &film, "out.mkv")
            .arg("--encoder-path")
            .arg(&encoder)
    };
    let _ = run().fails(1);
    assert!(dir.path().join("out.mkv.av1enc/pictures.bin").exists());
    fs::write(dir.path().join("lab/right"), "").unwrap();
    let ended = run().succeeds();
    let _ = ended.prints("not proven, for the source is damaged (");
}

#[test]
fn a_proof_says_who_has_read_the_film_and_why_where_a_decoder_complained_and_what_was_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let film = films::damaged_far_from_where_it_is_looked_at().path();
    let turned = ["-c", "copy", "-metadata:s:v:0", "rotate=315", "film.mov"];
    ffmpeg(
        dir.path(),
        &[&["-i", film.to_str().unwrap()], &turned[..]].concat(),
    );
    let run = Run::encode(dir.path(), "film.mov", "out.mkv");
    let run = run.args(["--chunk-method", "ffms2", "--proof", "proof.json", "--json"]);
    let ended = run.succeeds();
    let notes = &ended.finished()["proof"]["notes"];
    assert_eq!(*notes, proof(dir.path())["notes"]);
    let notes: Vec<&str> = notes
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let near = |said: &str| -> Option<f64> {
        let time = said.split_once(": near ")?.1.split_once(" s: ")?.0;
        time.parse().ok()
    };
    let has = |what: &str, is: &dyn Fn(&str) -> bool| {
        ended.expect(
            notes.iter().any(|said| is(said)),
            &format!("{what} among {notes:#?}"),
        );
    };
    has("the reader", &|said| {
        said.starts_with("FFMS2 delivers wrong pictures (at picture ")
            && said.contains(" s are right): ffmpeg ")
            && said.ends_with(" has read the film from its beginning to its end")
    });
    // The 231st of those that no other refers to, of 600 in 24 seconds.
    has("the complaint", &|said| {
        said.starts_with("a decoder complained of the source: ")
            && near(said).is_some_and(|seconds| (5.0..23.0).contains(&seconds))
    });
    has("what was left out", &|said| {
        said.starts_with("the rotation of its pictures by ") && said.contains("is left out")
    });
}
