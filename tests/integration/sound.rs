//! Sound that is encoded anew.

use std::{collections::BTreeSet, f64::consts::PI, fs, path::Path};

use serde_json::Value;

use crate::{
    chance::Chance,
    check::File,
    clips::{self, ffmpeg},
    encoders::script,
    families::ffmpeg_9,
    films, judge,
    lab::{fake, fake_mkvmerge, with_fakes},
    run::Run,
};

#[test]
fn sound_is_encoded_anew_and_keeps_its_language_and_title_and_place() {
    for (options, codec) in [("-c:a libopus -b:a 64k", "opus"), ("-c:a flac", "flac")] {
        let dir = tempfile::tempdir().unwrap();
        Run::encode(dir.path(), clips::film(), "out.mkv")
            .args(["-a", options])
            .succeeds();
        let (output, source) = (
            File::open(&dir.path().join("out.mkv")),
            File::open(&clips::film()),
        );
        let streams = output.ffprobe["streams"].as_array().unwrap();
        let kinds: Vec<&Value> = streams.iter().map(|stream| &stream["codec_type"]).collect();
        assert_eq!(kinds[..3], ["video", "audio", "subtitle"]);
        assert_eq!(streams[1]["codec_name"], codec);
        // All but the codec is as it was.
        let contents = |file: &File| {
            let mut contents = file.contents();
            contents["tracks"][1][1] = Value::Null;
            contents
        };
        assert_eq!(contents(&output), contents(&source));
        // As long as it was, and decodable to the end.
        let decoded = output.ffmpeg(&["-i", "@", "-map", "0:a", "-f", "framecrc", "-"]);
        let samples: u64 = decoded
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                line.split(',')
                    .nth(3)
                    .unwrap()
                    .trim()
                    .parse::<u64>()
                    .unwrap()
            })
            .sum();
        assert!(
            (48_000 * 5 - 3000..48_000 * 5 + 3000).contains(&samples),
            "{samples} samples"
        );
    }
}

#[test]
fn sound_that_is_encoded_anew_begins_when_it_did() {
    for clip in [clips::late_altogether(), clips::late_video()] {
        let dir = tempfile::tempdir().unwrap();
        Run::encode(dir.path(), &clip, "out.mkv")
            .args(["-a", "-c:a flac"])
            .succeeds();
        let (output, source) = (File::open(&dir.path().join("out.mkv")), File::open(&clip));
        let start = |file: &File, stream: usize| -> f64 {
            file.ffprobe["streams"][stream]["start_time"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        };
        for stream in [0, 1] {
            let (is, should) = (start(&output, stream), start(&source, stream));
            assert!(
                (is - should).abs() < 0.003,
                "stream {stream} of {} begins at {is} s, not {should} s",
                clip.display()
            );
        }
    }
}

#[test]
fn sound_of_a_recording_that_begins_beyond_where_ffprobe_looks_is_copied_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let late = "-f lavfi -i testsrc2=s=128x72:r=25:d=14 -itsoffset 12 -f lavfi -i sine=440:d=2:r=48000 -map 0 -map 1 -c:v libx264 \
                -preset ultrafast -pix_fmt yuv420p -c:a ac3 -muxpreload 0 -muxdelay 0 late.ts";
    ffmpeg(dir.path(), &late.split_whitespace().collect::<Vec<_>>());
    let source = dir.path().join("late.ts");
    let streams = File::open(&source).ffprobe["streams"].clone();
    assert_eq!(streams[1]["sample_rate"], "0", "it is not seen at once");
    let run = Run::encode(dir.path(), "late.ts", "out.mkv").succeeds();
    assert_eq!(run.warnings(), [""; 0]);
    let output = File::open(&dir.path().join("out.mkv"));
    assert_eq!(output.ffprobe["streams"][1]["codec_name"], "ac3");
    let far = "-analyzeduration 60M -probesize 60M -i @ -map 0:a -c copy -f streamhash -";
    let hash = |file: &File| file.ffmpeg(&far.split(' ').collect::<Vec<_>>());
    assert_eq!(hash(&output), hash(&File::open(&source)));
    let first = |file: &File, kind: &str| -> f64 {
        let entries = [
            "-v",
            "error",
            "-show_entries",
            "packet=pts_time",
            "-of",
            "csv=p=0",
        ];
        let times = file.tool(
            "ffprobe",
            &[&entries, ["-select_streams", kind, "@"].as_slice()].concat(),
        );
        let first = times.lines().next().unwrap();
        first.trim_end_matches(',').parse().unwrap()
    };
    let late = |file: &File| first(file, "a") - first(file, "v");
    let (late_before, late_after) = (late(&File::open(&source)), late(&output));
    assert!(late_before > 11.0 && (late_after - late_before).abs() < 0.0015);
}

/// The packets of a film's sound, as ffprobe reads them: their times in milliseconds, and where the blocks are that hold them.
fn packets_of_sound(film: &Path) -> (Vec<f64>, BTreeSet<String>) {
    let of_sound = "-v error -select_streams a:0 -show_entries packet=pts_time,pos -of csv=p=0 @";
    let of_sound: Vec<&str> = of_sound.split(' ').collect();
    let text = File::open(film).tool("ffprobe", &of_sound);
    // What is beside a packet has a line of its own, with nothing in it.
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let packets = lines.map(|line| line.split_once(',').unwrap());
    packets
        .map(|(time, at)| (time.parse::<f64>().unwrap() * 1000.0, at.to_owned()))
        .unzip()
}

#[test]
fn sound_of_which_several_packets_are_in_one_block_is_in_blocks_of_its_own_at_the_same_times() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let tone = "sine=440:r=48000:d=32,volume=0.1";
    let aac = ["-c:a", "aac", "-b:a", "64k", "sound.m4a"];
    ffmpeg(at, &[["-f", "lavfi", "-i", tone].as_slice(), &aac].concat());
    // mkvmerge puts up to eight packets of AAC into a block, unless it is told not to.
    let pictures = clips::thirty_scenes();
    let films = ["-o", "laced.mkv", pictures.to_str().unwrap(), "sound.m4a"];
    clips::mkvmerge(at, &films);
    let (should, blocks) = packets_of_sound(&at.join("laced.mkv"));
    assert!(blocks.len() < should.len() / 4, "{} blocks", blocks.len());
    Run::encode(at, at.join("laced.mkv"), "out.mkv").succeeds();
    let (are, blocks) = packets_of_sound(&at.join("out.mkv"));
    assert_eq!((are.len(), blocks.len()), (should.len(), should.len()));
    // A reader leaves out the parts of a millisecond that it reckons within a block.
    let off = are.iter().zip(&should).map(|(is, should)| is - should);
    let most = off.map(f64::abs).fold(0.0, f64::max);
    assert!(most < 2.1, "a packet is {most} ms off");
}

#[test]
fn sound_in_whose_first_packet_a_film_begins_is_there_from_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    // The first 30 ms of the sound are hidden: of most codecs, a part of a packet.
    let codecs = [
        ("aac", "mp4", 2),
        ("ac3", "mp4", 1),
        ("flac", "mp4", 0),
        ("alac", "mp4", 0),
        ("libmp3lame", "mp4", 2),
        ("pcm_s16le", "mov", 1),
    ];
    for (codec, end, whole) in Chance::of(2).some(codecs) {
        let (film, sound) = (format!("{codec}.{end}"), format!("sound.{end}"));
        let tone = "sine=440:r=48000:d=3";
        let encoded = ["-f", "lavfi", "-i", tone, "-c:a", codec, "-y"];
        ffmpeg(
            at,
            &[encoded.as_slice(), &["-strict", "-2", &sound]].concat(),
        );
        let pictures = clips::hdr10();
        let early = ["-itsoffset", "-0.03", "-i", &sound];
        let joined = ["-map", "0:v", "-map", "1:a", "-c", "copy", "-strict", "-2"];
        let input = ["-i", pictures.to_str().unwrap()];
        ffmpeg(at, &[&input[..], &early, &joined, &[&film]].concat());
        let run = Run::encode(at, &film, "out.mkv").arg("-y");
        assert_eq!(run.succeeds().warnings(), [""; 0], "{film}");
        let (source, _) = packets_of_sound(&at.join(&film));
        let (output, _) = packets_of_sound(&at.join("out.mkv"));
        assert_eq!(output.len(), source.len() - whole, "{film}");
        let first = File::open(&at.join("out.mkv")).times()[0];
        let late = |(is, should): (&f64, &f64)| (is - first - should).abs();
        let off = output.iter().zip(&source[whole..]).map(late);
        let most = off.fold(0.0, f64::max);
        assert!(most < 1.6, "{film}: a packet is {most} ms off");
        assert!(output[0] <= first, "{film}");
    }
}

#[test]
fn sound_that_is_moved_in_time_is_not_called_proven_by_how_it_sounds() {
    let dir = tempfile::tempdir().unwrap();
    let filter = "-c:a flac -af asetrate=47000,aresample=48000";
    let run = Run::encode(dir.path(), clips::film(), "out.mkv").args(["-a", filter]);
    let run = run
        .succeeds()
        .prints("by its length alone, for your options move it in time");
    run.expect(
        !run.stdout.contains("by how it sounds"),
        "nothing more is claimed",
    );
}

#[test]
fn sound_that_is_copied_is_not_filtered() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        "-c:a copy -af volume=2",
        "-c:a flac -c:a:1 copy -filter:a:1 volume=2",
    ] {
        let run = Run::encode(dir.path(), clips::film(), "out.mkv").args(["-a", args]);
        let _ = run.fails(2).says("cannot change sound that is copied");
    }
    let inputs = "-f lavfi -i testsrc2=s=128x72:r=25:d=2 -f lavfi -i sine=440:d=2:r=48000 -f lavfi -i sine=220:d=2:r=48000";
    let codecs =
        "-map 0 -map 1 -map 2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a ac3 two.mkv";
    let two = [inputs, codecs].join(" ");
    ffmpeg(dir.path(), &two.split_whitespace().collect::<Vec<_>>());
    // What no option is for is copied, too.
    for options in ["-c:a flac -c:a:1 copy", "-c:a:0 flac"] {
        let run = Run::encode(dir.path(), "two.mkv", "out.mkv").arg("-y");
        let _ = run.args(["-a", options]).succeeds();
        let output = File::open(&dir.path().join("out.mkv"));
        let codecs = [1, 2].map(|n| output.ffprobe["streams"][n]["codec_name"].clone());
        assert_eq!(codecs, ["flac", "ac3"], "{options}");
    }
}

#[test]
fn a_film_without_sound_needs_no_sound_options() {
    let dir = tempfile::tempdir().unwrap();
    Run::encode(dir.path(), clips::silent(), "out.mkv")
        .args(["-a", "-c:a libopus"])
        .succeeds();
    assert_eq!(
        File::open(&dir.path().join("out.mkv")).contents(),
        File::open(&clips::silent()).contents()
    );
}

#[test]
fn damage_in_the_sound_is_one_warning() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        &[
            "-i",
            &films::base(),
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-c:a",
            "aac",
            "film.ts",
        ],
    );
    let mut bytes = fs::read(dir.path().join("film.ts")).unwrap();
    let sound = bytes
        .chunks_exact_mut(188)
        .filter(|part| part[1] & 0x1f == 1 && part[2] == 1);
    for part in sound.skip(100).take(30) {
        part[20..].fill(0x55);
    }
    fs::write(dir.path().join("film.ts"), bytes).unwrap();
    let run = Run::encode(dir.path(), "film.ts", "out.mkv")
        .args(["-a", "-c:a libopus"])
        .succeeds();
    let of_sound = run
        .warnings()
        .into_iter()
        .filter(|text| text.contains("sound"))
        .collect::<Vec<_>>();
    let one = "ffmpeg complained while it encoded the sound, and what it could not decode of it is silent: ";
    let said =
        matches!(of_sound.as_slice(), [text] if text.starts_with(one) && !text.contains("@ 0x"));
    run.expect(said, "one warning in words of our own");
}

#[test]
fn sound_that_is_made_even_keeps_its_rate() {
    for (options, rate) in [
        ("-c:a flac -af loudnorm", "44100"),
        ("-c:a libopus -af loudnorm", "48000"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let inputs = [
            "-i",
            &films::base(),
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-c:a",
            "flac",
            "-ar",
            "44100",
        ];
        ffmpeg(dir.path(), &[inputs.as_slice(), &["film.mkv"]].concat());
        Run::encode(dir.path(), "film.mkv", "out.mkv")
            .args(["-a", options])
            .succeeds();
        let output = File::open(&dir.path().join("out.mkv"));
        assert_eq!(
            output.ffprobe["streams"][1]["sample_rate"], rate,
            "{options}"
        );
    }
}

#[test]
fn sound_that_comes_out_at_another_time_fails_the_film_at_once() {
    for (wrong, said) in [
        ("-af adelay=100:all=1", "100.0 ms late"),
        ("-af volume=0.5", "level -6.0 dB"),
        ("-af volume=0", "silent at"),
        ("-t 3", "3.00 s"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        // What is asked of it last counts.
        let body = format!(
            "case \"$*\" in *-c:a\\ flac*-output_ts_offset*) touch '{0}/bin/met'; set -- \"$@\"\n\
             n=$#; for word; do [ \"$word\" = -output_ts_offset ] && set -- \"$@\" {wrong}; set -- \"$@\" \"$word\"; done; shift $n ;; esac\n\
             exec \"$real\" \"$@\"",
            dir.path().display()
        );
        fake(dir.path(), "ffmpeg", &body);
        let run = with_fakes(
            dir.path(),
            Run::encode(dir.path(), films::base(), "out.mkv"),
        );
        let run = run.args(["-a", "-c:a flac"]).fails(1);
        assert!(dir.path().join("bin/met").exists());
        let run = run
            .says("the sound that was encoded anew is not the source's")
            .says("sound track 1")
            .says(said);
        run.expect(!run.stderr.contains("joining"), "before the film is joined");
        assert!(!dir.path().join("out.mkv").exists());
        assert!(!dir.path().join("out.mkv.av1enc/audio.mka").exists());
    }
}

#[test]
fn vorbis_is_heard_when_it_was() {
    // It is what ffmpeg takes for Matroska where it is told nothing.
    for options in ["-c:a libvorbis", "-ac 1 -ar 22050"] {
        let dir = tempfile::tempdir().unwrap();
        let run = Run::encode(dir.path(), films::base(), "out.mkv");
        run.args(["-a", options]).succeeds();
        let output = dir.path().join("out.mkv");
        let stream = &File::open(&output).ffprobe["streams"][1];
        assert_eq!(stream["codec_name"], "vorbis");
        let late = judge::look(&output).sound_is_late_by();
        let on_time = !late.is_empty() && late.iter().all(|ms| ms.abs() < 2.0);
        assert!(on_time, "{options}: {late:?}");
    }
}

#[test]
fn sound_that_mkvmerge_does_not_take_fails_before_the_film_is_joined_and_the_advice_works() {
    let dir = tempfile::tempdir().unwrap();
    let moved =
        "case \"$*\" in *@others-join.json*) sed -i 's/:-1000/:-990/' others-join.json ;; esac";
    fake(
        dir.path(),
        "mkvmerge",
        &format!("{moved}\nexec \"$real\" \"$@\""),
    );
    let encode = |options: &[&str]| {
        let run = Run::encode(dir.path(), films::base(), "out.mkv");
        run.arg("--json").args(options)
    };
    // The sound is made anew each time: it is not passed by because it is there.
    for _ in 0..2 {
        let ended = with_fakes(dir.path(), encode(&["-a", "-c:a ac3"])).fails(1);
        let ended = ended.says("does not get into Matroska as it is");
        let ended = ended.says(r#"-a "-c:a flac""#);
        ended.expect(!ended.stdout.contains("\"join\""), "nothing was joined");
    }
    encode(&["-a", "-c:a flac"]).succeeds();
    judge::agree(films::base().as_ref(), &dir.path().join("out.mkv"));
}

#[test]
fn filters_that_give_sound_for_ever_are_ended_and_the_film_fails() {
    for filters in ["apad", "atempo=0.9,aloop=loop=-1:size=48000"] {
        let dir = tempfile::tempdir().unwrap();
        let run = Run::encode(dir.path(), films::base(), "out.mkv");
        run.args(["-a", &format!("-c:a flac -af {filters}")])
            .fails(1)
            .says("is not the source's")
            .says("nor without end");
    }
}

#[test]
fn sound_that_is_another_one_in_the_output_fails_the_film() {
    let dir = tempfile::tempdir().unwrap();
    fake_mkvmerge(dir.path(), "sed -i 's/:-1000\"/:-990\"/' join.json");
    let run = with_fakes(
        dir.path(),
        Run::encode(dir.path(), films::base(), "out.mkv"),
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let proof = elsewhere.path().join("proof.json");
    let run = run.args(["-a", "-c:a flac"]).arg("--proof").arg(&proof);
    let _ = run
        .fails(1)
        .says("packets of sound track 1")
        .says("10.0 ms");
    let proof: serde_json::Value = serde_json::from_slice(&fs::read(proof).unwrap()).unwrap();
    assert_eq!(proof["agrees"], false, "{proof:#}");
}

/// How loud the tone of `hertz` is in a second of `samples` of a channel: its amplitude (Goertzel's algorithm).
fn amplitude(samples: &[f32], hertz: u32) -> f64 {
    let turn = 2.0 * (2.0 * PI * f64::from(hertz) / samples.len() as f64).cos();
    let (one, two) = samples.iter().fold((0.0, 0.0), |(one, two), sample| {
        (f64::from(*sample) + turn * one - two, one)
    });
    (one * one + two * two - turn * one * two).max(0.0).sqrt() * 2.0 / samples.len() as f64
}

/// A second out of the middle of sound track `n` of `file`, channel by channel.
fn channels(file: &File, dir: &Path, n: usize, count: usize) -> Vec<Vec<f32>> {
    let path = dir.join("samples");
    let to = [
        "-ss",
        "0.5",
        "-t",
        "1",
        "-f",
        "f32le",
        "-y",
        path.to_str().unwrap(),
    ];
    file.ffmpeg(&[["-i", "@", "-map", &format!("0:a:{n}")].as_slice(), &to].concat());
    let samples: Vec<f32> = fs::read(&path)
        .unwrap()
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    assert_eq!(samples.len(), 48_000 * count);
    (0..count)
        .map(|channel| {
            samples
                .iter()
                .skip(channel)
                .step_by(count)
                .copied()
                .collect()
        })
        .collect()
}

#[track_caller]
fn channels_have_their_own_tones(ffmpeg: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::channels(), "out.mkv")
        .arg("--ffmpeg")
        .arg(ffmpeg);
    let run = run.args(["-a", "-c:a libopus -b:a 448k"]).succeeds();
    run.expect(run.warnings().len() == 1, "one warning");
    let run = run.says("warning: sound track 11: 7.1(wide) becomes 5.1, of which FLC, FRC are mixed into the others");
    let run = run.says("sound track 4: 2.1 becomes 5.1 with silent channels");
    run.expect(
        !run.stderr.contains("sound track 1:"),
        "no word where only names differ",
    );
    let file = File::open(&dir.path().join("out.mkv"));
    let streams = file.ffprobe["streams"].as_array().unwrap();
    // What each channel comes from; `-` is silence.
    for (n, (layout, becomes, from)) in [
        ("5.1(side)", "5.1", "FL FR FC LFE SL SR"),
        ("quad(side)", "quad", "FL FR SL SR"),
        ("5.0(side)", "5.0", "FL FR FC SL SR"),
        ("2.1", "5.1", "FL FR - LFE - -"),
        ("3.0(back)", "6.1", "FL FR - - BC - -"),
        ("4.0", "6.1", "FL FR FC - BC - -"),
        ("3.1", "5.1", "FL FR FC LFE - -"),
        ("4.1", "6.1", "FL FR FC LFE BC - -"),
        ("6.1(back)", "6.1", "FL FR FC LFE BC BL BR"),
        ("hexagonal", "6.1", "FL FR FC - BC BL BR"),
        ("7.1(wide)", "5.1", "FL+FLC FR+FRC FC LFE BL BR"),
        ("5.0", "5.0", "FL FR FC BL BR"),
        ("5.1", "5.1", "FL FR FC LFE BL BR"),
        ("6.1", "6.1", "FL FR FC LFE BC SL SR"),
        ("7.1", "7.1", "FL FR FC LFE BL BR SL SR"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(clips::LAYOUTS[n].0, layout);
        let stream = streams
            .iter()
            .filter(|stream| stream["codec_type"] == "audio")
            .nth(n)
            .unwrap();
        assert_eq!(
            (&stream["codec_name"], &stream["channel_layout"]),
            (&"opus".into(), &becomes.into()),
            "{layout}"
        );
        let from: Vec<&str> = from.split(' ').collect();
        for (channel, from) in channels(&file, dir.path(), n, from.len()).iter().zip(from) {
            let tones: Vec<&str> = from.split('+').collect();
            let scale = if layout == "7.1(wide)" {
                0.2 * 0.5858
            } else {
                0.2
            };
            for tone in [
                "LFE", "FL", "FR", "FC", "BL", "BR", "SL", "SR", "BC", "FLC", "FRC",
            ] {
                let is = amplitude(channel, clips::pitch(tone));
                let should = match tones.iter().position(|from| *from == tone) {
                    Some(0) => scale,
                    Some(_) => 0.2 * 0.4142,
                    None => 0.0,
                };
                assert!(
                    (is - should).abs() < 0.02,
                    "{layout}: {tone} is {is:.4} in {from}, not {should:.4}"
                );
            }
        }
    }
}

#[test]
fn every_channel_that_libopus_is_given_has_its_own_tone() {
    channels_have_their_own_tones(Path::new("ffmpeg"));
}

#[test]
fn every_channel_has_its_own_tone_by_ffmpeg_9() {
    let Some(ffmpeg) = ffmpeg_9() else { return };
    channels_have_their_own_tones(&ffmpeg);
}

#[test]
fn what_becomes_of_channels_is_the_users_word() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::encode(dir.path(), clips::channels(), "out.mkv")
        .args(["-a", "-c:a libopus -ac 2"])
        .succeeds();
    run.expect(!run.stderr.contains("becomes"), "no word");
    let file = File::open(&dir.path().join("out.mkv"));
    let streams = file.ffprobe["streams"].as_array().unwrap();
    let sound: Vec<&Value> = streams
        .iter()
        .filter(|stream| stream["codec_type"] == "audio")
        .collect();
    assert_eq!(sound.len(), clips::LAYOUTS.len());
    assert!(sound.iter().all(|stream| stream["channels"] == 2));
}

#[test]
fn wrong_options_for_sound_are_refused_at_once_and_stand_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let run =
        |options: &str| Run::encode(dir.path(), clips::film(), "out.mkv").args(["-a", options]);
    for (options, says) in [
        ("-c:a nonsense", "nonsense"),
        ("-c:a libopus -b:a 999M", "999000000"),
        ("-c:a flac -nonsense 3", "nonsense"),
        ("-c:a flac -af nonsense", "nonsense"),
    ] {
        // Nothing is left behind: [`Run::fails`] looks.
        let ended = run(options).fails(2).says("--audio-params: ").says(says);
        ended.expect(!ended.stderr.contains("Indexing"), "before anything long");
    }
    run("-c:a flac").succeeds();
}

/// The codec of the first sound track.
fn codec(film: &Path) -> String {
    let streams = File::open(film).ffprobe["streams"].clone();
    let mut sound = streams
        .as_array()
        .unwrap()
        .iter()
        .filter(|stream| stream["codec_type"] == "audio");
    sound.next().unwrap()["codec_name"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn another_sound_uses_the_picture_that_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = script(
        dir.path(),
        "[ $chunk != 00001 ] || [ -e ../lab/whole ] || exit 9",
    );
    let output = dir.path().join("out.mkv");
    let run = |more: &[&str]| {
        let run = Run::encode(dir.path(), clips::mp4(), "out.mkv")
            .args(["--json", "--keep", "-y", "-x", "24"]);
        run.args(more).arg("--encoder-path").arg(&encoder)
    };
    let _ = run(&["-a", "-c:a aac"]).ends().exits(1);
    fs::write(dir.path().join("lab/whole"), "").unwrap();
    let job = dir.path().join("out.mkv.av1enc/job.json");
    let before = fs::read(&job).unwrap();
    let _ = run(&["-a", "-c:a nonsense"]).ends().exits(2);
    assert!(
        fs::read(&job).unwrap() == before,
        "a wrong option changes nothing"
    );
    let mut chunks = None;
    for (options, expected) in [
        (&["-a", "-c:a libopus"][..], "opus"),
        (&[], "aac"),
        (&["-a", "-c:a flac"], "flac"),
    ] {
        let ended = run(options).succeeds();
        ended.expect(ended.stdout.contains("the picture stays"), "a note");
        let finished = ended.finished();
        let resumed = &finished["resumed_chunks"];
        // The first of these runs encodes what was missing.
        let all = chunks.get_or_insert_with(|| finished["chunks"].as_u64().unwrap());
        let missing = u64::from(expected == "opus");
        assert_eq!(*resumed, *all - missing, "{expected}");
        assert_eq!(codec(&output), expected);
    }
    let ended = run(&["-a", "-c:a flac"]).succeeds();
    ended.expect(
        !ended.stdout.contains("the picture stays"),
        "no note for the same",
    );
    // The picture is another matter.
    let _ = run(&["-a", "-c:a flac", "--crf", "40"])
        .ends()
        .exits(3)
        .says("--crf: 28 there, 40 now.");
}
