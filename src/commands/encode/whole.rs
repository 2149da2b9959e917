//! Encodes the film as one chunk that ffmpeg reads itself (`--no-chunks`).

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use super::{made::Made, run::Run};
use crate::{
    crew::progress::Pace,
    encoder::session::Pulse,
    event::{Event, Progress, Stage},
    film::media::MediaInfo,
    os::{
        exit::UnfitFilm,
        process::{self, Children},
        task::{Task, begin},
    },
    source::{changes, packets::Announced},
    work::whole,
};

/// How often progress is told.
const TELL: Duration = Duration::from_secs(1);

/// A film that ffmpeg can read from beginning to end while it encodes it.
pub struct Opened {
    /// What it is.
    pub media: Arc<MediaInfo>,
    announced: Arc<Announced>,
    /// What is known to change on the way, and was said.
    notes: Vec<String>,
}

impl Run<'_> {
    /// Learns from its packets what the film is. What comes of the encoder's `trial` is heard first.
    pub(super) fn open_whole(&self, trial: Option<Task<()>>) -> Result<Opened> {
        let opening = self.opening();
        let packets = opening.begin_packets();
        trial.map_or(Ok(()), |trial| self.watch.wait(&trial, || None))?;
        (self.watch.sink)(Event::Stage {
            stage: Stage::Index,
        });
        let announced = opening.announced(&packets)?;
        // Its filters begin anew with such a picture, and count from nought.
        let changes = opening.changes(&announced)?;
        if let Some(change) = changes.iter().find(|change| change.alters_pictures()) {
            bail!(UnfitFilm(format!(
                "{change}, and --no-chunks encodes only films whose pictures are all alike: leave it out"
            )));
        }
        let timed = announced
            .doubt
            .as_ref()
            .is_none_or(|doubt| !doubt.contains("no times"));
        ensure!(
            timed,
            UnfitFilm(
                "frames of the film have no time: it cannot be encoded with --no-chunks".to_owned()
            )
        );
        let media = opening.media(opening.as_announced(&announced))?;
        Ok(Opened {
            media,
            announced: Arc::new(announced),
            notes: changes::warnings(&changes),
        })
    }

    /// Encodes the film.
    pub(super) fn in_one_go(&self, opened: Opened) -> Result<Made> {
        let Opened {
            media,
            announced,
            notes,
        } = opened;
        let lean = self.plan.workers.lean;
        let listening = (!lean).then(|| self.begin_to_listen(&media));
        if let Some(others) = self.others(&media.container) {
            self.watch.over(others)?;
        }
        let workshop = self.workshop(media.clone());
        let finished = self.job.finished(whole::chunk(&workshop)).ok().flatten();
        let resumed_chunks = usize::from(finished.is_some());
        let chunk = match finished {
            Some(chunk) => chunk,
            None => {
                let pulse = Arc::new(Pulse::default());
                let telling = Telling::of(pulse.clone(), media.frames, self.watch.children);
                let encoding = begin(move || {
                    let room = workshop.job.room();
                    room.wait("the film", || whole::encode(&workshop, &pulse))
                });
                self.board.set_workers(Some(1));
                let encoded = self.watch.wait(&encoding, || telling.next());
                self.board.set_workers(None);
                encoded?
            }
        };
        let concealed = self.concealed(listening, &media)?;
        let damage = [chunk.record().damage.clone(), concealed].concat();
        let chunks = vec![chunk];
        Ok(Made {
            damage,
            notes,
            media,
            chunks,
            resumed_chunks,
            announced,
            references: None,
        })
    }
}

/// Tells of progress, now and then.
struct Telling<'a> {
    pulse: Arc<Pulse>,
    total_frames: u64,
    children: &'a Children,
    pace: RefCell<Pace>,
    told: Cell<Option<Instant>>,
}

impl<'a> Telling<'a> {
    fn of(pulse: Arc<Pulse>, total_frames: u64, children: &'a Children) -> Self {
        Self {
            pulse,
            total_frames,
            children,
            pace: RefCell::new(Pace::since(Instant::now())),
            told: Cell::new(None),
        }
    }

    /// How far it is, if that is due.
    fn next(&self) -> Option<Event> {
        // Nobody else looks at its memory.
        let encoded = self.pulse.vitals().encoded;
        let now = Instant::now();
        let mut pace = self.pace.borrow_mut();
        pace.saw(encoded, !self.children.is_held(), now);
        if self.told.get().is_some_and(|last| now < last + TELL) {
            return None;
        }
        self.told.set(Some(now));
        let (frames, total_frames) = (encoded, self.total_frames);
        Some(Event::Progress(Progress {
            frames,
            total_frames,
            detected_frames: total_frames,
            chunks: 0,
            total_chunks: 1,
            fps: pace.fps(),
            elapsed_seconds: pace.elapsed_seconds(),
            eta_seconds: pace.seconds_for(total_frames.saturating_sub(frames)),
            bytes: 0,
            expected_bytes: None,
            workers: 1,
            memory_bytes: self
                .children
                .pids()
                .into_iter()
                .map(process::resident)
                .sum(),
            paused: self.children.is_held(),
        }))
    }
}
