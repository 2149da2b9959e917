//! What a run came to, for the user's history: one line when it ends, whatever it came to.
//!
//! A success is told before the job is cleared up: a run that is killed in between is followed by one that finds its output
//! finished, and tells of it unless that was done.

use std::{cell::RefCell, fs, path::Path};

use anyhow::Result;
use serde_json::{Map, Value};

use crate::{
    cli::{Layer, Setting},
    decide::{Film, class},
    event::{Report, warn},
    film::media::{Container, Extra},
    history::{
        file,
        record::{Moment, Record, Status, value},
    },
    os::{
        exit::Exit,
        machine::host,
        process::quoted,
        room::{Room, is_full},
        signal::Interrupted,
        task::Watch,
        words::said,
    },
    plan::Plan,
    settings::{Config, Step},
};

/// What is known of a run, as it comes to be known.
pub(super) struct Account<'a> {
    pub(super) watch: &'a Watch<'a>,
    pub(super) config: &'a Config,
    draft: RefCell<Record>,
}

impl<'a> Account<'a> {
    /// That of a run which begins.
    pub(super) fn begin(watch: &'a Watch<'a>, config: &'a Config) -> Self {
        let file = fs::metadata(&config.input);
        let file = file.ok().filter(fs::Metadata::is_file);
        let draft = Record {
            host: host(),
            settings: settings(&config.said),
            original_bytes: file.map(|file| file.len()),
            ..Record::begin(&config.input, &config.output)
        };
        Self {
            watch,
            config,
            draft: draft.into(),
        }
    }

    /// The film is known.
    pub(super) fn film(&self, container: &Container) {
        let (video, tables) = (&container.video, &self.config.deciding.tables);
        let film = Film {
            name: "",
            container,
            fps: None,
        };
        let mut draft = self.draft.borrow_mut();
        draft.codec = Some(video.codec.clone());
        draft.bitrate = class::bits_a_second(&film).map(|bits| bits as u64);
        (draft.video_width, draft.video_height) = (Some(video.width), Some(video.height));
        draft.resolution = Some(tables.size_of(film.pixels()).to_owned());
        draft.hdr = Some(dynamic_range(container).to_owned());
        draft.original_bytes = Some(container.bytes);
    }

    /// The encoder is known.
    pub(super) fn encoder(&self, version: &str) {
        self.draft.borrow_mut().encoder = Some(version.to_owned());
    }

    /// It is decided how the film will be encoded.
    pub(super) fn plan(&self, plan: &Plan) {
        let class = plan.class.as_ref();
        let mut draft = self.draft.borrow_mut();
        draft.class = class.map(|found| found.class.to_string());
        draft.settings = settings(&plan.settings);
    }

    /// The output has its name.
    pub(super) fn encoded(&self, report: &Report) {
        let missed = report.sized.as_ref().and_then(|sized| sized.missed.clone());
        let is_whole = report.resumed_chunks == 0;
        let mut record = self.draft.borrow().clone();
        (record.status, record.code) = match missed {
            None => (Status::Success, Exit::Done.code()),
            Some(_) => (Status::Missed, Exit::Missed.code()),
        };
        record.new_bytes = Some(report.output_bytes);
        record.frames = Some(report.proof.frames);
        record.fps = is_whole.then_some(report.fps);
        record.reason = missed;
        self.write(record, true, file::append);
    }

    /// An earlier run has given the output its name, and may have told of it.
    pub(super) fn named(&self) {
        let output = fs::metadata(&self.config.output);
        let mut record = self.draft.borrow().clone();
        (record.status, record.code) = (Status::Success, Exit::Done.code());
        record.new_bytes = output.ok().map(|output| output.len());
        self.write(record, true, file::append_once);
    }

    /// There is no output, or none of this run: `error` says why.
    pub(super) fn ended(&self, error: &anyhow::Error) {
        let exit = Exit::of(error);
        let status = match exit {
            _ if error.is::<Interrupted>() => return,
            Exit::Worthless => Status::Skipped,
            Exit::Approval => Status::Waiting,
            Exit::Missed => Status::Missed,
            Exit::Film => Status::Refused,
            Exit::Failed => Status::Failed,
            // It is the line that is wrong, or somebody else's work: nothing came of the film.
            _ => return,
        };
        let mut record = self.draft.borrow().clone();
        (record.status, record.code) = (status, exit.code());
        record.reason = Some(said(error));
        self.write(record, !is_full(error), file::append);
    }

    /// Writes the line where one is wanted; a full disk is waited for if that `waits`. What fails of it is a warning.
    fn write(&self, mut record: Record, waits: bool, append: fn(&Path, &Record) -> Result<()>) {
        let Some(file) = &self.config.history else {
            return;
        };
        let is_planned = self.config.dry_run || self.config.step == Step::Plan;
        if is_planned || self.config.cuts.only {
            return;
        }
        record.finished_at = Moment::now();
        let room = match waits {
            true => Room::new(
                self.config.disk_patience,
                self.watch.children,
                self.watch.sink,
            ),
            false => Room::without_patience(),
        };
        let written = room.wait("the history", || append(file, &record));
        if let Err(error) = written {
            let film = quoted(self.config.input.as_os_str());
            warn(
                self.watch.sink,
                format!("--history has no line of {film}: {error:#}"),
            );
        }
    }
}

/// CRF and preset, and what is not as it is built in.
fn settings(all: &[Setting]) -> Map<String, Value> {
    let is_told = |setting: &&Setting| {
        setting.from != Layer::BuiltIn || ["crf", "preset"].contains(&setting.name.as_str())
    };
    let told = all.iter().filter(is_told);
    told.map(|setting| (setting.name.clone(), value(&setting.value)))
        .collect()
}

/// What a film's brightness is, in one word.
fn dynamic_range(container: &Container) -> &'static str {
    let video = &container.video;
    if video.dynamic_hdr.dolby_vision_profile.is_some() {
        Extra::DolbyVision.name()
    } else if video.dynamic_hdr.hdr10_plus || video.extras.contains(&Extra::Hdr10Plus) {
        Extra::Hdr10Plus.name()
    } else if video.color.is_pq() {
        "HDR10"
    } else if video.color.is_hlg() {
        "HLG"
    } else {
        "SDR"
    }
}
