//! Finds the film's scenes and encodes them side by side.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, bail};

use super::{decoded, made::Made, run::Run};
pub use crate::work::reading::Opened;
use crate::{
    crew::{self, Aside, OtherScenes},
    decide::target::Course,
    event::{Event, Stage, note, warn},
    film::media::{Chunk, Extra, MediaInfo, Subsampling},
    neighbour::standing,
    os::{
        exit::{Missed, UsageError},
        process::quoted,
        task::{Task, begin},
        words::count,
    },
    settings::{Step, cuts::as_json},
    source::{
        Reader, changes,
        linear::Linear,
        packets::Announced,
        places::{self, Mismatch, References},
        strict,
    },
};

impl Run<'_> {
    /// Encodes a film. Where FFMS2 turns out to deliver wrong pictures on the way, ffmpeg reads it from there on.
    pub(super) fn in_chunks(&self, opened: Opened) -> Result<Made> {
        match self.encode(&opened) {
            Err(error) if error.is::<Mismatch>() => {
                self.read_in_order_from_now_on(&opened, &error)?;
                let opened = self.opening().open(None)?;
                (self.watch.sink)(Event::Stage {
                    stage: Stage::Encode,
                });
                match self.encode(&opened) {
                    // More was wrong than was seen: nothing of what FFMS2 has delivered is kept.
                    Err(error) if error.is::<OtherScenes>() => {
                        self.watch.children.reopen();
                        self.job.forget_from(0)?;
                        self.encode(&opened)
                    }
                    made => made,
                }
            }
            made => made,
        }
    }

    /// What FFMS2 has delivered is not the film: what was made of it is forgotten, and ffmpeg reads the film.
    fn read_in_order_from_now_on(&self, opened: &Opened, error: &anyhow::Error) -> Result<()> {
        let mismatch = error.downcast_ref::<Mismatch>().context("no mismatch")?;
        // Everybody who used a tool has noticed that the crew was stopped.
        self.watch.children.reopen();
        let video = &self.probed.container.video;
        // Where frames are converted, the two readers do not convert alike: all of the film must be of one.
        let alike = video.bit_depth == 8 && video.subsampling == Subsampling::Yuv420;
        self.job
            .forget_from(if alike { mismatch.right_until } else { 0 })?;
        let right_until = opened.announced.times_ms.get(mismatch.right_until as usize);
        let right = right_until
            .filter(|_| mismatch.right_until > 0)
            .map_or_else(String::new, |ms| {
                format!("; those before {:.2} s are right", ms / 1000.0)
            });
        let why = format!("FFMS2 delivers wrong pictures ({mismatch}{right})");
        let record = self.opening().in_order_from_now_on(opened, why.clone());
        self.job.record_reader(&record)?;
        warn(
            self.watch.sink,
            format!("{why}: what was made of them is encoded again"),
        );
        Ok(())
    }

    fn encode(&self, opened: &Opened) -> Result<Made> {
        let Opened {
            reader,
            media,
            announced,
            references,
            ..
        } = opened;
        let look = || self.begin_to_look(media, announced);
        // Where memory is short, one comes after the other.
        let lean = self.plan.workers.lean;
        let looking = (references.is_none() && !lean).then(look);
        let listening = (!lean).then(|| self.begin_to_listen(media));
        let film = self.chunks_and_others(opened)?;
        let looking = looking.or_else(|| references.is_none().then(look));
        let seen = looking
            .map(|looking| self.watch.wait(&looking, || None))
            .transpose()?;
        let references = references.clone().or(seen);
        let concealed = self.concealed(listening, media)?;
        let mut notes = changes::warnings(&opened.changes);
        let media = match reader {
            Reader::Indexed(..) | Reader::Packed(_) => {
                let extras = references.as_ref().map_or(&[][..], References::extras);
                notes.extend(self.tell_of_extras(extras));
                media.clone()
            }
            Reader::Linear(film) => {
                let (media, said) = self.as_decoded(opened, film)?;
                notes.extend(said);
                media
            }
        };
        Ok(Made {
            damage: [self.complaints(reader)?, concealed].concat(),
            notes,
            media,
            chunks: film.chunks,
            resumed_chunks: film.resumed,
            announced: announced.clone(),
            references,
        })
    }

    /// Encodes the chunks, and what the film has beside its picture.
    fn chunks_and_others(&self, opened: &Opened) -> Result<crew::Film> {
        let others = self.others(&opened.media.container);
        if self.plan.recipe.aim.is_some() {
            return self.to_its_size(opened, others);
        }
        if !self.plan.workers.lean {
            return self.crew(opened, others, None);
        }
        let film = self.crew(opened, None, None)?;
        if let Some(others) = others {
            self.watch.over(others)?;
        }
        Ok(film)
    }

    /// What the decoder has complained of that has read the film in order.
    fn complaints(&self, reader: &Reader) -> Result<Vec<String>> {
        match reader {
            Reader::Indexed(..) | Reader::Packed(_) => Ok(Vec::new()),
            Reader::Linear(film) => match film.damage() {
                // What was read by an earlier run was heard by it.
                heard if heard.is_empty() => self.job.damage(),
                heard => Ok(heard),
            },
        }
    }

    /// Encodes a film that is to have a certain size. What it has beside its picture comes first: that decides about the chunks.
    fn to_its_size(&self, opened: &Opened, others: Option<Aside>) -> Result<crew::Film> {
        let sound = others.map_or(Ok(0), |others| self.watch.over(others))?;
        let encode = || {
            let course = self.course(opened).inspect_err(|error| {
                if error.is::<Missed>() {
                    self.guard.give_up();
                }
            })?;
            (self.watch.sink)(Event::Stage {
                stage: Stage::Encode,
            });
            self.crew(opened, Some(Box::new(move || Ok(sound))), course)
        };
        let film = encode()?;
        self.made_to_fit(film, encode)
    }

    /// Has a crew find the scenes and encode the chunks.
    fn crew(
        &self,
        opened: &Opened,
        aside: Option<Aside>,
        course: Option<Course>,
    ) -> Result<crew::Film> {
        let work = crew::Work {
            workshop: self.workshop(opened.media.clone()),
            reader: opened.reader.clone(),
            aside,
            only: None,
        };
        let wishes = crew::Wishes {
            course,
            ..self.wishes(&opened.media)?
        };
        crew::run(work, &wishes, self.watch.signals, self.watch.sink)
    }

    /// Finds the scenes, and writes them into the file that the user has named. Where FFMS2 turns out to deliver wrong pictures
    /// on the way, ffmpeg reads the film. Returns the film as it was read.
    pub(super) fn scenes_of(&self, opened: Opened) -> Result<Opened> {
        match self.only_scenes(&opened) {
            Err(error) if error.is::<Mismatch>() => {
                self.read_in_order_from_now_on(&opened, &error)?;
                let opened = self.opening().open(None)?;
                self.only_scenes(&opened)?;
                Ok(opened)
            }
            found => found.map(|()| opened),
        }
    }

    fn only_scenes(&self, opened: &Opened) -> Result<()> {
        let detected = Arc::new(AtomicU64::new(0));
        let lookout = crew::Lookout {
            workshop: Arc::new(self.workshop(opened.media.clone())),
            reader: opened.reader.clone(),
            shelf: Arc::default(),
            detected: detected.clone(),
            stop: Arc::default(),
            threads: crew::MOST_THREADS,
            hashes: self.config.step == Step::Plan,
        };
        let frames = opened.media.frames.max(1) as f64;
        let fraction = || {
            Some(Event::Fraction {
                stage: Stage::Index,
                fraction: (detected.load(Ordering::Relaxed) as f64 / frames).min(1.0),
            })
        };
        let looking = begin(move || crew::find_scenes(lookout));
        self.watch.wait(&looking, fraction)?;
        let chunks = self.job.known_scenes()?.chunks;
        self.write_scenes(&chunks)
    }

    /// Writes the scenes of the film into the file that the user has named, if he has, and if they do not come from there.
    pub(super) fn write_scenes(&self, chunks: &[Chunk]) -> Result<()> {
        let cuts = &self.config.cuts;
        let Some(file) = cuts.file.as_ref().filter(|_| cuts.given.is_none()) else {
            return Ok(());
        };
        let spans: Vec<(u64, u64)> = chunks
            .iter()
            .map(|chunk| (chunk.start, chunk.end))
            .collect();
        let shown = quoted(file.as_os_str());
        let write = || {
            let mut to = File::create_new(file)?;
            to.write_all(as_json(&spans).as_bytes())?;
            to.sync_all()
        };
        write().with_context(|| format!("writing the scenes into {shown}"))?;
        note(
            self.watch.sink,
            format!(
                "{shown} has the scenes: {} of {}",
                count(spans.len() as u64, "chunk"),
                count(spans.last().map_or(0, |(_, end)| *end), "frame")
            ),
        );
        Ok(())
    }

    /// Makes sure that scenes which the user has given are those of this film.
    pub(super) fn require_scenes_of(&self, media: &MediaInfo) -> Result<()> {
        let cuts = &self.config.cuts;
        if let Some(frames) = cuts.given.filter(|frames| *frames != media.frames) {
            let file = cuts.file.as_deref().unwrap_or_else(|| Path::new("-"));
            bail!(UsageError(format!(
                "--scenes {}: it is of a film of {}, and this one has {}; name a file that is not there, and the scenes \
                 are found and written into it",
                quoted(file.as_os_str()),
                count(frames, "frame"),
                media.frames
            )));
        }
        Ok(())
    }

    /// What is wanted of the crew.
    fn wishes(&self, media: &MediaInfo) -> Result<crew::Wishes> {
        let (config, plan, lp) = (self.config, self.plan, self.job.lp);
        let standing = &config.neighbour.standing;
        let seats = standing::seats(standing, config.pinned_to, Path::new("/"))?;
        let most_lp = if plan.lp_demanded || plan.workers.lean {
            lp
        } else {
            plan.recipe.encoder.same_bytes_up_to(lp)
        };
        Ok(crew::Wishes {
            most_workers: plan.workers.most,
            lp,
            most_lp,
            memory: config.memory,
            lean: plan.workers.lean,
            load: plan.load(),
            finish_chunks: config.finish_chunks,
            order: config.order,
            seats,
            board: self.board.clone(),
            stall_timeout: config.stall_timeout,
            disk_patience: config.disk_patience,
            film_bytes: plan.likely_bytes(media),
            allowed: self.allowed(),
            course: None,
            waits_for_others: true,
        })
    }

    /// Begins to look at the source's beginning and end, for the proof, beside the encoders: of a film that is decoded in
    /// order, whatever is lost or doubled shows at its end.
    fn begin_to_look(
        &self,
        media: &Arc<MediaInfo>,
        announced: &Arc<Announced>,
    ) -> Task<References> {
        let tools = self.programs.tools.clone();
        let (job, media, announced) = (self.job.clone(), media.clone(), announced.clone());
        begin(move || {
            let film = places::Film::source(job.original(&tools, &media.container));
            let mut places = places::choose(&announced);
            places.truncate(2);
            References::look(&film, &announced, &places)
                .context("decoding some places of the source")
        })
    }

    /// Begins to listen for damage that the decoder which delivers the pictures conceals.
    pub(super) fn begin_to_listen(&self, media: &Arc<MediaInfo>) -> Task<Vec<String>> {
        let tools = self.programs.tools.clone();
        let (job, media) = (self.job.clone(), media.clone());
        begin(move || strict::listen(&job.original(&tools, &media.container)))
    }

    /// What was heard of such damage by who was `listening`. Where memory is short, that begins only now.
    pub(super) fn concealed(
        &self,
        listening: Option<Task<Vec<String>>>,
        media: &Arc<MediaInfo>,
    ) -> Result<Vec<String>> {
        let listening = listening.unwrap_or_else(|| self.begin_to_listen(media));
        self.watch.wait(&listening, || None)
    }

    /// Says what pictures carry beside themselves, where that was not known from the first of them; also returns it.
    fn tell_of_extras(&self, extras: &[(Extra, f64)]) -> Vec<String> {
        let mut said = Vec::new();
        let mut known = self.probed.container.video.extras.clone();
        for (extra, ms) in extras {
            if !known.contains(extra) {
                said.push(format!("{extra} (seen at {:.2} s)", ms / 1000.0));
                known.push(*extra);
            }
        }
        for sentence in &said {
            warn(self.watch.sink, sentence.clone());
        }
        said
    }

    /// What a film that was read in order to its end has turned out to be; what nobody knew of it before is told, and
    /// returned.
    fn as_decoded(&self, opened: &Opened, film: &Linear) -> Result<(Arc<MediaInfo>, Vec<String>)> {
        let sink = self.watch.sink;
        let mut said = self.tell_of_extras(&film.extras());
        let is_known = |what| opened.changes.iter().any(|change| change.what == what);
        let mut changes = film.changes();
        changes.retain(|change| !is_known(change.what));
        for warning in changes::warnings(&changes) {
            warn(sink, warning.clone());
            said.push(warning);
        }
        let times_ms = film.times_ms();
        let not_shown = decoded::not_shown(&opened.announced, &times_ms, &film.complaints());
        for event in not_shown {
            if let Event::Warning { message } | Event::Note { message } = &event {
                said.push(message.clone());
            }
            sink(event);
        }
        let (media, warning) = decoded::media(&opened.media, self.probed, &times_ms)?;
        if let Some(warning) = warning {
            warn(sink, warning.clone());
            said.push(warning);
        }
        Ok((Arc::new(media), said))
    }
}
