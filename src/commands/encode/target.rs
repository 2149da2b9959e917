//! `--target-size`: what the output has beside its picture is weighed, places of the film are tried, and chunks that have come
//! to too much are made smaller.

use std::{ops::Range, sync::Arc};

use anyhow::{Context, Result, bail};

use super::{chunks::Opened, run::Run};
use crate::{
    crew::{self, stall},
    decide::target::{Aim, Course, Reach, Sized, Trials, Tried, carried, places},
    event::{self, Aimed, Event, Stage, note, warn},
    film::media::Container,
    job::{Encoded, SizeRecord, names::Name},
    os::{
        exit::Missed,
        processors,
        task::begin,
        words::{bytes, count, typed_bytes},
    },
    output::join,
    plan::recipe::Goal,
    settings::params::Crf,
    source::linear::Linear,
    work::{
        handed::Handing,
        samples::{Sampling, Weighing},
    },
};

/// How many CRFs are tried, as a rule.
const USUAL_TRIES: f64 = 3.0;

impl Run<'_> {
    /// The way to the size that is wanted, if one is: what is not known of it yet is found out.
    ///
    /// # Errors
    /// [`Missed`], if it is out of reach.
    pub(super) fn course(&self, opened: &Opened) -> Result<Option<Course>> {
        let Goal::Size { aim, first } = self.plan.recipe.goal() else {
            return Ok(None);
        };
        let mut record = match self.job.size() {
            Some(record) => record,
            None => self.weigh(aim, opened)?,
        };
        let room = aim.room(record.others);
        // What was settled after all was encoded needs no trial.
        if record.settled.is_empty() {
            self.try_sizes(aim, first, opened, &mut record)?;
            self.require_reach(aim, &record)?;
        }
        self.job.forget_unlike(&record.settled)?;
        let SizeRecord {
            others,
            trials,
            settled,
            ..
        } = record;
        let course = Course::new(trials.clone(), aim.scale, room, settled);
        (self.watch.sink)(Event::Aimed(Aimed {
            target_bytes: aim.bytes,
            other_bytes: others,
            crf: course.first().value(),
            places: places(trials.frames).len(),
            tried: trials
                .tried()
                .iter()
                .map(|tried| tried.crf.value())
                .collect(),
        }));
        Ok(Some(course))
    }

    /// Weighs what the output has beside its picture.
    fn weigh(&self, aim: Aim, opened: &Opened) -> Result<SizeRecord> {
        let (tools, job) = (self.programs.tools.clone(), self.job.clone());
        let container = Handing::as_carried(&opened.media.container, job.carried().as_ref());
        let others = self.watch.over(move || {
            let weigh = || -> Result<u64> {
                let file = job.part(Name::OthersJoined)?;
                let bytes = join::weigh_all_but_picture(&tools, &job, &container, &file)?;
                job.part(Name::OthersJoined)?;
                Ok(bytes)
            };
            job.room().wait("the film's other tracks once more", weigh)
        });
        let others = others.context("weighing what the output has beside its picture")?;
        if aim.room(others) == 0 {
            bail!(Missed(format!(
                "{} is out of reach: what the output has beside its picture takes {} already{}",
                self.said_of_target(),
                bytes(others),
                self.how_to_shrink_sound(&opened.media.container)
            )));
        }
        let frames = self.frames(opened)?;
        let trials = Trials::of(frames);
        Ok(SizeRecord {
            others,
            trials,
            settled: Vec::new(),
            rounds: 0,
        })
    }

    fn said_of_target(&self) -> &str {
        let target = self.config.deciding.target.as_ref();
        target.map_or("--target-size", |target| &target.said)
    }

    fn how_to_shrink_sound(&self, container: &Container) -> &'static str {
        match container.has_copied_sound() {
            true => {
                ", most of it sound that is copied: add -a \"-c:a libopus -b:a 96k\" to have it smaller"
            }
            false => ": name a larger size",
        }
    }

    /// How many pictures the film has. One that is read in order is read once, so that any part of it can be found again.
    fn frames(&self, opened: &Opened) -> Result<u64> {
        match opened.reader.linear() {
            None => Ok(opened.media.frames),
            Some(film) => self.read_once(film, opened.media.frames),
        }
    }

    fn read_once(&self, film: &Arc<Linear>, announced: u64) -> Result<u64> {
        let known = self.job.pictures().and_then(|known| film.learn(&known));
        if known.is_err() {
            self.read_whole(film, announced)?;
            if !film.damage().is_empty() {
                film.decode_damaged();
                self.read_whole(film, announced)?;
            }
        }
        Ok(film.times_ms().len() as u64)
    }

    fn read_whole(&self, film: &Arc<Linear>, announced: u64) -> Result<()> {
        let cores = processors::count();
        let threads = cores.min(crew::MOST_THREADS);
        let reading = film.clone();
        let task = begin(move || {
            for frame in reading.whole(threads)? {
                frame?;
            }
            Ok(())
        });
        (self.watch.sink)(Event::Stage {
            stage: Stage::Index,
        });
        let fraction = || {
            let seen = film.times_ms().len() as f64 / announced.max(1) as f64;
            Some(Event::Fraction {
                stage: Stage::Index,
                fraction: seen.min(1.0),
            })
        };
        self.watch.wait(&task, fraction)
    }

    /// Tries one CRF after another from the `first` on, until it is known which one the film needs.
    fn try_sizes(
        &self,
        aim: Aim,
        first: Crf,
        opened: &Opened,
        record: &mut SizeRecord,
    ) -> Result<()> {
        let (scale, room) = (aim.scale, aim.room(record.others));
        let mut is_first = true;
        while let Some(crf) = record.trials.next(scale, first, room) {
            if is_first {
                self.frames(opened)?;
                let places = places(record.trials.frames);
                let frames: u64 = places.iter().map(|place| place.end - place.start).sum();
                let (places, frames) =
                    (count(places.len() as u64, "place"), count(frames, "frame"));
                note(
                    self.watch.sink,
                    format!(
                        "{}: {frames} at {places} are tried first",
                        self.said_of_target()
                    ),
                );
                (self.watch.sink)(Event::Stage {
                    stage: Stage::Trial,
                });
                is_first = false;
            }
            let done = record.trials.tried().len();
            let bytes = self.try_places(opened, places(record.trials.frames), crf, done)?;
            record.trials.add(Tried { crf, bytes });
            self.job.require_same_source()?;
            self.job.record_size(record)?;
        }
        Ok(())
    }

    /// Encodes the places with a CRF; returns the bytes of each.
    fn try_places(
        &self,
        opened: &Opened,
        places: Vec<Range<u64>>,
        crf: Crf,
        done: usize,
    ) -> Result<Vec<u64>> {
        let media = &opened.media;
        let preset = self.plan.recipe.video.preset;
        let patience = self.config.stall_timeout;
        let samples = Arc::new(Weighing::new(Sampling {
            workshop: self.workshop(media.clone()),
            reader: opened.reader.clone(),
            crf,
            patience: patience.unwrap_or_else(|| stall::timeout(media.width, media.height, preset)),
            places,
        }));
        let (trying, workers) = (samples.clone(), self.plan.workers.workers);
        let task = begin(move || trying.weigh(workers));
        self.watch.wait(&task, || {
            samples.watch();
            let fraction = (done as f64 + samples.fraction()) / USUAL_TRIES;
            Some(Event::Fraction {
                stage: Stage::Trial,
                fraction: fraction.min(1.0),
            })
        })
    }

    /// Refuses a size that the film cannot have, and says if it cannot even be filled.
    fn require_reach(&self, aim: Aim, record: &SizeRecord) -> Result<()> {
        let said = self.said_of_target();
        let (scale, room) = (aim.scale, aim.room(record.others));
        let others = aim.bytes - room;
        match record.trials.reach(scale, room) {
            Reach::Within => (),
            Reach::TooLarge(picture) => warn(
                self.watch.sink,
                format!(
                    "{said} is more than the film needs: with CRF {}, the best there is, it has about {}, and that is \
                     how it is encoded",
                    scale.least,
                    bytes(picture + others)
                ),
            ),
            Reach::TooSmall(picture) => {
                let least = picture + others;
                bail!(Missed(format!(
                    "{said} is out of reach: with CRF {}, the worst there is, the film has about {}, of which {} are not its \
                     picture. --target-size {} can be had",
                    scale.most,
                    bytes(least),
                    bytes(others),
                    typed_bytes(least + least / 10)
                )))
            }
        }
        Ok(())
    }

    /// Has some chunks `encode`d again where all together are too large, or leave too much room; returns all.
    pub(super) fn made_to_fit(
        &self,
        mut film: crew::Film,
        encode: impl Fn() -> Result<crew::Film>,
    ) -> Result<crew::Film> {
        let Some(aim) = self.plan.recipe.aim else {
            return Ok(film);
        };
        loop {
            let mut record = self.job.size().context("`size.json` of the job is gone")?;
            let room = aim.room(record.others);
            let sized: Vec<Sized> = film.chunks.iter().filter_map(sized).collect();
            // Those of interrupted runs count: else the same film would get other bytes after an interruption.
            let rounds = record.rounds;
            let Some(settled) = record.trials.settle(aim.scale, room, &sized, rounds) else {
                break;
            };
            self.tell_of_change(&settled, &sized);
            (record.settled, record.rounds) = (settled, rounds + 1);
            self.job.record_size(&record)?;
            let resumed = film.resumed;
            film = encode()?;
            film.resumed = resumed;
        }
        Ok(film)
    }
}

impl Run<'_> {
    /// What became of the size that was wanted, where the output has so many bytes.
    pub(super) fn sized(&self, chunks: &[Encoded], output: u64) -> Option<event::Sized> {
        let aim = self.plan.recipe.aim?;
        let crfs = chunks.iter().filter_map(|chunk| chunk.record().crf);
        let missed = (output > aim.bytes).then(|| {
            format!(
                "{} is missed: the output has {}, with CRF {} to {}",
                self.said_of_target(),
                bytes(output),
                crfs.clone().min().unwrap_or(aim.scale.least),
                crfs.clone().max().unwrap_or(aim.scale.most)
            )
        });
        Some(event::Sized {
            target_bytes: aim.bytes,
            other_bytes: self.job.size().map_or(0, |record| record.others),
            crf: crfs.clone().map(Crf::value).collect(),
            missed,
        })
    }

    /// A sentence about the CRFs of the chunks, where each has one of its own.
    pub(super) fn note_of_size(&self, chunks: &[Encoded]) -> Option<String> {
        self.plan.recipe.aim?;
        let crfs: Vec<Crf> = chunks
            .iter()
            .filter_map(|chunk| chunk.record().crf)
            .collect();
        let (least, most) = (crfs.iter().min()?, crfs.iter().max()?);
        let listed: Vec<String> = crfs.iter().map(Crf::to_string).collect();
        Some(format!(
            "{}: chunks have CRF {least} to {most}: {}",
            self.said_of_target(),
            listed.join(", ")
        ))
    }
}

impl Run<'_> {
    /// Says how many chunks have another CRF now than they had, and why.
    fn tell_of_change(&self, settled: &[Crf], chunks: &[Sized]) {
        let changed = settled.iter().zip(chunks);
        let changed: Vec<_> = changed.filter(|(crf, chunk)| **crf != chunk.crf).collect();
        let grow = changed.iter().any(|(crf, chunk)| **crf < chunk.crf);
        let (how, why) = match grow {
            true => ("lower", "leave too much room"),
            false => ("higher", "are too large"),
        };
        let (said, are) = (self.said_of_target(), are(changed.len()));
        note(
            self.watch.sink,
            format!("{said}: {are} encoded once more with a {how} CRF, since all together {why}"),
        );
    }
}

/// `1 chunk is`, `3 chunks are`.
fn are(chunks: usize) -> String {
    let verb = if chunks == 1 { "is" } else { "are" };
    format!("{} {verb}", count(chunks as u64, "chunk"))
}

fn sized(chunk: &Encoded) -> Option<Sized> {
    let record = chunk.record();
    Some(Sized {
        crf: record.crf?,
        bytes: carried(record.bytes, record.chunk.frames()),
    })
}
