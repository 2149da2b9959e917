//! `job.json`: what the job is, written once, before the film is read. With `reader.json` it is all that another host
//! needs beside the source to encode a chunk of it.

use std::{ffi::OsString, fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{
    files::read,
    identity::{OutputIdentity, SourceIdentity},
    names::Name,
    place::Place,
    scenes::KnownScenes,
};
use crate::{
    film::media::Container,
    os::exit::Taken,
    plan::{Plan, recipe::Recipe},
};

/// Format of the job directory. A newer one is not touched, an older one is refused and can be begun anew.
const FORMAT: u32 = 3;

/// `job.json`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Says that the directory is ours.
    made_by: String,
    format: u32,
    /// Which source it is of.
    pub source: SourceIdentity,
    /// When that was written last, as seconds and nanoseconds since 1970: of its content, only samples are known.
    #[serde(default)]
    pub(super) modified: Option<(i64, i64)>,
    /// Level of parallelism of the first run, where the bytes depend on it.
    pub lp: u32,
    /// Every decision about the bytes.
    pub recipe: Recipe,
    /// What the source's container says of the film, as it was planned with.
    pub film: Container,
    /// The output, as soon as it is proven and gets its name. Only a run that is killed in that instant, and one with
    /// `--keep`, leave it behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) named: Option<OutputIdentity>,
    /// Whether that output takes the place of the source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) replacing: bool,
    /// Where the output is written before it has its name: who gives the job up removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<OsString>,
}

impl State {
    /// A job of the `source`, encoded as a `plan` says, with this level of parallelism.
    #[must_use]
    pub fn new(source: SourceIdentity, plan: &Plan, lp: u32) -> Self {
        Self {
            made_by: "av1enc".to_owned(),
            format: FORMAT,
            source,
            modified: None,
            lp,
            recipe: plan.recipe.clone(),
            film: plan.source.clone(),
            named: None,
            replacing: false,
            part: None,
        }
    }

    /// What chunks of this job have in common, and with those of no other: a hash of the source and of all that decides about
    /// the picture.
    ///
    /// # Errors
    /// None that is known.
    pub(super) fn fingerprint(&self) -> Result<String> {
        let all = serde_json::to_vec(&(&self.source, self.recipe.without_sound()))?;
        Ok(blake3::hash(&all).to_hex().to_string())
    }

    /// The same, of a source that was written last at this time.
    pub(super) fn of_time(self, modified: (i64, i64)) -> Self {
        Self {
            modified: Some(modified),
            ..self
        }
    }

    /// The same, with an output that is written at `part`.
    #[must_use]
    pub fn with_part(self, part: &Path) -> Self {
        Self {
            part: Some(part.as_os_str().to_owned()),
            ..self
        }
    }

    /// Whether its output is written at `part`.
    pub(super) fn is_written_at(&self, part: &Path) -> bool {
        self.part.as_deref() == Some(part.as_os_str())
    }

    /// Whether the picture of this job can be gone on with by a `plan` for a `source`, where these scenes are `known`; else
    /// in what it is another job's.
    #[must_use]
    pub fn differences(
        &self,
        source: &SourceIdentity,
        plan: &Plan,
        known: &KnownScenes,
    ) -> Vec<String> {
        let mut differences = Vec::new();
        if self.source != *source {
            differences.push("the source's content".to_owned());
        }
        let mut wanted = plan.recipe.clone();
        if self.has_scenes_of(&wanted, known) {
            wanted.scenes = self.recipe.scenes.clone();
        }
        differences.extend(self.recipe.differences(&wanted));
        let (recipe, lp) = (&plan.recipe, plan.workers.lp);
        if recipe.depends_on_lp() && plan.lp_demanded && lp != self.lp {
            differences.push(format!("--lp: {} there, {lp} now", self.lp));
        }
        differences
    }
}

impl State {
    /// Whether the scenes that this job has found are those that the `wanted` recipe is given: a file of them may have been
    /// written by an earlier run of this job.
    fn has_scenes_of(&self, wanted: &Recipe, known: &KnownScenes) -> bool {
        let starts = known.chunks.iter().map(|chunk| chunk.start);
        let end = known.chunks.last().map(|chunk| chunk.end);
        self.recipe.scenes.given.is_none()
            && wanted.scenes.given.is_some()
            && known.complete
            && wanted.scenes.given == end
            && starts
                .filter(|start| *start > 0)
                .eq(wanted.scenes.forced.iter().copied())
    }
}

/// What a directory says of the job in it.
pub(super) enum Known {
    /// It has no job file.
    Nothing,
    /// It is ours, and cannot be gone on with: why, and what to type.
    Unusable(String),
    /// What the job is.
    State(Box<State>),
}

/// Reads what a directory says of the job in it.
///
/// # Errors
/// A [`Taken`] if the directory is none of ours.
pub(super) fn read_state(place: &Place) -> Result<Known> {
    let path = place.file(Name::Job.to_string());
    let shown = place.shown(&path);
    let foreign = |what: &str| {
        Taken(format!(
            "{shown} {what}: name another directory with --temp"
        ))
    };
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Known::Nothing),
        Err(_) if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) => {
            return Err(foreign("is a link, which av1enc does not make").into());
        }
        Err(error) => return Err(error).with_context(|| format!("reading {shown}")),
    };
    match parse_state(&text) {
        Ok(state) => Ok(Known::State(Box::new(state))),
        // Half of a file is no JSON; what we have locked is ours.
        Err(unusable)
            if unusable.is_ours
                || place.file(Name::Lock.to_string()).exists() && unusable.is_damaged =>
        {
            let why = unusable.why;
            Ok(Known::Unusable(format!(
                "{shown} {why}: add --restart to throw its work away, or name another directory with --temp"
            )))
        }
        Err(unusable) => Err(foreign(&unusable.why).into()),
    }
}

/// Why a job file is of no use.
#[derive(Debug, PartialEq, Eq)]
pub struct UnusableState {
    /// As the rest of a sentence about it.
    pub why: String,
    /// Whether an av1enc has made it of which all names of files are known.
    pub is_ours: bool,
    /// Whether it is no JSON at all.
    pub is_damaged: bool,
}

/// Reads `job.json`.
///
/// # Errors
/// Why it is of no use.
pub fn parse_state(text: &[u8]) -> Result<State, UnusableState> {
    let unusable = |why: &str, is_ours, is_damaged| UnusableState {
        why: why.to_owned(),
        is_ours,
        is_damaged,
    };
    let json: serde_json::Value = serde_json::from_slice(text)
        .map_err(|_| unusable("is damaged, or not a job file of av1enc", false, true))?;
    if json["made_by"] != "av1enc" {
        return Err(unusable("is not a job file of av1enc", false, false));
    }
    match json["format"].as_u64() {
        // What a newer one has put there, we do not know.
        Some(format) if format > FORMAT.into() => {
            Err(unusable("was made by a newer av1enc", false, false))
        }
        Some(format) if format < FORMAT.into() => {
            Err(unusable("was made by an older av1enc", true, false))
        }
        _ => serde_json::from_value(json).map_err(|_| unusable("is damaged", true, true)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        film::media::Chunk,
        plan::{examples::plan, workers::examples::GIB},
        scenes::Rules,
        settings::{cuts::SceneMethod, sound::SoundOptions},
    };

    fn source() -> SourceIdentity {
        SourceIdentity {
            bytes: GIB,
            hash: "abc".to_owned(),
        }
    }

    #[test]
    fn another_host_reads_what_is_to_be_done_and_what_the_film_is() {
        let plan = plan("mainline");
        let state = State::new(source(), &plan, 2);
        let read = parse_state(&serde_json::to_vec_pretty(&state).unwrap()).unwrap();
        assert_eq!(read, state);
        assert_eq!((read.recipe, read.film), (plan.recipe, plan.source));
        assert_eq!((read.source, read.lp), (source(), 2));
    }

    #[test]
    fn work_of_another_job_differs_in_something() {
        let mainline = plan("mainline");
        let state = State::new(source(), &mainline, 2);
        assert_eq!(
            state.differences(&source(), &mainline, &KnownScenes::default()),
            [""; 0]
        );
        let other = SourceIdentity {
            bytes: 1,
            ..source()
        };
        assert_eq!(
            state.differences(&other, &mainline, &KnownScenes::default()),
            ["the source's content"]
        );
        let mut slower = plan("mainline");
        slower.recipe.video.preset = 4;
        assert_eq!(
            state
                .differences(&source(), &slower, &KnownScenes::default())
                .len(),
            1
        );
        // Of the sound, nothing is part of the picture.
        let differences = |state: &State, plan: &Plan| {
            state.differences(&source(), plan, &KnownScenes::default())
        };
        let mut other_sound = plan("mainline");
        other_sound.recipe.audio_args = SoundOptions::read(Some("-c:a flac")).unwrap();
        assert_eq!(differences(&state, &other_sound), [""; 0]);
        assert!(!state.recipe.has_sound_of(&other_sound.recipe));
        // Where the bytes depend on it, one that the user demands must be the job's.
        let mut unknown = plan("other");
        let state = State::new(source(), &unknown, 2);
        assert_eq!(
            state.differences(&source(), &unknown, &KnownScenes::default()),
            ["--lp: 2 there, 1 now"]
        );
        unknown.lp_demanded = false;
        assert_eq!(
            state.differences(&source(), &unknown, &KnownScenes::default()),
            [""; 0]
        );
    }

    #[test]
    fn scenes_that_are_given_may_be_those_that_the_job_has_found() {
        let chunk = |index, start, end| Chunk { index, start, end };
        let known = KnownScenes {
            chunks: vec![chunk(0, 0, 40), chunk(1, 40, 99)],
            hashes: vec![None, None],
            complete: true,
        };
        let found = State::new(source(), &plan("mainline"), 2);
        let mut given = plan("mainline");
        given.recipe.scenes = Rules {
            max: None,
            method: SceneMethod::None,
            forced: vec![40],
            given: Some(99),
            ..given.recipe.scenes
        };
        let differs = |given: &Plan| !found.differences(&source(), given, &known).is_empty();
        assert!(!differs(&given));
        given.recipe.scenes.forced = vec![41];
        assert!(differs(&given));
    }

    #[test]
    fn a_state_of_another_format_is_of_no_use() {
        let state = State::new(source(), &plan("mainline"), 2);
        let with = |name: &str, value: serde_json::Value| {
            let mut json = serde_json::to_value(&state).unwrap();
            json[name] = value;
            let read = parse_state(json.to_string().as_bytes());
            read.map_err(|unusable| (unusable.why, unusable.is_ours))
        };
        assert!(with("format", FORMAT.into()).is_ok());
        let (older, newer) = (FORMAT - 1, FORMAT + 1);
        for (name, value, why, is_ours) in [
            ("format", older.into(), "was made by an older av1enc", true),
            ("format", newer.into(), "was made by a newer av1enc", false),
            ("film", json!(null), "is damaged", true),
            ("made_by", json!("x"), "is not a job file of av1enc", false),
        ] {
            assert_eq!(with(name, value), Err((why.to_owned(), is_ours)), "{name}");
        }
    }
}
