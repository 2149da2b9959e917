//! What Matroska cannot hold as it is, is carried over in another form, or left out with a word; what is no film is refused
//! in words that say what it is.

use std::{fs, path::Path};

use crate::{chance::Chance, check::File, clips::ffmpeg, films::film, judge, run::Run};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// The codecs of a film's tracks by ffprobe, in order.
fn codecs(file: &File) -> Vec<String> {
    let streams = file.ffprobe["streams"].as_array().unwrap();
    streams
        .iter()
        .map(|stream| stream["codec_name"].as_str().unwrap_or("none").to_owned())
        .collect()
}

#[test]
fn sound_that_matroska_cannot_hold_is_carried_over_without_loss() {
    let sounds = [
        (
            "qt.mov",
            vec!["-c:a", "adpcm_ima_qt", "-ar", "44100"],
            "flac",
        ),
        (
            "s302m.ts",
            vec!["-c:a", "s302m", "-strict", "-2", "-ac", "2"],
            "flac",
        ),
        (
            "nellymoser.flv",
            vec!["-c:a", "nellymoser", "-ar", "44100", "-ac", "1"],
            "pcm_f32le",
        ),
        // ffmpeg writes it, and mkvmerge does not take what it has written.
        (
            "swf.flv",
            vec!["-c:a", "adpcm_swf", "-ar", "44100", "-ac", "1"],
            "flac",
        ),
        (
            "speex.flv",
            vec!["-c:a", "libspeex", "-ar", "16000", "-ac", "1"],
            "speex",
        ),
        (
            "gsm.mov",
            vec!["-c:a", "libgsm", "-ar", "8000", "-ac", "1"],
            "flac",
        ),
    ];
    for (name, options, becomes) in Chance::of(3).some(sounds) {
        let dir = tempfile::tempdir().unwrap();
        let source = film(dir.path(), name, &options);
        let run = Run::bare(dir.path())
            .args(["-w", "2", "--preset", "10", "--crf", "18", "-i"])
            .arg(&source);
        let ended = run.args(["-o", "out.mkv"]).succeeds();
        assert_eq!(ended.warnings(), [""; 0], "{name}");
        assert_eq!(
            codecs(&File::open(&dir.path().join("out.mkv"))),
            ["av1", becomes],
            "{name}"
        );
        if !["gsm.mov", "speex.flv"].contains(&name) {
            judge::agree(&source, &dir.path().join("out.mkv"));
        }
    }
}

/// A film in Matroska whose second track is one that nobody can read, the third is sound, the fourth are texts.
fn with_a_strange_track(dir: &Path) {
    film(dir, "film.mkv", &["-c:a", "ac3"]);
    film(
        dir,
        "strange.flv",
        &["-c:a", "adpcm_swf", "-ar", "44100", "-ac", "1"],
    );
    fs::write(
        dir.join("s.srt"),
        "1\n00:00:00,700 --> 00:00:01,100\nBonjour\n",
    )
    .unwrap();
    let inputs = [
        "-i",
        "film.mkv",
        "-i",
        "strange.flv",
        "-i",
        "s.srt",
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-map",
        "0:a",
    ];
    let args = [
        inputs.as_slice(),
        &[
            "-map",
            "2",
            "-metadata:s:a:1",
            "language=fre",
            "-c",
            "copy",
            "in.mkv",
        ],
    ]
    .concat();
    // ffmpeg itself says that what it has written is not right.
    let status = std::process::Command::new("ffmpeg")
        .current_dir(dir)
        .args(["-nostdin", "-v", "fatal"])
        .args(args)
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_track_of_matroska_that_nobody_can_read_is_left_out_and_said() {
    for sound in [&[][..], &["-a", "-c:a libopus"]] {
        let dir = tempfile::tempdir().unwrap();
        with_a_strange_track(dir.path());
        let ended = Run::encode(dir.path(), "in.mkv", "out.mkv")
            .args(sound)
            .succeeds();
        // mkvmerge says it in its own words too.
        assert_eq!(
            ended.warnings()[0],
            "left out, since mkvmerge does not take them: 1 (unknown audio)"
        );
        let output = File::open(&dir.path().join("out.mkv"));
        assert_eq!(
            codecs(&output),
            [
                "av1",
                if sound.is_empty() { "ac3" } else { "opus" },
                "subrip"
            ]
        );
        assert_eq!(output.ffprobe["streams"][1]["tags"]["language"], "fre");
    }
}

#[test]
fn sound_of_a_codec_that_nobody_knows_is_left_out_beside_a_good_one() {
    for sound in [&[][..], &["-a", "-c:a libopus"]] {
        let dir = tempfile::tempdir().unwrap();
        film(
            dir.path(),
            "two.mp4",
            &[
                "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c:a:0", "ac3", "-c:a:1", "aac",
            ],
        );
        let two = dir.path().join("two.mp4");
        let mut bytes = fs::read(&two).unwrap();
        let at = bytes
            .windows(4)
            .position(|window| window == b"ac-3")
            .unwrap();
        bytes[at..at + 4].copy_from_slice(b"zzzz");
        fs::write(&two, bytes).unwrap();
        let ended = Run::encode(dir.path(), &two, "out.mkv")
            .args(sound)
            .succeeds();
        let said = ended.warnings();
        ended.expect(
            said.len() == 1 && said[0].starts_with("left out, since ") && said[0].contains("1 ("),
            "what is left out",
        );
        let becomes = if sound.is_empty() { "aac" } else { "opus" };
        assert_eq!(
            codecs(&File::open(&dir.path().join("out.mkv"))),
            ["av1", becomes]
        );
    }
}

#[test]
fn a_sound_track_with_nothing_in_it_is_left_out_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let of_one_picture = "-f lavfi -i testsrc2=s=192x108:r=25 -f lavfi -i sine=440:d=2 -frames:v 1";
    // More packets than are read to learn where tracks begin; of the first sound, none is written.
    let of_many = "-f lavfi -i testsrc2=s=192x108:r=25:d=12 -f lavfi -i sine=440:d=12 -map 0 -map 1 -map 1 -c:a mp2 \
        -bsf:a:0 noise=drop=1";
    for (name, options, sound) in [
        ("one.avi", of_one_picture, 0),
        ("one.ogv", of_one_picture, 0),
        ("one.ts", of_one_picture, 0),
        ("many.ts", of_many, 1),
    ] {
        let args: Vec<&str> = options.split_whitespace().chain([name]).collect();
        ffmpeg(dir.path(), &args);
        let out = format!("{name}.mkv");
        let ended = Run::encode(dir.path(), name, &out).succeeds();
        let said = ended.warnings();
        let mut said = said
            .iter()
            .filter(|said| said.contains("left out, since nothing is in them: 1 ("));
        ended.expect(
            said.next().is_some() && said.next().is_none(),
            "one warning that names the empty track",
        );
        let found = codecs(&File::open(&dir.path().join(out)));
        assert_eq!(found.len(), 1 + sound, "{name}: {found:?}");
    }
}

#[test]
fn a_further_picture_that_does_not_get_through_is_left_out_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let picture = "testsrc2=s=192x108:r=25:d=2";
    let further = format!("{picture},framestep=5");
    let inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", &further];
    let sound = ["-f", "lavfi", "-i", "sine=440:d=2"];
    let options = [
        "-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-preset", "veryfast", "-c:a",
        "aac", "two.ts",
    ];
    ffmpeg(dir.path(), &[inputs.as_slice(), &sound, &options].concat());
    let ended = Run::encode(dir.path(), "two.ts", "out.mkv").succeeds();
    let said = ended.warnings();
    let of_it = said.iter().filter(|said| said.contains("left out"));
    assert_eq!(of_it.clone().count(), 1, "{said:?}");
    ended.expect(
        of_it.clone().all(|said| said.contains(": 1 (h264 video)")),
        "that it is named",
    );
    let found = codecs(&File::open(&dir.path().join("out.mkv")));
    assert_eq!(found, ["av1", "aac"]);
}

#[test]
fn a_text_without_durations_is_left_out_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        "1\n00:00:00,100 --> 00:00:00,900\nBonjour\n\n2\n00:00:01,000 --> 00:00:01,800\nOui.\n";
    fs::write(dir.path().join("s.srt"), text).unwrap();
    film(dir.path(), "film.mkv", &["-c:a", "aac"]);
    // NUT keeps no duration of a packet.
    let options = "-i film.mkv -i s.srt -map 0 -map 1 -c copy -c:s text text.nut";
    ffmpeg(dir.path(), &options.split(' ').collect::<Vec<_>>());
    let ended = Run::encode(dir.path(), "text.nut", "out.mkv").succeeds();
    let said = ended.warnings();
    let of_it = said.iter().filter(|said| said.contains("left out"));
    assert_eq!(of_it.clone().count(), 1, "{said:?}");
    assert!(of_it.clone().all(|said| said.contains("(text subtitle)")));
    let found = codecs(&File::open(&dir.path().join("out.mkv")));
    assert_eq!(found, ["av1", "aac"]);
}

#[test]
fn a_language_with_two_codes_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    for (code, name, kept) in [
        ("fra", "fra.mp4", "fre"),
        ("deu", "deu.ts", "ger"),
        ("zho", "zho.mp4", "chi"),
        ("spa", "spa.mp4", "spa"),
    ] {
        let language = format!("language={code}");
        film(
            dir.path(),
            name,
            &["-c:a", "aac", "-metadata:s:a", &language],
        );
        Run::encode(dir.path(), name, "out.mkv")
            .arg("-y")
            .succeeds();
        let output = File::open(&dir.path().join("out.mkv"));
        assert_eq!(
            output.mkvmerge["tracks"][1]["properties"]["language"], kept,
            "{code}"
        );
    }
}

#[test]
fn texts_of_mp4_become_subrip_with_their_words_and_times() {
    let dir = tempfile::tempdir().unwrap();
    let text = "1\n00:00:00,700 --> 00:00:01,100\nBonjour, ça va ?\n\n2\n00:00:02,800 --> 00:00:03,400\nOui.\nNon.\n";
    fs::write(dir.path().join("s.srt"), text).unwrap();
    film(dir.path(), "film.mp4", &["-c:a", "aac"]);
    let maps = [
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-c:s",
        "mov_text",
        "-metadata:s:s:0",
        "language=fre",
        "text.mp4",
    ];
    ffmpeg(
        dir.path(),
        &[["-i", "film.mp4", "-i", "s.srt"].as_slice(), &maps].concat(),
    );
    let ended = Run::encode(dir.path(), "text.mp4", "out.mkv").succeeds();
    ended.expect(
        ended.warnings().len() == 1 && ended.warnings()[0].contains("become SubRip"),
        "that style is lost",
    );
    let output = File::open(&dir.path().join("out.mkv"));
    assert_eq!(
        output
            .ffmpeg(&["-i", "@", "-map", "0:s", "-f", "srt", "-"])
            .replace('\r', "")
            .trim(),
        text.trim()
    );
    assert_eq!(output.ffprobe["streams"][2]["tags"]["language"], "fre");
}

#[test]
fn what_is_no_film_or_cannot_be_read_is_refused_in_words_that_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let name = |name: &str| dir.path().join(name);
    let plain = film(dir.path(), "film.mp4", &["-c:a", "aac"]);
    film(dir.path(), "f.ts", &["-c:a", "aac"]);
    let encrypted = [
        "-c",
        "copy",
        "-encryption_scheme",
        "cenc-aes-ctr",
        "-encryption_key",
        KEY,
        "-encryption_kid",
        KEY,
    ];
    ffmpeg(
        dir.path(),
        &[
            ["-i", "film.mp4"].as_slice(),
            &encrypted,
            &["encrypted.mp4"],
        ]
        .concat(),
    );
    let fragments = [
        "-c",
        "copy",
        "-movflags",
        "frag_keyframe+empty_moov+default_base_moof",
        "fragments.mp4",
    ];
    ffmpeg(
        dir.path(),
        &[["-i", "film.mp4"].as_slice(), &fragments].concat(),
    );
    let bytes = fs::read(name("fragments.mp4")).unwrap();
    let first = bytes
        .windows(4)
        .position(|window| window == b"moof")
        .unwrap()
        - 4;
    fs::write(name("initial.mp4"), &bytes[..first]).unwrap();
    fs::write(name("segment.m4s"), &bytes[first..]).unwrap();
    let mut bytes = fs::read(plain).unwrap();
    let at = bytes
        .windows(8)
        .position(|window| window == b"avc1\0\0\0\0")
        .unwrap();
    bytes[at..at + 4].copy_from_slice(b"zzzz");
    fs::write(name("unknown.mp4"), bytes).unwrap();
    fs::write(
        name("hls.mkv"),
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nf.ts\n#EXT-X-ENDLIST\n",
    )
    .unwrap();
    fs::write(name("list.mkv"), "ffconcat version 1.0\nfile film.mp4\n").unwrap();
    for (name, words) in [
        ("encrypted.mp4", "is encrypted"),
        ("initial.mp4", "initialisation segment"),
        ("segment.m4s", "segment of a stream without its beginning"),
        (
            "unknown.mp4",
            "its codec (zzzz) is none that this ffmpeg knows",
        ),
        ("hls.mkv", "is not a film: it is a playlist (HLS, M3U)"),
        (
            "list.mkv",
            "is not a film: it is a list of files (ffconcat)",
        ),
    ] {
        let _ = Run::encode(dir.path(), name, "out.mkv")
            .fails(8)
            .prints_nothing()
            .says(name)
            .says(words);
    }
}
