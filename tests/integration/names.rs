//! A file may have any name that the system allows.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use crate::{check::is_whole, clips, run::Run};

/// Encodes a film of this name to another that is as bad, in a directory that is, too.
#[track_caller]
fn encode_in_bad_company(name: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let of = |parts: &[&[u8]]| -> OsString { OsStr::from_bytes(&parts.concat()).to_owned() };
    let (inputs, outputs) = (of(&[name, b" in"]), of(&[name, b" out"]));
    fs::create_dir(dir.path().join(&inputs)).unwrap();
    fs::create_dir(dir.path().join(&outputs)).unwrap();
    let input = Path::new(&inputs).join(of(&[name, b".mkv"]));
    let output = Path::new(&outputs).join(of(&[name, b"-.mkv"]));
    fs::copy(clips::silent(), dir.path().join(&input)).unwrap();
    Run::encode(dir.path(), &input, &output)
        .args(["--crf", "20"])
        .succeeds();
    is_whole(&dir.path().join(&output), &clips::silent(), 48);
    let left: Vec<_> = fs::read_dir(dir.path().join(&outputs))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(
        left,
        [output.file_name().unwrap()],
        "the output is all that is there"
    );
}

#[test]
fn names_may_hold_spaces_and_quotes() {
    encode_in_bad_company(br#"a  'b' "c" `d` $e \f %d (g) [h] {i} # + @j"#);
}

#[test]
fn names_may_be_in_any_script() {
    encode_in_bad_company("фильм 映画 फ़िल्म 🎬 e\u{301}".as_bytes());
}

#[test]
fn names_may_begin_with_a_dash() {
    encode_in_bad_company(b"-y");
}

#[test]
fn names_may_hold_newlines_and_escapes() {
    encode_in_bad_company(b"first\nsecond\r\x1b[31m\ttab");
}

#[test]
fn names_may_hold_bytes_that_are_not_utf8() {
    encode_in_bad_company(b"latin1 \xe9t\xe9 \xff\xfe");
}

#[test]
fn names_may_look_like_protocols_and_options() {
    encode_in_bad_company(b"=@concat:pipe%03d,+file");
}

#[test]
fn a_name_with_a_dash_may_follow_a_double_dash_and_the_output_is_named_after_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(clips::one_frame(), dir.path().join("-film.one.mp4")).unwrap();
    Run::fast(dir.path())
        .args(["--", "-film.one.mp4"])
        .succeeds();
    is_whole(
        &dir.path().join("-film.one.av1.mkv"),
        &clips::one_frame(),
        1,
    );
}

#[test]
fn without_a_name_the_output_is_in_the_current_directory() {
    let (films, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::copy(clips::one_frame(), films.path().join("Film.mkv")).unwrap();
    let run = Run::fast(here.path())
        .arg(films.path().join("Film.mkv"))
        .succeeds();
    run.expect(
        fs::read_dir(films.path()).unwrap().count() == 1,
        "nothing new beside the film",
    );
    is_whole(&here.path().join("Film.av1.mkv"), &clips::one_frame(), 1);
}
