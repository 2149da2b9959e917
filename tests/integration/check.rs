//! Looks at files with other people's tools.

use std::{
    ffi::OsStr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

/// A file, and what ffprobe and mkvmerge say of it.
pub struct File {
    /// A link with a plain name: mkvmerge does not take every name.
    path: PathBuf,
    _dir: TempDir,
    /// `ffprobe -show_format -show_streams`.
    pub ffprobe: Value,
    /// `mkvmerge -J`.
    pub mkvmerge: Value,
}

#[track_caller]
fn output(program: &str, args: &[&OsStr]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{program} {args:?}: {}\n{stdout}{stderr}",
        output.status
    );
    // ffmpeg finds a damaged frame and exits 0.
    assert!(stderr.is_empty(), "{program} {args:?}\n{stderr}");
    stdout.into_owned()
}

impl File {
    #[track_caller]
    pub fn open(path: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("file");
        symlink(path.canonicalize().unwrap(), &link).unwrap();
        let json = |text: String| serde_json::from_str(&text).unwrap();
        let probe = [
            "-v",
            "error",
            "-of",
            "json",
            "-show_format",
            "-show_streams",
        ]
        .map(OsStr::new);
        let ffprobe = json(output(
            "ffprobe",
            &[&probe, [link.as_os_str()].as_slice()].concat(),
        ));
        let mkvmerge = json(output("mkvmerge", &[OsStr::new("-J"), link.as_os_str()]));
        Self {
            path: link,
            _dir: dir,
            ffprobe,
            mkvmerge,
        }
    }

    /// Runs ffmpeg on it; `@` among the arguments stands for it.
    #[track_caller]
    pub fn ffmpeg(&self, args: &[&str]) -> String {
        self.tool("ffmpeg", &[&["-nostdin", "-v", "error"], args].concat())
    }

    /// Runs a tool on it; `@` among the arguments stands for it.
    #[track_caller]
    pub fn tool(&self, program: &str, args: &[&str]) -> String {
        let args: Vec<&OsStr> = args
            .iter()
            .map(|arg| {
                if *arg == "@" {
                    self.path.as_os_str()
                } else {
                    OsStr::new(arg)
                }
            })
            .collect();
        output(program, &args)
    }

    /// ffprobe's first video stream.
    #[track_caller]
    pub fn video(&self) -> &Value {
        self.ffprobe["streams"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["codec_type"] == "video")
            .unwrap()
    }

    /// mkvmerge's properties of the first video track.
    #[track_caller]
    pub fn video_properties(&self) -> &Value {
        let tracks = self.mkvmerge["tracks"].as_array().unwrap();
        &tracks
            .iter()
            .find(|track| track["type"] == "video")
            .unwrap()["properties"]
    }

    /// Primaries, transfer, matrix and range, as ffprobe names them; what it does not name is `-`.
    pub fn colors(&self) -> String {
        let names = [
            "color_primaries",
            "color_transfer",
            "color_space",
            "color_range",
        ];
        names
            .map(|name| self.video()[name].as_str().unwrap_or("-").to_owned())
            .join(" ")
    }

    /// Frames by counting packets.
    #[track_caller]
    pub fn packets(&self) -> u64 {
        let args = ["-v", "error", "-select_streams", "v:0", "-count_packets"];
        let entries = [
            "-show_entries",
            "stream=nb_read_packets",
            "-of",
            "csv=p=0",
            "@",
        ];
        self.tool("ffprobe", &[args.as_slice(), &entries].concat())
            .trim()
            .trim_end_matches(',')
            .parse()
            .unwrap()
    }

    /// Times of all frames in milliseconds, in order.
    #[track_caller]
    pub fn times(&self) -> Vec<f64> {
        let args = [
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            "packet=pts_time",
            "-of",
            "csv=p=0",
            "@",
        ];
        let text = self.tool("ffprobe", &args);
        let mut times: Vec<f64> = text
            .lines()
            .map(|line| line.trim_end_matches(',').parse::<f64>().unwrap() * 1000.0)
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }

    /// Frames by decoding every one of them.
    #[track_caller]
    pub fn decoded(&self) -> u64 {
        let text = self.ffmpeg(&[
            "-i",
            "@",
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
            "-f",
            "framecrc",
            "-",
        ]);
        text.lines().filter(|line| !line.starts_with('#')).count() as u64
    }

    /// Hashes of all packets of sound and of subtitles, stream by stream, but for those before the beginning of the film,
    /// which an edit list hides.
    #[track_caller]
    pub fn hashes(&self) -> String {
        let tracks = self.mkvmerge["tracks"].as_array().unwrap();
        if tracks.iter().all(|track| track["type"] == "video") {
            return String::new();
        }
        let maps = [
            "-map",
            "0:a?",
            "-map",
            "0:s?",
            "-c",
            "copy",
            "-copypriorss",
            "0",
            "-f",
            "streamhash",
            "-",
        ];
        self.ffmpeg(&[["-i", "@"].as_slice(), &maps].concat())
    }

    /// The lowest PSNR of a frame against the frame of `other` that has the same number. `other` is cropped to our
    /// size, at its top left.
    #[track_caller]
    pub fn worst_psnr(&self, other: &File) -> f64 {
        let (width, height) = (&self.video()["width"], &self.video()["height"]);
        let graph = format!(
            "[0:v:0]format=yuv420p10le,setsar=1,settb=1/1000,setpts=N*40[a];\
             [1:v:0]crop={width}:{height}:0:0,format=yuv420p10le,setsar=1,settb=1/1000,setpts=N*40[b];\
             [a][b]psnr=stats_file=-"
        );
        let other = other.path.to_str().unwrap();
        let inputs = ["-i", "@", "-i", other, "-lavfi", &graph];
        // The times are those of the graph, not of a frame rate.
        let to_nothing = [
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1/1000",
            "-f",
            "null",
            "-",
        ];
        let stats = self.ffmpeg(&[inputs.as_slice(), &to_nothing].concat());
        let values = stats
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("psnr_y:"));
        let values: Vec<f64> = values.map(|value| value.parse().unwrap()).collect();
        assert_eq!(
            values.len() as u64,
            self.packets(),
            "frames that could be compared"
        );
        values.into_iter().fold(f64::INFINITY, f64::min)
    }

    /// What must be the same in source and output: every track but the codec of the video, in order, with languages,
    /// titles and flags; the film's title, chapters and attachments.
    pub fn contents(&self) -> Value {
        let json = &self.mkvmerge;
        let matroska = json["container"]["type"] == "Matroska";
        let track = |track: &Value| {
            let properties = &track["properties"];
            // Other containers have no such things, and mkvmerge chooses.
            let names: &[&str] = if matroska {
                &[
                    "language",
                    "track_name",
                    "default_track",
                    "forced_track",
                    "enabled_track",
                    "flag_original",
                ]
            } else {
                &["language"]
            };
            let values: Vec<&Value> = names.iter().map(|name| &properties[name]).collect();
            let codec = if track["type"] == "video" {
                &Value::Null
            } else {
                &track["codec"]
            };
            serde_json::json!([track["type"], codec, values])
        };
        let tracks: Vec<Value> = json["tracks"]
            .as_array()
            .unwrap()
            .iter()
            .map(track)
            .collect();
        let attachments = json["attachments"].as_array().unwrap();
        let attachment = |a: &Value| {
            serde_json::json!([
                a["file_name"],
                a["content_type"],
                a["size"],
                a["properties"]["uid"]
            ])
        };
        let attachments: Vec<Value> = attachments.iter().map(attachment).collect();
        let chapters = self.tool(
            "ffprobe",
            &["-v", "error", "-of", "json", "-show_chapters", "@"],
        );
        let chapters: Value = serde_json::from_str(&chapters).unwrap();
        // Where the last one ends is where the file ends; that is compared elsewhere.
        let chapter = |c: &Value| serde_json::json!([c["id"], c["start_time"], c["tags"]]);
        let chapters: Vec<Value> = chapters["chapters"]
            .as_array()
            .unwrap()
            .iter()
            .map(chapter)
            .collect();
        serde_json::json!({
            "title": json["container"]["properties"]["title"],
            "director": self.ffprobe["format"]["tags"]["DIRECTOR"],
            "tracks": tracks,
            "chapters": chapters,
            "attachments": attachments,
        })
    }
}

/// Lowest PSNR of a frame that is the right one, at the quality that tests encode with.
const SAME_FRAME: f64 = 25.0;

/// Checks that `output` is `source`, whole, in AV1 of 10 bit: every frame in its place, everything else as it was.
#[track_caller]
pub fn is_whole(output: &Path, source: &Path, frames: u64) -> File {
    let (output, source) = (File::open(output), File::open(source));
    assert_eq!(output.video()["codec_name"], "av1");
    assert_eq!(output.video()["pix_fmt"], "yuv420p10le");
    assert_eq!(
        (output.packets(), output.decoded()),
        (frames, frames),
        "frames by counting and by decoding"
    );
    assert_eq!(
        output.hashes(),
        source.hashes(),
        "packets of sound and subtitles"
    );
    if source.mkvmerge["container"]["type"] == "Matroska" {
        assert_eq!(output.contents(), source.contents());
    }
    let worst = output.worst_psnr(&source);
    assert!(
        worst > SAME_FRAME,
        "a frame has {worst} dB: it is another one"
    );
    output
}
