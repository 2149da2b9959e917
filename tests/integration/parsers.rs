//! What others write is read with care: whatever it is, there is a result or an error, never a panic, and no memory
//! that it only claims to need.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use av1enc::{
    encoder::svt_av1,
    film::{
        hdr::{ContentLight, MasteringDisplay},
        media::Chunk,
    },
    job,
    os::{
        cache::Cache,
        process::{self, Children},
        toolbox::Toolbox,
    },
    source::probe,
    stream::bitstream,
};

use crate::{
    clips,
    encoders::real,
    lab::{JOB, Lcg, all_but_one, encode_of, fake, mutate, real_chunk, with_fakes},
    run::{Run, nothing_is_left_running},
};

/// What this process may ever have needed, with all its tests: they only start others.
fn memory_is_bounded() {
    let peak = process::peak_resident(i32::try_from(std::process::id()).unwrap());
    assert!(peak < 1 << 30, "{peak} bytes of memory");
}

#[test]
fn chunks_that_are_damaged_in_any_way_are_read_without_panic_and_without_memory() {
    let whole = real_chunk();
    let frames = bitstream::read_ivf(whole).unwrap().frames;
    assert_eq!(frames, 28);
    let mut random = Lcg(1);
    let (mut good, mut headers) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = whole.to_vec();
        // Every other time only the head, in which everything of interest is.
        if random.below(2) == 0 {
            bytes.truncate(32 + 12 + random.below(300));
        }
        mutate(&mut bytes, &mut random);
        if let Ok(ivf) = bitstream::read_ivf(bytes.as_slice()) {
            assert_eq!(32 + 12 * ivf.frames + ivf.payload_bytes, bytes.len() as u64);
            good += 1;
        }
        let unit = bytes.get(44..).unwrap_or_default();
        if let Ok(Some(header)) = bitstream::scan_unit(unit, true, &mut blake3::Hasher::new()) {
            // What 16 bits and the three profiles of AV1 can say.
            assert!([8, 10, 12].contains(&header.bit_depth), "{header:?}");
            let sides = [header.width, header.height];
            assert!(
                sides.iter().all(|side| (1..=1 << 16).contains(side)),
                "{header:?}"
            );
            headers += 1;
        }
    }
    assert!(
        good > 0 && headers > 0,
        "damage inside of a frame's data is not for the walk to find"
    );
    // Lies about sizes, at every place where one can be.
    for at in (32..whole.len() - 4).step_by(97).chain([32]) {
        for lie in [u32::MAX, 512 << 20, (512 << 20) + 1, 0x8000_0000] {
            let mut bytes = whole.to_vec();
            bytes[at..at + 4].copy_from_slice(&lie.to_le_bytes());
            match bitstream::read_ivf(bytes.as_slice()) {
                // Inside of a frame's data it is no lie about a size.
                Ok(ivf) => {
                    assert!(at != 32, "the size of the first frame is {lie}");
                    assert_eq!(32 + 12 * ivf.frames + ivf.payload_bytes, bytes.len() as u64);
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
    memory_is_bounded();
}

#[test]
fn lines_of_progress_may_be_anything() {
    let lines = [
        "Encoding:    7/72 Frames @ 13.68 fps | 69.21 kb/s | Time: 0:00:05 [-0:00:47] | Size: 0.03 MB [0.28 MB]",
        "Encoding frame   33 117.34 kbps 56.41 fps",
        "Encoding: 18446744073709551616/1 Frames",
        "Encoding é٣٤ ٧",
    ];
    let (mut random, mut good) = (Lcg(2), 0);
    for _ in 0..20_000 {
        let mut bytes = lines[random.below(lines.len())].as_bytes().to_vec();
        mutate(&mut bytes, &mut random);
        let text = String::from_utf8_lossy(&bytes);
        if let Some(frames) = svt_av1::progress(&text) {
            assert!(text.contains(&frames.to_string()), "{text}: {frames}");
            good += 1;
        }
        assert!(process::without_ansi(&text).len() <= text.len());
    }
    assert!(good > 100, "{good} are still lines of progress");
}

#[test]
fn help_of_an_encoder_may_be_anything() {
    let dir = tempfile::tempdir().unwrap();
    let ask = |option: &str| Command::new(real()).arg(option).output().unwrap().stdout;
    let (version, help) = (ask("--version"), ask("--help"));
    let encoder = dir.path().join("SvtAv1EncApp");
    fs::write(&encoder, "#!/bin/sh\ncd \"${0%/*}\" && cat -- \"$1\"\n").unwrap();
    fs::set_permissions(&encoder, fs::Permissions::from_mode(0o755)).unwrap();
    let mut random = Lcg(3);
    let mut good = 0;
    for round in 0..150 {
        let (mut version, mut help) = (version.clone(), help.clone());
        if round % 3 == 0 {
            mutate(&mut version, &mut random);
        }
        for _ in 0..=round / 30 {
            mutate(&mut help, &mut random);
        }
        fs::write(dir.path().join("--version"), version).unwrap();
        fs::write(dir.path().join("--help"), help).unwrap();
        if let Ok(capabilities) =
            svt_av1::capabilities(&Children::default(), &Cache::default(), &encoder)
        {
            for (option, ranges) in &capabilities.options {
                // No range holds what is no number; where none is known, all is taken.
                assert_eq!(capabilities.accepts(option, f64::NAN), ranges.is_none());
            }
            let near = capabilities.nearest("presett");
            assert!(near.is_none_or(|near| capabilities.has(near)), "{near:?}");
            let identity = &capabilities.identity;
            assert!([6, 16].contains(&identity.max_lp()), "{identity:?}");
            let most = identity.memory_estimate((u32::MAX, u32::MAX), i32::MIN, u32::MAX);
            assert!(
                most > identity.memory_estimate((64, 64), 13, 1),
                "{identity:?}"
            );
            good += 1;
        }
    }
    assert!(good > 20, "{good} of 150 are still help texts");
}

/// A tool that prints what it finds in files beside it.
fn answers(dir: &Path, name: &str, cases: &str) -> std::path::PathBuf {
    let path = dir.join(name);
    fs::write(
        &path,
        format!("#!/bin/sh\nhere=${{0%/*}}\ncase \"$*\" in {cases} esac\n"),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn what_ffprobe_and_mkvmerge_print_may_be_anything() {
    let dir = tempfile::tempdir().unwrap();
    let film = clips::hdr10();
    let out = |program: &str, args: &[&str]| {
        Command::new(program)
            .args(args)
            .arg(&film)
            .output()
            .unwrap()
            .stdout
    };
    let json = ["-v", "error", "-print_format", "json"];
    let all = out(
        "ffprobe",
        &[
            &json,
            ["-show_format", "-show_streams", "-show_chapters", "-i"].as_slice(),
        ]
        .concat(),
    );
    let some = [
        "-select_streams",
        "0",
        "-read_intervals",
        "%+#8",
        "-show_frames",
        "-i",
    ];
    let frames = out("ffprobe", &[&json, some.as_slice()].concat());
    let identified = out("mkvmerge", &["-J"]);
    let first = [
        "-show_entries",
        "packet=stream_index,pts_time,duration_time,flags",
        "-read_intervals",
        "%+#400",
        "-i",
    ];
    let packets = out("ffprobe", &[&json, first.as_slice()].concat());
    let ffprobe = answers(
        dir.path(),
        "ffprobe",
        "*show_frames*) cat \"$here/frames\" ;; *packet=*) cat \"$here/packets\" ;; *show_streams*) cat \"$here/all\" ;; *) exit 1 ;;",
    );
    let mkvmerge = answers(
        dir.path(),
        "mkvmerge",
        "*-J*) cat \"$here/identified\" ;; *) exit 1 ;;",
    );
    let tools = Toolbox {
        children: Children::default(),
        ffprobe,
        ffmpeg: "/bin/false".into(),
        mkvmerge,
        mkvpropedit: None,
    };
    let mut random = Lcg(4);
    let mut good = 0;
    for round in 0..120 {
        let mut texts = [
            all.clone(),
            frames.clone(),
            identified.clone(),
            packets.clone(),
        ];
        if round > 0 {
            // A single byte in a number or a word more often than a torn text, which is no JSON.
            let which = random.below(4);
            if random.below(4) == 0 {
                mutate(&mut texts[which], &mut random);
            } else {
                for _ in 0..10 {
                    let at = random.below(texts[which].len());
                    let byte = &mut texts[which][at];
                    if byte.is_ascii_digit() {
                        *byte = b"0123456789-e."[random.below(13)];
                    } else if byte.is_ascii_alphabetic() {
                        *byte = b"ab\xffz"[random.below(4)];
                    }
                }
            }
        }
        for (name, text) in ["all", "frames", "identified", "packets"]
            .iter()
            .zip(&texts)
        {
            fs::write(dir.path().join(name), text).unwrap();
        }
        good += u32::from(probe::probe(&tools, &film).is_ok());
    }
    assert!(good > 5, "{good} of 120 are still films");
}

#[test]
fn numbers_of_ffprobe_that_cannot_be_are_no_reason_to_panic() {
    for (pattern, replacement) in [
        (r#""width": [0-9]*"#, r#""width": 4294967295"#),
        (r#""width": [0-9]*"#, r#""width": 0"#),
        (r#""height": [0-9]*"#, r#""height": 4294967294"#),
        (r#""\(width\|height\)": [0-9]*"#, r#""\1": 4294967295"#),
        (
            r#""r_frame_rate": "[^"]*""#,
            r#""r_frame_rate": "4294967295\/1""#,
        ),
        (r#"_frame_rate": "[^"]*""#, r#"_frame_rate": "0\/0""#),
        (r#""start_time": "[^"]*""#, r#""start_time": "1e300""#),
        (r#""start_time": "[^"]*""#, r#""start_time": "-99999999""#),
        (r#""start_time": "[^"]*""#, r#""start_time": "nan""#),
        (r#""duration": "[^"]*""#, r#""duration": "1e308""#),
        (r#""duration": "[^"]*""#, r#""duration": "NaN""#),
        (r#""duration": "[^"]*""#, r#""duration": "-5""#),
        (
            r#""sample_aspect_ratio": "[^"]*""#,
            r#""sample_aspect_ratio": "4294967295:1""#,
        ),
        (
            r#""sample_aspect_ratio": "[^"]*""#,
            r#""sample_aspect_ratio": "0:0""#,
        ),
        (
            r#""codec_type": "video""#,
            r#""nb_frames": "18446744073709551615", "codec_type": "video""#,
        ),
        (r#""index": 0"#, r#""index": 18446744073709551615"#),
        (r#""index": 0"#, r#""index": 7"#),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fake(
            dir.path(),
            "ffprobe",
            &format!(
                "case \"$*\" in *one-scene*) exec 3>&1; \"$real\" \"$@\" | sed 's/{pattern}/{replacement}/' ;; *) exec \"$real\" \"$@\" ;; esac"
            ),
        );
        eprintln!("{replacement}");
        let ended = with_fakes(dir.path(), encode_of(dir.path(), clips::one_scene())).ends();
        nothing_is_left_running(dir.path());
        for text in ["panicked", "a bug in av1enc"] {
            ended.expect(!ended.stderr.contains(text), &format!("no {text:?}"));
        }
        if dir.path().join("out.mkv").exists() {
            let ended = ended.exits(0);
            ended.expect(ended.finished()["proof"]["frames"] == 48, "all frames");
        } else {
            // What is said of a film may be that it never can be taken.
            let _ = ended.exits_with_one_of(&[1, 8]).says("error: ");
        }
    }
}

#[test]
fn files_of_a_job_may_be_anything() {
    let dir = tempfile::tempdir().unwrap();
    all_but_one(dir.path());
    let read = |name: &str| fs::read(dir.path().join(JOB).join(name)).unwrap();
    let (state, scenes, record) = (
        read("job.json"),
        read("scenes.jsonl"),
        read("chunks/00001.json"),
    );
    let chunk = Chunk {
        index: 1,
        start: 26,
        end: 52,
    };
    assert!(job::parse_state(&state).is_ok() && job::parse_record(&record, chunk).is_ok());
    assert!(job::parse_scenes(&scenes).0.complete);
    let mut random = Lcg(5);
    for _ in 0..5_000 {
        let (mut state, mut scenes, mut record) = (state.clone(), scenes.clone(), record.clone());
        mutate(&mut state, &mut random);
        mutate(&mut scenes, &mut random);
        mutate(&mut record, &mut random);
        if let Ok(read) = job::parse_state(&state) {
            let written = serde_json::to_vec(&read).unwrap();
            assert!(job::parse_state(&written).is_ok(), "{read:?}");
        }
        if let Ok(record) = job::parse_record(&record, chunk) {
            assert_eq!(record.chunk, chunk);
        }
        let (known, good) = job::parse_scenes(&scenes);
        assert!(good <= scenes.len());
        let mut end = 0;
        for (n, chunk) in known.chunks.iter().enumerate() {
            assert!((chunk.index, chunk.start) == (n, end) && chunk.end > chunk.start);
            end = chunk.end;
        }
        assert_eq!(job::parse_scenes(&scenes[..good]), (known, good));
    }
    // As deep as a stack is not.
    let deep = [vec![b'['; 200_000], vec![b'{'; 200_000]].concat();
    assert!(job::parse_state(&deep).is_err() && job::parse_record(&deep, chunk).is_err());
    assert_eq!(job::parse_scenes(&deep).1, 0);
    memory_is_bounded();
}

#[test]
fn mastering_displays_and_content_light_may_be_anything() {
    let texts = [
        "G(0.17,0.797)B(0.131,0.046)R(0.708,0.292)WP(0.3127,0.329)L(1000,0.0001)",
        "G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(10000000,1)",
        "L(1e308,-0)WP(inf,nan)R(0,0)G(1e-308,1)B(,)",
    ];
    let mut random = Lcg(6);
    let (mut good, mut lights) = (0, 0);
    for _ in 0..50_000 {
        let mut bytes = texts[random.below(texts.len())].as_bytes().to_vec();
        mutate(&mut bytes, &mut random);
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(display) = MasteringDisplay::parse(&text) {
            // What is written for the encoder is the same display.
            let again = MasteringDisplay::parse(&display.to_string());
            assert!(
                again.is_ok_and(|again| again.agrees_with(&display)),
                "{text}: {display}"
            );
            good += 1;
        }
        let mut bytes = b"949,438".to_vec();
        mutate(&mut bytes, &mut random);
        if let Ok(light) = ContentLight::parse(&String::from_utf8_lossy(&bytes)) {
            if let Some(light) = light {
                let again = ContentLight::parse(&light.to_string());
                assert_eq!(again, Ok(Some(light)));
            }
            lights += 1;
        }
    }
    assert!(good > 100, "{good} are still displays");
    assert!(lights > 100, "{lights} still say how light it is");
    // On the command line, where it is a user's own.
    let dir = tempfile::tempdir().unwrap();
    for text in [
        "G",
        "G(",
        "G(1,2",
        "()",
        "G(0.1,0.2)",
        "G(é,1)B(1,1)R(1,1)WP(1,1)L(1,1)",
        "G(nan,nan)B(nan,nan)",
    ] {
        let run = Run::encode(dir.path(), clips::one_frame(), "out.mkv")
            .arg("-v")
            .arg(format!("--mastering-display {text}"));
        let _ = run.fails(2).says("mastering-display");
    }
}
