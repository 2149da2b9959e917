//! Which tracks are kept, and what becomes of the sound, where the user chooses.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    chance::Chance,
    check::File,
    clips::{ffmpeg, kept},
    films, judge,
    lab::{fake, with_fakes},
    run::Run,
};

/// Three seconds with four tracks of sound: English in AC-3 5.1, of which only the centre is heard, German in FLAC, English
/// commentary in AAC and one without a language in AC-3; and with subtitles in English, Russian and no language.
fn world() -> PathBuf {
    kept(include_bytes!("languages.rs"), "world.mkv", |dir| {
        fs::write(
            dir.join("s.srt"),
            "1\n00:00:00,100 --> 00:00:01,600\nHello\n",
        )
        .unwrap();
        let graph = "[0:a]asplit=4[a][b][c][d];[a]pan=5.1(side)|FC=c0[centre];[b]pan=stereo|c0=c0|c1=c0[stereo];\
                     [d]pan=stereo|c0=0.3*c0|c1=0.3*c0[quiet]";
        let inputs = format!("-t 3 -i {} -i s.srt -i s.srt -i s.srt", films::base());
        let maps =
            "-map 0:v -map [centre] -map [stereo] -map [c] -map [quiet] -map 1:s -map 2:s -map 3:s";
        let codecs = "-c:v libx264 -preset veryfast -crf 14 -g 50 -c:a:0 ac3 -b:a:0 448k -c:a:1 flac -c:a:2 aac -c:a:3 ac3 \
                      -b:a:3 192k -c:s srt";
        let names = "-metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -metadata:s:a:2 language=eng \
                     -metadata:s:s:0 language=eng -metadata:s:s:1 language=rus -disposition:a:0 default";
        let mut args: Vec<&str> = inputs.split_whitespace().collect();
        args.extend(["-filter_complex", graph]);
        args.extend(
            [maps, codecs, names]
                .into_iter()
                .flat_map(str::split_whitespace),
        );
        args.extend([
            "-metadata:s:a:2",
            "title=The Director's Commentary",
            "world.mkv",
        ]);
        ffmpeg(dir, &args);
    })
}

/// Kind, language and codec of each track beside the picture, by ffprobe.
fn tracks(file: &File) -> Vec<String> {
    let streams = file.ffprobe["streams"].as_array().unwrap().iter();
    let others = streams.filter(|stream| stream["codec_type"] != "video");
    let text = |value: &Value| value.as_str().unwrap_or("und").to_owned();
    others
        .map(|stream| {
            let channels = stream["channels"].as_u64();
            let channels = channels.map_or_else(String::new, |n| format!(" {n}"));
            format!(
                "{}:{}{channels}",
                text(&stream["tags"]["language"]),
                text(&stream["codec_name"])
            )
        })
        .collect()
}

/// How loud a track of sound is, in LUFS.
fn loudness(file: &Path, n: usize) -> f64 {
    let input = file.to_str().unwrap();
    let map = format!("0:a:{n}");
    let args = [
        "-nostdin",
        "-hide_banner",
        "-nostats",
        "-i",
        input,
        "-map",
        &map,
    ];
    let measure = ["-af", "ebur128=framelog=verbose", "-f", "null", "-"];
    said(&[&args[..], &measure].concat(), "I:")
        .trim_end_matches("LUFS")
        .trim()
        .parse()
        .unwrap()
}

/// What ffmpeg says last behind this word.
fn said(args: &[&str], word: &str) -> String {
    let output = std::process::Command::new("ffmpeg")
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut lines = said.lines().rev();
    let found = lines.find_map(|line| Some(line.split_once(word)?.1.trim().to_owned()));
    found.unwrap_or_else(|| panic!("{word} in {said}"))
}

/// How far the beeps of each track of sound are from their pictures, in milliseconds.
fn late(file: &Path) -> Vec<Vec<f64>> {
    let mut seen = judge::look(file);
    let tracks = seen.tracks.len();
    let late = |n: usize| {
        // It tells of the first.
        seen.tracks.swap(0, n);
        let late = seen.sound_is_late_by();
        seen.tracks.swap(0, n);
        late
    };
    (0..tracks).map(late).collect()
}

/// Fails unless a track is heard `after` when it was heard `before`.
#[track_caller]
fn is_on_time(before: &[f64], after: &[f64]) {
    let pairs = before.iter().zip(after);
    let on_time = pairs.clone().all(|(was, is)| (was - is).abs() < 5.0);
    let is_all = !before.is_empty() && before.len() == after.len();
    assert!(on_time && is_all, "{before:?} {after:?}");
}

/// The findings of a proof that are about this.
fn findings<'a>(proof: &'a Value, what: &str) -> Vec<&'a Value> {
    let all = proof["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["what"].as_str().unwrap().starts_with(what))
        .collect()
}

#[test]
fn wanted_languages_are_kept_mixed_down_and_as_loud_as_the_user_says() {
    let dir = tempfile::tempdir().unwrap();
    let (source, output) = (world(), dir.path().join("out.mkv"));
    let words = "--languages en,und --drop-commentary --audio-codec opus --downmix stereo --loudness -23 --json --proof proof.json";
    let run = Run::encode(dir.path(), &source, "out.mkv")
        .args(words.split(' '))
        .succeeds();
    let intended = &run
        .events()
        .into_iter()
        .find(|event| event["event"] == "intended")
        .unwrap()["tracks"];
    assert_eq!(intended.as_array().unwrap().len(), 7, "{intended}");
    assert!(
        intended[1]
            .as_str()
            .unwrap()
            .contains("dropped (--languages en,und)"),
        "{intended}"
    );
    assert!(
        intended[2]
            .as_str()
            .unwrap()
            .contains("dropped (--drop-commentary)"),
        "{intended}"
    );

    let file = File::open(&output);
    let expected = ["eng:opus 2", "und:opus 2", "eng:subrip", "und:subrip"];
    assert_eq!(tracks(&file), expected);
    let (before, after) = (late(&source), late(&output));
    for (n, was) in [0, 3].into_iter().enumerate() {
        is_on_time(&before[was], &after[n]);
        let lufs = loudness(&output, n);
        assert!((lufs + 23.0).abs() <= 0.5, "track {n}: {lufs}");
    }

    let proof: Value =
        serde_json::from_slice(&fs::read(dir.path().join("proof.json")).unwrap()).unwrap();
    assert_eq!(proof["agrees"], true);
    assert_eq!(findings(&proof, "dropped track").len(), 3, "{proof:#}");
    let of_first = findings(&proof, "form of sound track 1")[0];
    assert!(
        of_first["source"]
            .as_str()
            .unwrap()
            .starts_with("ac3, 6 channels"),
        "{of_first}"
    );
    assert!(
        of_first["output"]
            .as_str()
            .unwrap()
            .starts_with("opus, 2 channels"),
        "{of_first}"
    );
    assert!(
        of_first["by"]
            .as_str()
            .unwrap()
            .contains("--downmix stereo"),
        "{of_first}"
    );
    let loud = findings(&proof, "loudness of sound track");
    assert!(
        loud.len() == 2 && loud[0]["output"].as_str().unwrap().contains("-23"),
        "{loud:?}"
    );

    let verify = Run::bare(dir.path())
        .arg("verify")
        .arg(&source)
        .arg(&output);
    let verify = verify
        .args(["--sample", "5", "--known", "tracks,sound"])
        .succeeds();
    let _ = verify.prints("known    tracks");
}

#[test]
fn opus_has_its_rate_by_channels_and_other_layouts_fit() {
    let dir = tempfile::tempdir().unwrap();
    let layouts = [
        ("mono", 1, 64),
        ("stereo", 2, 96),
        ("3.0", 3, 128),
        ("quad", 4, 160),
        ("5.0", 5, 224),
        ("5.1(side)", 6, 256),
        ("6.1", 7, 288),
        ("7.1", 8, 320),
    ];
    let layouts = Chance::of(4).some(layouts);
    let mut args: Vec<String> = ["-f", "lavfi", "-i", "testsrc2=s=128x72:r=25:d=3"]
        .map(str::to_owned)
        .to_vec();
    for (layout, channels, _) in &layouts {
        let tones = |n: usize| {
            let (low, high) = (300 + 100 * n, 2000 + 171 * n);
            format!("0.3*sin({low}*2*PI*t)+0.2*sin({high}*2*PI*t)+0.35*(random({n})-0.5)")
        };
        let noise: Vec<String> = (0..*channels).map(tones).collect();
        let noise = noise.join("|");
        args.extend(["-f", "lavfi", "-i"].map(str::to_owned));
        args.push(format!("aevalsrc={noise}:c={layout}:s=48000:d=3"));
    }
    for n in 0..=layouts.len() {
        args.extend(["-map".to_owned(), n.to_string()]);
    }
    args.extend(
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a flac many.mkv"
            .split(' ')
            .map(str::to_owned),
    );
    ffmpeg(
        dir.path(),
        &args.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    Run::encode(dir.path(), "many.mkv", "out.mkv")
        .args(["--audio-codec", "opus"])
        .succeeds();
    let file = File::open(&dir.path().join("out.mkv"));
    let streams = file.ffprobe["streams"].as_array().unwrap();
    for ((layout, channels, kbits), stream) in layouts.iter().zip(&streams[1..]) {
        assert_eq!(stream["channels"], *channels, "{layout}");
        // mkvmerge's own sum of the packets.
        let rate: f64 = stream["tags"]["BPS"].as_str().unwrap().parse().unwrap();
        let wanted = f64::from(*kbits) * 1000.0;
        assert!(
            (rate / wanted - 1.0).abs() < 0.3,
            "{layout}: {rate}, not {wanted}"
        );
    }
}

#[test]
fn aac_has_layouts_that_can_be_read_back_and_flac_has_all() {
    let dir = tempfile::tempdir().unwrap();
    let words = "-f lavfi -i testsrc2=s=128x72:r=25:d=1 -f lavfi -i \
                 aevalsrc=0.1*random(0)|0.1*random(1)|0.1*random(2)|0.1*random(3)|0.1*random(4)|0.1*random(5)|0.1*random(6):c=7.0(front):d=1 \
                 -f lavfi -i aevalsrc=0.1*random(0)|0.1*random(1)|0.1*random(2)|0.1*random(3):c=4.0:d=1 \
                 -f lavfi -i sine=440:d=0.3:r=48000 -map 0 -map 1 -map 2 -map 3 -c:v libx264 -preset ultrafast \
                 -pix_fmt yuv420p -c:a:0 flac -c:a:1 ac3 -c:a:2 mp2 film.mkv";
    ffmpeg(dir.path(), &words.split_whitespace().collect::<Vec<_>>());
    let layouts = |name: &str| -> Vec<String> {
        let file = File::open(&dir.path().join(name));
        let streams = file.ffprobe["streams"].as_array().unwrap();
        let layout = |stream: &serde_json::Value| {
            stream["channel_layout"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        streams[1..].iter().map(layout).collect()
    };
    for (codec, name, layout) in [("aac", "AAC", "4.0"), ("opus", "Opus", "6.1")] {
        let output = format!("{codec}.mkv");
        let run = Run::encode(dir.path(), "film.mkv", &output).args(["--audio-codec", codec]);
        let _ = run.succeeds().says(&format!(
            "sound track 1: 7.0(front) becomes 5.0, of which FLC, FRC are mixed into the others: {name} has no place"
        ));
        assert_eq!(layouts(&output), ["5.0", layout, "mono"]);
    }
    let flac = Run::encode(dir.path(), "film.mkv", "flac.mkv");
    let flac = flac
        .args(["--audio-codec", "flac", "--loudness", "-23"])
        .succeeds();
    let of_sound = flac.warnings().into_iter();
    let of_sound: Vec<&str> = of_sound.filter(|text| text.contains("sound")).collect();
    let short = "sound track 3: it is too short or too quiet to have a loudness by EBU R128";
    let is_said = matches!(of_sound.as_slice(), [text] if text.contains(short));
    flac.expect(is_said, "only of the track of 0.3 s that it stays as it is");
    assert_eq!(layouts("flac.mkv"), ["7.0(front)", "4.0", "mono"]);
}

#[test]
fn what_is_not_chosen_is_copied_packet_by_packet_and_other_sound_uses_the_picture_that_is_finished()
{
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.mkv");
    let encode = |words: &[&str]| {
        let run = Run::encode(dir.path(), world(), "out.mkv").args(["--keep", "-y", "--json"]);
        run.args(words).succeeds()
    };
    let source = File::open(&world());
    let hash = |file: &File, n: usize| {
        let map = format!("0:a:{n}");
        file.ffmpeg(&["-i", "@", "-map", &map, "-c", "copy", "-f", "md5", "-"])
    };
    let _ = encode(&["--audio-codec", "opus", "--opus-if", "lossless"]);
    let output = File::open(&path);
    for n in [0, 2, 3] {
        assert_eq!(tracks(&output)[n], tracks(&source)[n]);
        assert_eq!(hash(&output, n), hash(&source, n), "{n}");
    }
    assert_eq!(tracks(&output)[1], "ger:opus 2");
    let words = "--languages eng --drop-commentary --audio-codec flac --downmix stereo";
    let run = encode(&words.split(' ').collect::<Vec<_>>());
    run.expect(run.stdout.contains("the picture stays"), "a note");
    let finished = run.finished();
    assert_eq!(finished["resumed_chunks"], finished["chunks"]);
    assert_eq!(tracks(&File::open(&path)), ["eng:flac 2", "eng:subrip"]);
    dialogue_is_louder_than_by_ffmpegs_own_mix(&path);
}

/// Fails unless the centre of the first sound of [`world`] is in both sides of the first one of `output`, at -8 dB.
#[track_caller]
fn dialogue_is_louder_than_by_ffmpegs_own_mix(output: &Path) {
    let level = |file: &Path, filters: &str| -> f64 {
        let filters = format!("{filters}volumedetect");
        let args = [
            "-nostdin",
            "-nostats",
            "-i",
            file.to_str().unwrap(),
            "-map",
            "0:a:0",
        ];
        let said = said(
            &[&args[..], &["-af", &filters, "-f", "null", "-"]].concat(),
            "mean_volume:",
        );
        said.trim_end_matches("dB").trim().parse().unwrap()
    };
    let centre = level(&world(), "pan=mono|c0=FC,");
    for side in ["FL", "FR"] {
        let is = level(output, &format!("pan=mono|c0={side},"));
        // 0.4 of it are 8 dB less.
        assert!(
            (is - centre + 7.96).abs() < 0.3,
            "{side}: {is}, and {centre} in the source"
        );
    }
    let usual = "aresample=rematrix_maxval=1.0,aformat=channel_layouts=stereo,";
    assert!(level(output, "") > level(&world(), usual) + 2.0);
}

#[test]
fn a_recording_of_which_the_earliest_track_is_dropped_stays_together() {
    let dir = tempfile::tempdir().unwrap();
    let base = films::base();
    // The German sound begins before all other tracks.
    let inputs = [
        "-itsoffset",
        "0.7",
        "-t",
        "4",
        "-i",
        &base,
        "-f",
        "lavfi",
        "-i",
        "sine=300:d=4:r=48000",
    ];
    let maps = "-map 0:v -map 1:a -map 0:a -c:v libx264 -preset veryfast -crf 14 -g 50 -c:a ac3 -metadata:s:a:0 language=ger \
                -metadata:s:a:1 language=eng film.ts";
    let maps: Vec<&str> = maps.split_whitespace().collect();
    ffmpeg(dir.path(), &[&inputs[..], &maps].concat());
    Run::encode(dir.path(), "film.ts", "out.mkv")
        .args(["--drop-languages", "de"])
        .succeeds();
    let output = dir.path().join("out.mkv");
    assert_eq!(tracks(&File::open(&output)), ["eng:ac3 1"]);
    is_on_time(&late(&dir.path().join("film.ts"))[1], &late(&output)[0]);
}

#[test]
fn killed_in_either_pass_of_two_the_same_command_goes_on_and_measures_once() {
    let words = [
        "--languages",
        "ger",
        "--audio-codec",
        "flac",
        "--loudness",
        "-20",
    ];
    let encode = |dir: &Path| Run::encode(dir, world(), "out.mkv").args(words);
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("bin");
    let body = format!(
        "case \"$*\" in *print_format=json*) stage=first ;; *measured_I*) stage=second ;; *) exec \"$real\" \"$@\" ;; esac\n\
         echo x >> '{0}/'$stage; [ -e '{0}/'$stage.done ] || while :; do sleep 0.1; done\nexec \"$real\" \"$@\"",
        lab.display()
    );
    fake(dir.path(), "ffmpeg", &body);
    for stage in ["first", "second"] {
        let run = with_fakes(dir.path(), encode(dir.path())).start();
        let met = lab.join(stage);
        let run = run.wait_until("ffmpeg is in this pass", || met.exists());
        run.signal(nix::sys::signal::Signal::SIGKILL);
        let _ = run.ends();
        fs::write(lab.join(format!("{stage}.done")), "").unwrap();
    }
    with_fakes(dir.path(), encode(dir.path())).succeeds();
    let times = |stage: &str| fs::read_to_string(lab.join(stage)).unwrap().lines().count();
    assert_eq!(
        [times("first"), times("second")],
        [2, 2],
        "what was measured is known"
    );
    let lufs = loudness(&dir.path().join("out.mkv"), 0);
    assert!((lufs + 20.0).abs() <= 0.5, "{lufs}");
}

#[test]
fn words_of_other_programs_and_contradictions_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    for (words, says) in [
        (
            &["-a", "-c:a flac", "--audio-codec", "opus"][..],
            "--audio-codec",
        ),
        (&["--downmix", "stereo"], "add --audio-codec opus"),
        (&["--aencoder", "opus"], "--audio-codec opus"),
        (&["-ac", "2"], "--audio-codec opus --downmix stereo"),
        (&["--audio-lang-list", "eng,und"], "--languages eng,und"),
        (
            &["--languages", "english"],
            "`english` is no code of a language",
        ),
    ] {
        let run = Run::encode(dir.path(), world(), "out.mkv").args(words);
        let _ = run.fails(2).says(says);
    }
    let plan = Run::encode(dir.path(), world(), "out.mkv");
    let plan = plan
        .args(["--audio-codec", "opus", "--languages", "deu", "--dry-run"])
        .succeeds();
    let plan = plan.prints("track    sound track 2 (ger): flac, 2 channels");
    let _ = plan
        .prints("becomes opus at 96 kbit/s (--audio-codec opus)")
        .prints("--languages deu");
    // What ffprobe does not say is measured.
    let plan = Run::encode(dir.path(), world(), "out.mkv").arg("--dry-run");
    let plan = plan
        .args(["--audio-codec", "opus", "--opus-if", "bitrate>300"])
        .succeeds();
    let plan = plan.prints("ac3, 6 channels, 448 kbit/s, becomes opus at 256 kbit/s");
    let kbits = plan.stdout.split_once("flac, 2 channels, ").unwrap().1;
    let (kbits, rest) = kbits.split_once(" kbit/s").unwrap();
    assert!((30..300).contains(&kbits.parse().unwrap()), "{kbits}");
    assert!(
        rest.starts_with(", copied (--opus-if bitrate>300)"),
        "{rest}"
    );
    // The last sound stays: the one that a player would choose.
    let plan = Run::encode(dir.path(), world(), "out.mkv");
    let plan = plan.args(["--languages", "jpn", "--dry-run"]).succeeds();
    let stays = "sound track 1 (eng) stays, though --languages jpn drops it: it is the last sound of the film";
    let _ = plan
        .prints("1 sound track (copied), 0 subtitle tracks")
        .prints(stays);
}
