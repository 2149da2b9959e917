//! Where the film is cut into chunks, as the user wants it; and av1an's file of scenes, which says it frame by frame.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use num_rational::Ratio;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::built_in;
use crate::{
    cli::{EncodeArgs, ScMethod, SplitMethod},
    os::{disk, exit::UsageError, process::quoted},
};

/// How scenes are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SceneMethod {
    /// av-scenechange's standard method.
    #[default]
    Standard,
    /// Its fast one.
    Fast,
    /// Nobody looks for them.
    None,
}

/// How long a chunk may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Longest {
    /// So many frames.
    Frames(u64),
    /// As many frames as are shown in this time.
    Time(Duration),
    /// As long as its scene.
    Scene,
}

/// Frames of the longest chunk, where the user names no other number.
const LONGEST: u64 = 240;
/// A film that names no rate.
const LIKELY_RATE: f64 = 24.0;

/// How the film is to be cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Cuts {
    /// The longest chunk.
    pub longest: Longest,
    /// The shortest scene in frames.
    pub min_scene: u64,
    /// How scenes are found.
    pub method: SceneMethod,
    /// The height at which frames are looked at, at most.
    pub height: Option<usize>,
    /// Frames at which a chunk begins in any case, in order.
    pub forced: Vec<u64>,
    /// How many frames the film has whose chunks all begin at `forced` frames, where a file of scenes says so.
    pub given: Option<u64>,
    /// The file of scenes, which is written where there is none.
    pub file: Option<PathBuf>,
    /// Whether nothing but the scenes is wanted.
    pub only: bool,
}

impl Cuts {
    /// What these arguments say, with names from `cwd` on. A file of scenes that is there is read.
    ///
    /// # Errors
    /// If a value cannot be, or the file is none of scenes.
    pub fn of(args: &EncodeArgs, cwd: &Path) -> Result<Self, UsageError> {
        let file = args.scenes.as_ref().map(|file| cwd.join(file));
        let mut forced = forced(args.force_keyframes.as_deref())?;
        let scenes = file.as_deref().map(read).transpose()?.flatten();
        forced.extend(scenes.iter().flat_map(|scenes| &scenes.starts));
        let cuts = args.scenes.is_some() || args.sc_only || args.force_keyframes.is_some();
        if args.no_chunks && cuts {
            return Err(UsageError(
                "--no-chunks encodes the film in one go: leave --scenes, --sc-only and --force-keyframes out".to_owned(),
            ));
        }
        if args.sc_downscale_height == Some(0) {
            return Err(UsageError(
                "--sc-downscale-height 0: a number of lines from 1 on, for example 360".to_owned(),
            ));
        }
        let split = args.split_method.unwrap_or(built_in::SPLIT_METHOD);
        let method = match (split, args.sc_method.unwrap_or(built_in::SC_METHOD)) {
            _ if scenes.is_some() => SceneMethod::None,
            (SplitMethod::None, _) => SceneMethod::None,
            (SplitMethod::AvScenechange, ScMethod::Fast) => SceneMethod::Fast,
            (SplitMethod::AvScenechange, ScMethod::Standard) => SceneMethod::Standard,
        };
        Ok(Self {
            longest: match scenes {
                Some(_) => Longest::Scene,
                None => longest(args)?,
            },
            min_scene: args
                .min_scene_len
                .unwrap_or(built_in::MIN_SCENE_FRAMES)
                .max(1),
            method,
            height: args.sc_downscale_height,
            forced: forced.into_iter().filter(|frame| *frame > 0).collect(),
            given: scenes.map(|scenes| scenes.frames),
            file,
            only: args.sc_only,
        })
    }

    /// The longest chunk in frames, of a film of this rate; `None` if there is no limit.
    #[must_use]
    pub fn longest_at(&self, fps: Option<Ratio<u32>>) -> Option<u64> {
        match self.longest {
            Longest::Frames(frames) => Some(frames),
            Longest::Scene => None,
            Longest::Time(time) => {
                let fps = fps.map_or(LIKELY_RATE, |fps| {
                    f64::from(*fps.numer()) / f64::from(*fps.denom())
                });
                Some(((time.as_secs_f64() * fps).round() as u64).max(1))
            }
        }
    }
}

/// The longest chunk: frames win over seconds, as in av1an.
fn longest(args: &EncodeArgs) -> Result<Longest, UsageError> {
    let limited = |longest, is_none| if is_none { Longest::Scene } else { longest };
    match (args.extra_split, args.extra_split_sec) {
        (Some(frames), _) => Ok(limited(Longest::Frames(frames), frames == 0)),
        (None, None) => Ok(Longest::Frames(LONGEST)),
        (None, Some(seconds)) => Duration::try_from_secs_f64(seconds)
            .map(|time| limited(Longest::Time(time), time.is_zero()))
            .map_err(|_| {
                UsageError(format!(
                    "--extra-split-sec {seconds}: a number of seconds, for example 10"
                ))
            }),
    }
}

fn forced(text: Option<&str>) -> Result<BTreeSet<u64>, UsageError> {
    let numbers = text.into_iter().flat_map(|text| text.split(','));
    let read = |number: &str| {
        number.trim().parse().map_err(|_| {
            UsageError(format!(
                "--force-keyframes: `{number}` is not the number of a frame; type --force-keyframes 240,1500 for example"
            ))
        })
    };
    numbers.map(read).collect()
}

/// The scenes of a film.
#[derive(Debug, PartialEq, Eq)]
struct Scenes {
    frames: u64,
    /// Where the chunks begin.
    starts: Vec<u64>,
}

/// Reads a file of scenes, if there is one.
fn read(file: &Path) -> Result<Option<Scenes>, UsageError> {
    let wrong = |why: &str| UsageError(format!("--scenes {}: {why}", quoted(file.as_os_str())));
    match disk::read_regular(file) {
        Ok(text) => parse(&text).map(Some).map_err(|why| {
            wrong(&format!(
                "{why}; name a file that is not there, and the scenes are found and written into it"
            ))
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(&error.to_string())),
    }
}

/// Reads av1an's JSON: of the lists that it may hold, the one after the split of long scenes.
fn parse(text: &[u8]) -> Result<Scenes, &'static str> {
    const NOT_SCENES: &str = "is not av1an's JSON of scenes";
    let json: Value = serde_json::from_slice(text).map_err(|_| NOT_SCENES)?;
    let list = |name: &str| json[name].as_array().filter(|list| !list.is_empty());
    let list = list("split_scenes").or_else(|| list("scenes"));
    let frames = json["frames"].as_u64().ok_or(NOT_SCENES)?;
    let mut starts = Vec::new();
    let mut end = 0;
    for scene in list.ok_or(NOT_SCENES)? {
        let span = (scene["start_frame"].as_u64(), scene["end_frame"].as_u64());
        let (Some(from), Some(to)) = span else {
            return Err(NOT_SCENES);
        };
        if !scene["zone_overrides"].is_null() {
            return Err("has zones: av1enc encodes the whole film with one set of options");
        }
        if from != end || to <= from {
            return Err("has scenes that do not follow one another");
        }
        starts.push(from);
        end = to;
    }
    if end == frames {
        Ok(Scenes { frames, starts })
    } else {
        Err("has scenes that do not cover its frames")
    }
}

/// av1an's JSON of a film's chunks, each with its first frame and the one behind its last.
#[must_use]
pub fn as_json(chunks: &[(u64, u64)]) -> String {
    let scene = |(start, end): &(u64, u64)| serde_json::json!({"start_frame": start, "end_frame": end, "zone_overrides": null});
    let scenes: Vec<Value> = chunks.iter().map(scene).collect();
    let frames = chunks.last().map_or(0, |(_, end)| *end);
    format!(
        "{:#}",
        serde_json::json!({"frames": frames, "scenes": scenes, "split_scenes": scenes})
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_scenes_is_read_as_it_is_written() {
        let json = as_json(&[(0, 40), (40, 99)]);
        let scenes = Scenes {
            frames: 99,
            starts: vec![0, 40],
        };
        assert_eq!(parse(json.as_bytes()), Ok(scenes));
        // av1an before 0.5 knows no second list.
        let old = json.replace("split_scenes", "other");
        assert_eq!(parse(old.as_bytes()).unwrap().starts, [0, 40]);
    }

    #[test]
    fn what_is_no_list_of_a_whole_films_scenes_is_refused() {
        let json = as_json(&[(0, 40), (40, 99)]);
        for (from, to, why) in [
            ("\"frames\": 99", "\"frames\": 98", "cover"),
            ("\"end_frame\": 40", "\"end_frame\": 41", "follow"),
            (
                "\"zone_overrides\": null",
                "\"zone_overrides\": {}",
                "zones",
            ),
            ("start_frame", "begin", "not av1an's"),
            ("{", "", "not av1an's"),
        ] {
            let text = json.replace(from, to);
            assert_ne!(text, json, "{from}");
            let refused = parse(text.as_bytes()).unwrap_err();
            assert!(refused.contains(why), "{to}: {refused}");
        }
    }
}
