//! Films to encode, made by ffmpeg from its own generators and put together by mkvmerge.
//!
//! A clip is made once and kept under the target directory, in a place named after the content of this file: a changed
//! recipe gives new clips. It is renamed to its name when it is finished, so that no run sees a half of one.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, Mutex, PoisonError},
};

/// The mastering display of [`hdr10`], as SvtAv1EncApp writes it: green, blue, red, white, luminance.
pub const MASTERING: [(&str, f64); 10] = [
    ("green_x", 0.17),
    ("green_y", 0.797),
    ("blue_x", 0.131),
    ("blue_y", 0.046),
    ("red_x", 0.708),
    ("red_y", 0.292),
    ("white_point_x", 0.3127),
    ("white_point_y", 0.329),
    ("max_luminance", 1000.0),
    ("min_luminance", 0.0001),
];
/// Its content light level: the brightest pixel and the brightest frame.
pub const LIGHT: (u64, u64) = (949, 438);

const RATE: &str = "24000/1001";

/// Pictures that move, so that a frame in a wrong place is seen, and that differ so much that a cut between any two is
/// one for every detector.
fn picture(number: usize, size: &str) -> String {
    match number % 5 {
        0 => format!("testsrc2=s={size}:r={RATE},trim=start_frame={}", number * 7),
        1 => format!(
            "gradients=s={size}:r={RATE}:n=2:c0=0x000018:c1=0x402810:seed={}:speed=0.03",
            number + 3
        ),
        2 => format!(
            "mandelbrot=s={size}:r={RATE}:maxiter=200:start_scale=0.9:end_scale=0.1:end_pts=60,negate"
        ),
        3 => format!("smptehdbars=s={size}:r={RATE},scroll=h=0.02:v=0.01"),
        _ => format!("testsrc=s={size}:r={RATE},negate,vflip,scroll=h=0.01:v=0.02"),
    }
}

/// A graph of `scenes` pictures of `frames` frames each, in `format`, ending in `[v]`.
fn graph(size: &str, scenes: usize, frames: usize, format: &str) -> String {
    let mut graph = String::new();
    for n in 0..scenes {
        graph += &format!(
            "{},trim=end_frame={frames},format=gbrp,setsar=1,setpts=N[s{n}];",
            picture(n, size)
        );
    }
    for n in 0..scenes {
        graph += &format!("[s{n}]");
    }
    graph + &format!("concat=n={scenes},settb=1001/24000,setpts=N,{format}[v]")
}

/// What makes limited-range BT.709 of RGB.
const BT709: &str = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p";
/// What graded film is: white at 203 nit.
const LINEAR: &str = "setparams=colorspace=gbr:color_primaries=bt709:color_trc=bt709:range=pc,\
                      zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020";
/// Two tones of which the pitch rises: a sound that is shifted differs from one that is not.
const SOUND: &str = "aevalsrc=0.2*sin(2*PI*(220+30*t)*t)|0.2*sin(2*PI*(330-15*t)*t):s=48000";
/// Colour tags of BT.709, as ffmpeg takes them.
pub const TAGS_709: &[&str] = &[
    "-colorspace",
    "bt709",
    "-color_primaries",
    "bt709",
    "-color_trc",
    "bt709",
    "-color_range",
    "tv",
];

const SUBTITLES: &str = "1\n00:00:00,100 --> 00:00:00,600\nBonjour, ça va ?\n\n2\n00:00:00,700 --> 00:00:01,400\nOui.\n";

/// Where the clip `name` is; `make` writes it under that name in the directory that it is given.
fn clip(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    kept(include_bytes!("clips.rs"), name, make)
}

/// Where the clip `name` of a `recipe` is, whatever identifies that.
pub fn kept(recipe: &[u8], name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    // A lock for each name: tests run in threads, and most of them want another clip.
    static LOCKS: LazyLock<Mutex<HashMap<PathBuf, &Mutex<()>>>> = LazyLock::new(Mutex::default);
    let recipe = blake3::hash(recipe).to_hex();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clips-{}", &recipe[..16]));
    let path = dir.join(name);
    let own: &Mutex<()> = LOCKS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(path.clone())
        .or_insert_with(|| Box::leak(Box::default()));
    let _guard = own.lock().unwrap_or_else(PoisonError::into_inner);
    if !path.exists() {
        fs::create_dir_all(&dir).unwrap();
        let work = tempfile::tempdir_in(&dir).unwrap();
        make(work.path());
        fs::rename(work.path().join(name), &path).unwrap();
    }
    path
}

#[track_caller]
pub fn tool(dir: &Path, program: &str, args: &[&str]) {
    // mkvmerge reads track names in the encoding of the locale.
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {args:?} in {}\n{}{}",
        dir.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

pub fn ffmpeg(dir: &Path, args: &[&str]) {
    tool(
        dir,
        "ffmpeg",
        &[&["-nostdin", "-v", "error"], args].concat(),
    );
}

pub fn mkvmerge(dir: &Path, args: &[&str]) {
    tool(dir, "mkvmerge", &[&["-q"], args].concat());
}

/// Video by x264 as `name`.
fn x264(dir: &Path, name: &str, graph: &str, more: &[&str]) {
    let args = [
        "-filter_complex",
        graph,
        "-map",
        "[v]",
        "-r",
        RATE,
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
    ];
    ffmpeg(
        dir,
        &[&args, ["-crf", "14"].as_slice(), more, &[name]].concat(),
    );
}

/// Video by x265 in 10 bit as `name`.
fn x265(dir: &Path, name: &str, graph: &str, params: &str, transfer: &str) {
    let params = format!("{params}:log-level=error");
    let args = [
        "-filter_complex",
        graph,
        "-map",
        "[v]",
        "-r",
        RATE,
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
    ];
    let color = [
        "-colorspace",
        "bt2020nc",
        "-color_primaries",
        "bt2020",
        "-color_trc",
        transfer,
        "-color_range",
        "tv",
    ];
    ffmpeg(
        dir,
        &[
            &args,
            ["-crf", "12", "-x265-params", &params].as_slice(),
            &color,
            &[name],
        ]
        .concat(),
    );
}

fn aac(dir: &Path, name: &str, seconds: &str) {
    ffmpeg(
        dir,
        &[
            "-f",
            "lavfi",
            "-i",
            &format!("{SOUND}:d={seconds}"),
            "-c:a",
            "aac",
            "-b:a",
            "96k",
            name,
        ],
    );
}

/// A film with all that one can have: 120 frames of 8-bit H.264 in BT.709 in four scenes of 30, sound, subtitles,
/// chapters, a font, a cover, tags, titles, languages and flags.
pub fn film() -> PathBuf {
    clip("film.mkv", |dir| {
        x264(dir, "video.mkv", &graph("320x180", 4, 30, BT709), TAGS_709);
        aac(dir, "sound.m4a", "5.0");
        fs::write(dir.join("subtitles.srt"), SUBTITLES).unwrap();
        fs::write(
            dir.join("chapters.txt"),
            "CHAPTER01=00:00:00.000\nCHAPTER01NAME=Début\nCHAPTER02=00:00:02.500\nCHAPTER02NAME=The \"end\"\n",
        )
        .unwrap();
        fs::write(
            dir.join("tags.xml"),
            "<Tags><Tag><Simple><Name>DIRECTOR</Name><String>N. N.</String></Simple></Tag></Tags>",
        )
        .unwrap();
        ffmpeg(
            dir,
            &[
                "-f",
                "lavfi",
                "-i",
                "testsrc2=s=64x96",
                "-frames:v",
                "1",
                "cover.jpg",
            ],
        );
        // Nothing looks into it: any bytes do.
        fs::write(dir.join("font.ttf"), b"\0\x01\0\0 no letters").unwrap();
        mkvmerge(
            dir,
            &[
                "-o",
                "film.mkv",
                "--title",
                "A film, “whole”",
                "--global-tags",
                "tags.xml",
                "--chapter-language",
                "fre",
                "--chapters",
                "chapters.txt",
                "--language",
                "0:jpn",
                "--track-name",
                "0:The picture",
                "--default-track-flag",
                "0:yes",
                "video.mkv",
                "--language",
                "0:eng",
                "--track-name",
                "0:Two sweeps",
                "--original-flag",
                "0:yes",
                "sound.m4a",
                "--language",
                "0:fre",
                "--track-name",
                "0:Français",
                "--forced-display-flag",
                "0:yes",
                "--default-track-flag",
                "0:no",
                "subtitles.srt",
                "--attachment-mime-type",
                "font/ttf",
                "--attachment-name",
                "A font.ttf",
                "--attach-file",
                "font.ttf",
                // ffmpeg takes it for a video track.
                "--attachment-mime-type",
                "image/jpeg",
                "--attachment-name",
                "cover.jpg",
                "--attach-file",
                "cover.jpg",
            ],
        );
    })
}

/// 56 frames of HDR10 in two scenes of 28, with sound.
pub fn hdr10() -> PathBuf {
    clip("hdr10.mkv", |dir| {
        let format = format!("{LINEAR},zscale=t=smpte2084:m=bt2020nc:r=tv,format=yuv420p10le");
        let params = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited:chromaloc=2:hdr10=1:\
                      hdr10-opt=1:repeat-headers=1:master-display=G(8500,39850)B(6550,2300)R(35400,14600)\
                      WP(15635,16450)L(10000000,1):max-cll=949,438";
        x265(
            dir,
            "video.mkv",
            &graph("256x144", 2, 28, &format),
            params,
            "smpte2084",
        );
        aac(dir, "sound.m4a", "2.3");
        mkvmerge(
            dir,
            &[
                "-o",
                "hdr10.mkv",
                "--language",
                "0:und",
                "video.mkv",
                "--language",
                "0:ger",
                "sound.m4a",
            ],
        );
    })
}

/// 30 frames of HLG.
pub fn hlg() -> PathBuf {
    clip("hlg.mkv", |dir| {
        let format = format!("{LINEAR},zscale=t=arib-std-b67:m=bt2020nc:r=tv,format=yuv420p10le");
        let params = "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc:range=limited";
        x265(
            dir,
            "hlg.mkv",
            &graph("192x108", 1, 30, &format),
            params,
            "arib-std-b67",
        );
    })
}

/// 48 frames without sound, with subtitles.
pub fn silent() -> PathBuf {
    clip("silent.mkv", |dir| {
        x264(dir, "video.mkv", &graph("192x108", 1, 48, BT709), TAGS_709);
        fs::write(dir.join("subtitles.srt"), SUBTITLES).unwrap();
        mkvmerge(
            dir,
            &[
                "-o",
                "silent.mkv",
                "video.mkv",
                "--language",
                "0:fre",
                "subtitles.srt",
            ],
        );
    })
}

/// A single frame.
pub fn one_frame() -> PathBuf {
    clip("one-frame.mkv", |dir| {
        x264(
            dir,
            "one-frame.mkv",
            &graph("192x108", 1, 1, BT709),
            TAGS_709,
        )
    })
}

/// 12 frames of 8-bit H.264 that are wider than one tile of AV1 may be.
pub fn wide() -> PathBuf {
    clip("wide.mkv", |dir| {
        x264(dir, "wide.mkv", &graph("4352x128", 1, 12, BT709), TAGS_709)
    })
}

/// One scene of 48 frames.
pub fn one_scene() -> PathBuf {
    clip("one-scene.mkv", |dir| {
        x264(
            dir,
            "one-scene.mkv",
            &graph("192x108", 1, 48, BT709),
            TAGS_709,
        )
    })
}

/// Five scenes of 26 frames: what is interrupted, and what a chunk fails of.
pub fn five_scenes() -> PathBuf {
    clip("five-scenes.mkv", |dir| {
        x264(
            dir,
            "five-scenes.mkv",
            &graph("192x108", 5, 26, BT709),
            TAGS_709,
        )
    })
}

/// The same five scenes with so much noise in their packets, as ffmpeg's filter of this name has it: several threads decode
/// them otherwise each time.
pub fn damaged(dir: &Path, amount: &str) -> PathBuf {
    let film = five_scenes();
    let noise = format!("noise=amount={amount}");
    let args = ["-c", "copy", "-bsf:v", &noise, "damaged.mkv"];
    ffmpeg(dir, &[&["-i", film.to_str().unwrap()][..], &args].concat());
    dir.join("damaged.mkv")
}

/// Thirty scenes of 26 frames.
pub fn thirty_scenes() -> PathBuf {
    clip("thirty-scenes.mkv", |dir| {
        x264(
            dir,
            "thirty-scenes.mkv",
            &graph("128x72", 30, 26, BT709),
            TAGS_709,
        )
    })
}

/// 24 frames of full range, of which nothing else is said.
pub fn full_range() -> PathBuf {
    clip("full-range.mkv", |dir| {
        let format = "scale=out_color_matrix=bt709:out_range=pc,format=yuv420p,setparams=colorspace=unknown:range=pc";
        x264(
            dir,
            "full-range.mkv",
            &graph("192x108", 1, 24, format),
            &["-color_range", "pc"],
        );
    })
}

/// 24 anamorphic frames: pixels are 16:15.
pub fn anamorphic() -> PathBuf {
    clip("anamorphic.mkv", |dir| {
        let format = format!("{BT709},setsar=16/15");
        x264(
            dir,
            "anamorphic.mkv",
            &graph("192x144", 1, 24, &format),
            TAGS_709,
        );
    })
}

/// 24 frames of a size that is odd in both directions.
pub fn odd_size() -> PathBuf {
    clip("odd-size.mkv", |dir| {
        let graph = graph("213x121", 1, 24, BT709);
        ffmpeg(
            dir,
            &[
                "-filter_complex",
                &graph,
                "-map",
                "[v]",
                "-c:v",
                "ffv1",
                "odd-size.mkv",
            ],
        );
    })
}

/// 24 frames of 4:2:2 in 10 bit, of whose colours nothing is said.
pub fn chroma_422() -> PathBuf {
    clip("chroma-422.mkv", |dir| {
        let format = "scale=out_color_matrix=bt709:out_range=tv,format=yuv422p10le,\
                      setparams=colorspace=unknown:range=unknown";
        let graph = graph("192x108", 1, 24, format);
        ffmpeg(
            dir,
            &[
                "-filter_complex",
                &graph,
                "-map",
                "[v]",
                "-c:v",
                "ffv1",
                "chroma-422.mkv",
            ],
        );
    })
}

/// 48 frames of which the first is shown half a second after the sound has begun.
pub fn late_video() -> PathBuf {
    clip("late-video.mkv", |dir| {
        x264(dir, "video.mkv", &graph("192x108", 1, 48, BT709), TAGS_709);
        aac(dir, "sound.m4a", "2.5");
        mkvmerge(
            dir,
            &[
                "-o",
                "late-video.mkv",
                "--sync",
                "0:500",
                "video.mkv",
                "sound.m4a",
            ],
        );
    })
}

/// 48 frames with sound, of which both begin half a second late, and the sound a fifth of a second later.
pub fn late_altogether() -> PathBuf {
    clip("late-altogether.mkv", |dir| {
        x264(dir, "video.mkv", &graph("192x108", 1, 48, BT709), TAGS_709);
        aac(dir, "sound.m4a", "1.5");
        let args = [
            "-o",
            "late-altogether.mkv",
            "--sync",
            "0:500",
            "video.mkv",
            "--sync",
            "0:700",
            "sound.m4a",
        ];
        mkvmerge(dir, &args);
    })
}

/// 24 frames that are to be turned by a quarter, as telephones write them; pixels are 16:15.
pub fn rotated() -> PathBuf {
    clip("rotated.mp4", |dir| {
        let format = format!("{BT709},setsar=16/15");
        x264(
            dir,
            "video.mp4",
            &graph("192x108", 1, 24, &format),
            TAGS_709,
        );
        ffmpeg(
            dir,
            &[
                "-i",
                "video.mp4",
                "-c",
                "copy",
                "-metadata:s:v:0",
                "rotate=90",
                "rotated.mp4",
            ],
        );
    })
}

/// When the frames of [`variable_rate`] are shown, in milliseconds.
pub fn variable_times() -> Vec<u32> {
    // Two rates, and a pause between them.
    (0..18)
        .map(|n| n * 40)
        .chain((0..18).map(|n| 1000 + n * 50))
        .collect()
}

/// 36 frames with times of their own.
pub fn variable_rate() -> PathBuf {
    clip("variable-rate.mkv", |dir| {
        x264(dir, "video.mkv", &graph("192x108", 1, 36, BT709), TAGS_709);
        let times: String = variable_times()
            .iter()
            .map(|time| format!("{time}\n"))
            .collect();
        fs::write(
            dir.join("times.txt"),
            format!("# timestamp format v2\n{times}"),
        )
        .unwrap();
        mkvmerge(
            dir,
            &[
                "-o",
                "variable-rate.mkv",
                "--timestamps",
                "0:times.txt",
                "video.mkv",
            ],
        );
    })
}

/// 48 frames with sound, in MP4.
pub fn mp4() -> PathBuf {
    clip("film.mp4", |dir| {
        x264(dir, "video.mkv", &graph("192x108", 1, 48, BT709), TAGS_709);
        aac(dir, "sound.m4a", "2.0");
        let args = [
            "-i",
            "video.mkv",
            "-i",
            "sound.m4a",
            "-map",
            "0",
            "-map",
            "1",
            "-c",
            "copy",
        ];
        ffmpeg(
            dir,
            &[
                &args,
                ["-metadata:s:a:0", "language=eng", "film.mp4"].as_slice(),
            ]
            .concat(),
        );
    })
}

/// Sound without picture.
pub fn sound_only() -> PathBuf {
    clip("sound-only.mka", |dir| aac(dir, "sound-only.mka", "1.0"))
}

/// 48 frames of `rate` a second, as `name`.
pub fn at_rate(name: &'static str, rate: &str) -> PathBuf {
    clip(name, |dir| {
        let graph = format!("testsrc2=s=192x108:r={rate},trim=end_frame=48,{BT709}[v]");
        ffmpeg(
            dir,
            &[
                "-filter_complex",
                &graph,
                "-map",
                "[v]",
                "-c:v",
                "libx264",
                "-bf",
                "0",
                name,
            ],
        );
    })
}

/// 48 frames whose times are whole milliseconds, as telephones and browsers write them: about 30 a second.
pub fn milliseconds() -> PathBuf {
    clip("milliseconds.mp4", |dir| {
        let times = "settb=1/1000,setpts=N*33+mod(N*7\\,5)";
        let graph = format!("testsrc2=s=192x108:r=30,trim=end_frame=48,{times},{BT709}[v]");
        let keep = [
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1/1000",
            "-video_track_timescale",
            "1000",
        ];
        let args = [
            "-filter_complex",
            &graph,
            "-map",
            "[v]",
            "-c:v",
            "libx264",
            "-bf",
            "0",
        ];
        ffmpeg(
            dir,
            &[args.as_slice(), &keep, &["milliseconds.mp4"]].concat(),
        );
    })
}

/// A picture or more whose file says that they have no duration, as in auxiliary tracks of telephones: ffprobe calls
/// their rate 1/0 and 0/0.
pub fn without_durations(name: &'static str, pictures: usize) -> PathBuf {
    clip(name, |dir| {
        x264(
            dir,
            "video.mp4",
            &graph("192x108", 1, pictures, BT709),
            &["-bf", "0"],
        );
        let mut file = fs::read(dir.join("video.mp4")).unwrap();
        // Where numbers of four bytes begin behind the name of a box: durations, and the one entry of the times of samples.
        for (name, number) in [("mvhd", 4), ("tkhd", 5), ("mdhd", 4), ("stts", 3)] {
            let at = file
                .windows(4)
                .position(|window| window == name.as_bytes())
                .unwrap()
                + 4 * (number + 1);
            file[at..at + 4].fill(0);
        }
        let edits = file
            .windows(4)
            .position(|window| window == b"edts")
            .unwrap();
        file[edits..edits + 4].copy_from_slice(b"free");
        fs::write(dir.join(name), file).unwrap();
    })
}

/// Ten lossless pictures of `size`.
pub fn of_size(name: &'static str, size: &str) -> PathBuf {
    clip(name, |dir| {
        let (width, height) = size.split_once('x').unwrap();
        let graph = format!(
            "testsrc2=s=64x64:r={RATE},trim=end_frame=10,scale={width}:{height},format=yuv444p[v]"
        );
        ffmpeg(
            dir,
            &[
                "-filter_complex",
                &graph,
                "-map",
                "[v]",
                "-c:v",
                "ffv1",
                name,
            ],
        );
    })
}

/// 24 frames of colour bars in RGB with sound, lossless, as screens are recorded; `more` says more of its colours.
pub fn rgb(name: &'static str, more: &[&str]) -> PathBuf {
    clip(name, |dir| {
        aac(dir, "sound.m4a", "1.0");
        let bars = format!("smptehdbars=s=320x180:r={RATE},format=gbrp");
        let args = [
            "-f",
            "lavfi",
            "-i",
            &bars,
            "-i",
            "sound.m4a",
            "-frames:v",
            "24",
            "-c:a",
            "copy",
        ];
        ffmpeg(
            dir,
            &[
                args.as_slice(),
                &["-c:v", "libx264rgb", "-qp", "0"],
                more,
                &[name],
            ]
            .concat(),
        );
    })
}

/// Layouts of sound of which libopus does not take most, by ffmpeg's names, and the channels of each.
pub const LAYOUTS: [(&str, &str); 15] = [
    ("5.1(side)", "FL FR FC LFE SL SR"),
    ("quad(side)", "FL FR SL SR"),
    ("5.0(side)", "FL FR FC SL SR"),
    ("2.1", "FL FR LFE"),
    ("3.0(back)", "FL FR BC"),
    ("4.0", "FL FR FC BC"),
    ("3.1", "FL FR FC LFE"),
    ("4.1", "FL FR FC LFE BC"),
    // AC-3 has none of these.
    ("6.1(back)", "FL FR FC LFE BL BR BC"),
    ("hexagonal", "FL FR FC BL BR BC"),
    ("7.1(wide)", "FL FR FC LFE BL BR FLC FRC"),
    // These it takes.
    ("5.0", "FL FR FC BL BR"),
    ("5.1", "FL FR FC LFE BL BR"),
    ("6.1", "FL FR FC LFE BC SL SR"),
    ("7.1", "FL FR FC LFE BL BR SL SR"),
];

/// The pitch of the tone that a channel has in [`channels`], in Hz.
pub fn pitch(channel: &str) -> u32 {
    let channels = [
        "LFE", "FL", "FR", "FC", "BL", "BR", "SL", "SR", "BC", "FLC", "FRC",
    ];
    let n = channels.iter().position(|name| *name == channel).unwrap();
    if n == 0 {
        60
    } else {
        200 + 200 * u32::try_from(n).unwrap()
    }
}

/// 48 frames with a sound track for each of [`LAYOUTS`], with a tone of another pitch in each channel, of amplitude 0.2.
pub fn channels() -> PathBuf {
    clip("channels.mkv", |dir| {
        x264(dir, "video.mkv", &graph("192x108", 1, 48, BT709), TAGS_709);
        let mut args = vec!["-i".to_owned(), "video.mkv".to_owned()];
        let mut outputs = ["-map", "0:v"].map(str::to_owned).to_vec();
        for (n, (layout, channels)) in LAYOUTS.iter().enumerate() {
            let tones: Vec<String> = channels
                .split(' ')
                .map(|channel| format!("0.2*sin(2*PI*{}*t)", pitch(channel)))
                .collect();
            let source = format!("aevalsrc={}:c={layout}:s=48000:d=2", tones.join("|"));
            args.extend(["-f", "lavfi", "-i", &source].map(str::to_owned));
            let (map, codec) = (format!("{}:a", n + 1), if n < 8 { "ac3" } else { "flac" });
            outputs.extend(["-map", &map, &format!("-c:a:{n}"), codec].map(str::to_owned));
        }
        outputs.extend(["-c:v", "copy", "-b:a", "448k", "channels.mkv"].map(str::to_owned));
        let args: Vec<&str> = args.iter().chain(&outputs).map(String::as_str).collect();
        ffmpeg(dir, &args);
    })
}
