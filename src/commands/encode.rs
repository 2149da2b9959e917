//! Encodes a film, from the command line to the final name.

use crate::{
    crew, doctor, encoder,
    film::media,
    os::{disk, process, signal, words},
    output::{join, part, preflight, verify},
    plan::recipe,
    source,
    source::probe,
    stream::y4m,
    work::{sound, trial, whole},
};

use std::{
    cell::Cell,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use num_rational::Ratio;
use serde::Serialize;

use crate::{
    crew::OtherScenes,
    doctor::{Check, Diagnosis, Equipment, Programs, Wanted, film::Film, forecast::Forecast},
    encoder::{Encoder, Quality, session::Pulse},
    event::{Event, Progress, Report, Sink, Stage, detail, note, warn},
    film::media::{Container, Extra, MediaInfo},
    job::{Claim, Encoded, Job, ReaderRecord},
    os::{
        process::Children,
        signal::Interrupted,
        task::{Task, Watch, begin},
    },
    output::part::PartFile,
    plan::{
        recipe::Recipe,
        workers::{self, Demands, Load, Machine, Workers},
    },
    settings::{Config, Method, UsageError},
    source::{
        Reader,
        packets::Announced,
        places::{self, Mismatch, References},
        probe::{Probed, Tools},
    },
    work::{
        chunk::Workshop,
        handed::Handing,
        reading::{Opened, Opening},
    },
};

/// What a run came to.
#[derive(Debug)]
pub enum Outcome {
    /// The film is encoded.
    Encoded(Box<Report>),
    /// Only the plan was wanted.
    Planned(Box<Plan>),
}

/// What would be done: shown by `--dry-run`.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// The source.
    pub input: String,
    /// The output.
    pub output: String,
    /// The source's container and video.
    pub source: Container,
    /// Every decision about the bytes.
    pub recipe: Recipe,
    /// The encoder's command line for a chunk.
    pub encoder_line: String,
    /// Encoders at once, and why.
    pub workers: Workers,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Encodes a film, from the command line to the final name.
///
/// # Errors
/// [`UsageError`], [`job::Refusal`] and [`Interrupted`] have exit codes of their own; everything else is a failure.
pub fn run(config: &Config, sink: &Sink) -> Result<Outcome> {
    let started = Instant::now();
    process::limit_heaps();
    let children = Children::guarded()?;
    source::choose_library(&children);
    let signals = signal::install()?;
    let watch = Watch {
        children: &children,
        signals: &signals,
        sink,
    };

    refuse_overwriting(config)?;
    sink(Event::Stage {
        stage: Stage::Probe,
    });
    // The film is looked at while the machine is. What the machine lacks is said first.
    let probing = Tools::find(&config.programs).map(|tools| {
        let (children, input) = (children.clone(), config.input.clone());
        begin(move || probe::probe(&children, &tools, &input))
    });
    let equipment = doctor::require(&children, wanted(config))?;
    // Embedded Python may have put a handler of its own in place of ours.
    signal::rearm()?;
    let mut probed = watch.wait(
        &probing.context("ffmpeg, ffprobe or mkvmerge has come only now")?,
        || None,
    )?;
    if let Some(check) = doctor::lacking_for(&children, &probed.container) {
        bail!("this machine lacks what this film needs:\n{check}");
    }
    let container = &mut probed.container;
    container.new_sound = config.audio_args.is_some() && container.track_counts()[1] > 0;
    for reason in &equipment.programs.passed_over {
        note(
            sink,
            format!(
                "{} is used: {reason}",
                equipment.programs.encoder.identity().version
            ),
        );
    }
    let plan = plan(config, &equipment.programs, &probed.container)?;
    if config.dry_run {
        return Ok(Outcome::Planned(Box::new(plan)));
    }
    part::require_writable(&config.output)?;
    for warning in &plan.warnings {
        warn(sink, warning.clone());
    }

    let lp_demanded =
        recipe::demanded_lp(config, equipment.programs.encoder.capabilities())?.is_some();
    let job = Arc::new(Job::open(&Claim {
        dir: &config.job_dir,
        input: &config.input,
        output: &config.output,
        recipe: &plan.recipe,
        lp: plan.workers.lp,
        lp_demanded,
        restart: config.restart,
    })?);
    // Only who holds the job may touch what is being written for it.
    let part = PartFile::create(&config.output, config.overwrite)
        .inspect_err(|error| forget(&job, error))?;
    if job.resumed {
        note(
            sink,
            format!(
                "going on with the work in {}",
                process::quoted(config.job_dir.as_os_str())
            ),
        );
    }
    detail(
        sink,
        format!(
            "{} workers with --lp {}: {}",
            plan.workers.workers, job.lp, plan.workers.reason
        ),
    );
    let trial = try_encoder(&children, &equipment, &job, &plan, &probed);
    let run = Run {
        watch: &watch,
        config,
        equipment: &equipment,
        job: &job,
        plan: &plan,
        probed: &probed,
        lp_demanded,
    };
    let Made {
        media,
        chunks,
        resumed_chunks,
        announced,
        references,
    } = if config.direct {
        run.in_one_go(trial)?
    } else {
        run.in_chunks(trial)?
    };
    let container = Handing::as_carried(&media.container, job.carried().as_ref());
    let media = Arc::new(MediaInfo {
        container,
        ..MediaInfo::clone(&media)
    });
    let recipe = Arc::new(plan.recipe.clone());
    let video_bytes: u64 = chunks.iter().map(|chunk| chunk.record().bytes).sum();

    sink(Event::Stage { stage: Stage::Join });
    job.require_same_source()?;
    disk::require(
        part::dir_of(&config.output),
        video_bytes,
        "the output's video",
    )
    .context("joining the chunks, which are kept")?;
    watch.over({
        let (children, tools, job, media) = (
            children.clone(),
            equipment.programs.tools.clone(),
            job.clone(),
            media.clone(),
        );
        let (recipe, chunks, name, sink) =
            (recipe.clone(), chunks.clone(), part.name(), sink.clone());
        move || {
            let parts = join::Parts {
                job: &job,
                media: &media,
                recipe: &recipe,
                chunks: &chunks,
            };
            join::join(&children, &tools, &parts, &name, &sink)
                .context("the chunks are kept, and the same command only joins them")
        }
    })?;
    sink(Event::Stage {
        stage: Stage::Verify,
    });
    let proof = watch
        .over({
            let (children, tools, media, chunks) = (
                children.clone(),
                equipment.programs.tools.clone(),
                media.clone(),
                chunks.clone(),
            );
            let (file, decode, job) = (part.path().to_owned(), config.verify_decode, job.clone());
            move || {
                let pictures = verify::Pictures {
                    announced: &announced,
                    references,
                };
                let wanted = verify::Wanted {
                    job: &job,
                    media: &media,
                    recipe: &recipe,
                    chunks: &chunks,
                };
                verify::output(&children, &tools, &file, &wanted, pictures, decode)
            }
        })
        .context("the joined film is not whole and was not given its name")?;
    for finding in proof
        .findings
        .iter()
        .filter(|finding| finding.output.contains("damaged in the source"))
    {
        warn(sink, format!("{}: {}", finding.what, finding.output));
    }
    // Its other tracks were read until now.
    job.require_same_source()?;
    let output_bytes = part.publish()?;
    let report = Report {
        output: config.output.clone(),
        source_bytes: media.container.bytes,
        output_bytes,
        video_bytes,
        seconds: started.elapsed().as_secs_f64(),
        fps: media.frames as f64 / started.elapsed().as_secs_f64(),
        chunks: chunks.len(),
        resumed_chunks,
        proof,
    };
    if !config.keep {
        job.remove()?;
    }
    Ok(Outcome::Encoded(Box::new(report)))
}

/// What the machine has to have for this encode.
#[must_use]
pub fn wanted(config: &Config) -> Wanted<'_> {
    Wanted {
        encoder: &config.encoder,
        programs: &config.programs,
        bit_depth: config.video.bit_depth,
        direct: config.direct || config.method == Method::Linear,
    }
}

/// What the doctor says.
#[derive(Debug, Serialize)]
pub struct Diagnosed {
    /// The checks, and what they come to.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
    /// What would be done with the film, if one was given and can be encoded.
    pub plan: Option<Plan>,
    /// What that would take, if it was tried.
    pub forecast: Option<Forecast>,
}

/// Checks everything that an encode needs; with `film`, that the film of `config` can be encoded and fits.
///
/// # Errors
/// [`UsageError`], as for an encode; if no process can be started.
pub fn diagnose(config: &Config, film: bool) -> Result<Diagnosed> {
    let children = Children::guarded()?;
    source::choose_library(&children);
    let (mut checks, programs) = doctor::examine(&children, wanted(config), &config.job_dir);
    let (mut planned, mut forecast) = (None, None);
    if let Some(programs) = programs.filter(|_| film) {
        match probe::probe(&children, &programs.tools, &config.input) {
            Err(error) => checks.push(Check::broken("film", format!("{error:#}"))),
            Ok(probed) => {
                let plan = plan(config, &programs, &probed.container)?;
                let (more, guess) = doctor::film::checks(
                    &programs,
                    &film_of(config, &probed, &plan),
                    Machine::look(),
                );
                checks.extend(more);
                checks.extend(doctor::lacking_for(&children, &probed.container));
                (planned, forecast) = (Some(plan), guess);
            }
        }
        if let Err(refusal) = refuse_overwriting(config) {
            checks.push(Check::broken("output", format!("{refusal:#}")));
        }
    }
    Ok(Diagnosed {
        diagnosis: Diagnosis::of(checks),
        plan: planned,
        forecast,
    })
}

fn film_of<'a>(config: &'a Config, probed: &'a Probed, plan: &'a Plan) -> Film<'a> {
    Film {
        input: &config.input,
        probed,
        recipe: &plan.recipe,
        encoder_line: &plan.encoder_line,
        workers: &plan.workers,
        warnings: &plan.warnings,
        allow_truncated: config.allow_truncated,
        job_dir: &config.job_dir,
        output_dir: part::dir_of(&config.output),
    }
}

/// An encoded film, in parts.
struct Made {
    media: Arc<MediaInfo>,
    chunks: Arc<Vec<Encoded>>,
    resumed_chunks: usize,
    announced: Arc<Announced>,
    references: Option<References>,
}

/// What a run has at hand while the film is encoded.
struct Run<'a> {
    watch: &'a Watch<'a>,
    config: &'a Config,
    equipment: &'a Equipment,
    job: &'a Arc<Job>,
    plan: &'a Plan,
    probed: &'a Probed,
    lp_demanded: bool,
}

/// How often the progress of a film that is encoded in one go is told.
const TELL: Duration = Duration::from_secs(1);

/// Name of this machine.
fn host() -> String {
    nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

impl Run<'_> {
    fn opening(&self) -> Opening<'_> {
        Opening {
            watch: self.watch,
            config: self.config,
            tools: &self.equipment.programs.tools,
            vapoursynth: self.equipment.vapoursynth,
            job: self.job,
            workers: self.plan.workers.most,
            bit_depth: self.plan.recipe.video.picture.bit_depth,
            probed: self.probed,
        }
    }

    /// Finds the film's scenes and encodes them side by side.
    fn in_chunks(&self, trial: Option<Task<()>>) -> Result<Made> {
        let (watch, job) = (self.watch, self.job);
        let opened = self
            .opening()
            .open(trial)
            .inspect_err(|error| forget(job, error))?;
        warn_of_small_disks(self.config, self.plan, &opened.media, watch.sink);
        (watch.sink)(Event::Stage {
            stage: Stage::Encode,
        });
        match self.encode(&opened) {
            Err(error) if error.is::<Mismatch>() => {
                self.read_in_order_from_now_on(&error)?;
                let opened = self.opening().open(None)?;
                (watch.sink)(Event::Stage {
                    stage: Stage::Encode,
                });
                match self.encode(&opened) {
                    // More was wrong than was seen: nothing of what FFMS2 has delivered is kept.
                    Err(error) if error.is::<OtherScenes>() => {
                        watch.children.reopen();
                        job.forget_from(0)?;
                        self.encode(&opened)
                    }
                    made => made,
                }
            }
            made => made,
        }
    }

    /// What FFMS2 has delivered is not the film: what was made of it is forgotten, and ffmpeg reads the film.
    fn read_in_order_from_now_on(&self, error: &anyhow::Error) -> Result<()> {
        let mismatch = error.downcast_ref::<Mismatch>().context("no mismatch")?;
        // Everybody who used a tool has noticed that the crew was stopped.
        self.watch.children.reopen();
        let video = &self.probed.container.video;
        // Where frames are converted, the two readers do not convert alike: all of the film must be of one.
        let alike = video.bit_depth == 8 && video.subsampling == media::Subsampling::Yuv420;
        self.job
            .forget_from(if alike { mismatch.right_until } else { 0 })?;
        let why = format!("FFMS2 delivers wrong pictures ({mismatch})");
        self.job.record_reader(&ReaderRecord {
            linear: true,
            why: Some(why.clone()),
        })?;
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
            changes,
        } = opened;
        let (watch, config, equipment, job) = (self.watch, self.config, self.equipment, self.job);
        let recipe = Arc::new(self.plan.recipe.clone());
        let others = self.others(&media.container);
        let wishes = crew::Wishes {
            most: self.plan.workers.most,
            lp: job.lp,
            most_lp: if self.lp_demanded {
                job.lp
            } else {
                recipe.encoder.same_bytes_up_to(job.lp)
            },
            memory: config.memory,
            load: load(&equipment.programs.encoder, &media.container, &recipe),
            finish_chunks: config.finish_chunks,
            stall_timeout: config.stall_timeout,
            disk_timeout: config.disk_timeout,
        };
        let looking = if references.is_none() {
            Some(self.begin_to_look(media, announced))
        } else {
            None
        };
        let work = crew::Work {
            workshop: self.workshop(media.clone()),
            reader: reader.clone(),
            aside: others,
        };
        let encoded = crew::run(work, &wishes, watch.signals, watch.sink)?;
        let seen = looking
            .map(|looking| watch.wait(&looking, || None))
            .transpose()?;
        let references = references.clone().or(seen);
        let (chunks, resumed_chunks) = (Arc::new(encoded.chunks), encoded.resumed);
        let media = match reader {
            Reader::Indexed(..) => {
                self.tell_of_extras(references.as_ref().map_or(&[], References::extras));
                media.clone()
            }
            Reader::Linear(film) => {
                self.tell_of_extras(&film.extras());
                let known = |what| changes.iter().any(|change| change.what == what);
                let new: Vec<_> = film
                    .changes()
                    .into_iter()
                    .filter(|change| !known(change.what))
                    .collect();
                source::changes::warnings(&new)
                    .into_iter()
                    .for_each(|warning| warn(watch.sink, warning));
                self.tell_of_what_is_not_shown(announced, &film.times_ms(), &film.complaints());
                self.as_decoded(media, &film.times_ms())?
            }
        };
        Ok(Made {
            media,
            chunks,
            resumed_chunks,
            announced: announced.clone(),
            references,
        })
    }

    /// Begins to look at the source's beginning and end, for the proof, beside the encoders: of a film that is decoded in
    /// order, whatever is lost or doubled shows at its end.
    fn begin_to_look(
        &self,
        media: &Arc<MediaInfo>,
        announced: &Arc<Announced>,
    ) -> Task<References> {
        let (children, tools) = (
            self.watch.children.clone(),
            self.equipment.programs.tools.clone(),
        );
        let (job, media, announced) = (self.job.clone(), media.clone(), announced.clone());
        begin(move || {
            let film = places::Film::source(
                &children,
                &tools,
                job.dir(),
                job.source_link(),
                &media.container,
            );
            let mut places = places::choose(&announced);
            places.truncate(2);
            References::look(&film, &announced, &places)
                .context("decoding some places of the source")
        })
    }

    /// Says what pictures carry beside themselves, where that was not known from the first of them.
    fn tell_of_extras(&self, extras: &[(Extra, f64)]) {
        let mut known = self.probed.container.video.extras.clone();
        for (extra, ms) in extras {
            if !known.contains(extra) {
                warn(
                    self.watch.sink,
                    format!("{extra} (seen at {:.2} s)", ms / 1000.0),
                );
                known.push(*extra);
            }
        }
    }

    /// Says what of the film no decoder can show, and what ffmpeg complained of while it decoded it.
    fn tell_of_what_is_not_shown(
        &self,
        announced: &Announced,
        shown_ms: &[f64],
        complaints: &[String],
    ) {
        let sink = self.watch.sink;
        let lost = announced.not_among(shown_ms);
        let at = lost
            .first()
            .map(|ms| format!(", the first at {:.2} s", ms / 1000.0))
            .unwrap_or_default();
        let of = announced.times_ms.len();
        let lost = words::count(lost.len() as u64, "picture");
        match complaints.first() {
            None if at.is_empty() => (),
            // Some coders put what other pictures refer to into packets of its own.
            None => note(
                sink,
                format!("{lost} of {of} are there for others to refer to, and are not shown{at}"),
            ),
            // Of what cannot be decoded at the beginning it was told already.
            Some(_) if at.is_empty() && announced.times_ms.len() < announced.packets as usize => (),
            Some(said) if at.is_empty() => {
                warn(
                    sink,
                    format!(
                        "ffmpeg complained while it decoded the film, all of which is shown as it decodes it: {said}"
                    ),
                );
            }
            Some(said) => {
                warn(
                    sink,
                    format!(
                        "the film is damaged: {lost} of {of} cannot be decoded{at}, and nothing is shown for them ({said})"
                    ),
                );
            }
        }
        complaints
            .iter()
            .for_each(|said| detail(sink, format!("ffmpeg, while decoding the film: {said}")));
    }

    /// The film as it was decoded: picture n at the time that the decoder gave it.
    fn as_decoded(&self, expected: &MediaInfo, times_ms: &[f64]) -> Result<Arc<MediaInfo>> {
        let (times_ms, moved) = source::ascending(times_ms);
        if moved > 0 {
            warn(
                self.watch.sink,
                format!(
                    "{} did not come after the one before, and was moved to behind it",
                    words::count(moved as u64, "picture")
                ),
            );
        }
        let offset_ms = |ms: &f64| self.probed.container.clock.output_ms(*ms);
        let times_ms: Vec<f64> = times_ms.iter().map(offset_ms).collect();
        let rates: Vec<Ratio<u32>> = [expected.fps]
            .into_iter()
            .chain(self.probed.rates.iter().copied())
            .collect();
        let first_ms = times_ms
            .first()
            .copied()
            .context("no picture of the film can be decoded")?;
        // The rate that the encoders were told stays.
        let (timing, fps) =
            source::timing(&times_ms, first_ms, &rates).context("its frame rate is unknown")?;
        let fps = if matches!(timing, media::Timing::Constant { .. }) {
            fps
        } else {
            expected.fps
        };
        let ends_ms = expected
            .ends_ms
            .filter(|ends_ms| times_ms.last().is_some_and(|last| last + 1.0 <= *ends_ms));
        Ok(Arc::new(MediaInfo {
            frames: times_ms.len() as u64,
            timing,
            fps,
            ends_ms,
            ..expected.clone()
        }))
    }

    /// What all chunks have in common.
    fn workshop(&self, media: Arc<MediaInfo>) -> Workshop {
        Workshop {
            job: self.job.clone(),
            media,
            recipe: Arc::new(self.plan.recipe.clone()),
            encoder: self.equipment.programs.encoder.clone(),
            children: self.watch.children.clone(),
            host: host(),
        }
    }

    /// Work on the other tracks, beside the chunks: those that are copied are tried, sound may be encoded anew.
    fn others(&self, container: &Container) -> Option<crew::Aside> {
        let args = self
            .plan
            .recipe
            .audio_args
            .clone()
            .filter(|_| container.new_sound);
        if args.is_none() && container.handed().is_empty() {
            return None;
        }
        let (children, tools) = (
            self.watch.children.clone(),
            self.equipment.programs.tools.clone(),
        );
        let (sink, job, container) = (self.watch.sink.clone(), self.job.clone(), container.clone());
        Some(Box::new(move || {
            let handing = Handing {
                children: &children,
                tools: &tools,
                job: &job,
                container: &container,
                sink: &sink,
            };
            preflight::prove(&handing)?;
            args.map_or(Ok(()), |args| {
                sound::encode(&children, &tools, &job, &container, &args, &sink)
            })
        }))
    }

    /// Encodes the film as one chunk that ffmpeg reads itself.
    fn in_one_go(&self, trial: Option<Task<()>>) -> Result<Made> {
        let (watch, job) = (self.watch, self.job);
        let opening = self.opening();
        let packets = opening.begin_packets();
        let tried = trial.map_or(Ok(()), |trial| watch.wait(&trial, || None));
        tried.inspect_err(|error| forget(job, error))?;
        (watch.sink)(Event::Stage {
            stage: Stage::Index,
        });
        let announced = opening
            .announced(&packets)
            .inspect_err(|error| forget(job, error))?;
        let changes = opening
            .changes(&announced)
            .inspect_err(|error| forget(job, error))?;
        // Its filters begin anew with such a picture, and count from nought.
        let constant = changes.iter().find(|change| change.alters_pictures()).map_or(Ok(()), |change| {
            bail!("{change}, and --no-chunks encodes only films whose pictures are all alike: leave it out")
        });
        constant.inspect_err(|error| forget(job, error))?;
        let timed = announced
            .doubt
            .as_ref()
            .is_none_or(|doubt| !doubt.contains("no times"));
        let with_times = timed
            .then_some(())
            .context("frames of the film have no time: it cannot be encoded with --no-chunks");
        with_times.inspect_err(|error| forget(job, error))?;
        let media = opening
            .media(opening.as_announced(&announced))
            .inspect_err(|error| forget(job, error))?;
        warn_of_small_disks(self.config, self.plan, &media, watch.sink);
        (watch.sink)(Event::Stage {
            stage: Stage::Encode,
        });
        if let Some(others) = self.others(&media.container) {
            watch.over(others)?;
        }
        let announced = Arc::new(announced);
        let made = |chunk, resumed_chunks| Made {
            media: media.clone(),
            chunks: Arc::new(vec![chunk]),
            resumed_chunks,
            announced: announced.clone(),
            references: None,
        };
        let workshop = self.workshop(media.clone());
        if let Some(chunk) = job.finished(whole::chunk(&workshop)).ok().flatten() {
            return Ok(made(chunk, 1));
        }
        let (started, told, pulse) = (Instant::now(), Cell::new(None), Arc::new(Pulse::default()));
        let (watched, total_frames) = (pulse.clone(), media.frames);
        let progress = || {
            let elapsed = started.elapsed();
            if told.get().is_some_and(|last| elapsed < last + TELL) {
                return None;
            }
            told.set(Some(elapsed));
            let (frames, elapsed_seconds) = (watched.look().encoded, elapsed.as_secs_f64());
            let fps = frames as f64 / elapsed_seconds.max(0.001);
            Some(Event::Progress(Progress {
                frames,
                total_frames,
                detected_frames: total_frames,
                chunks: 0,
                total_chunks: 1,
                fps,
                elapsed_seconds,
                eta_seconds: (frames > 0)
                    .then(|| (total_frames.saturating_sub(frames)) as f64 / fps),
                bytes: 0,
                expected_bytes: None,
                workers: 1,
                memory_bytes: watch
                    .children
                    .pids()
                    .into_iter()
                    .map(process::resident)
                    .sum(),
            }))
        };
        let chunk = watch.wait(&begin(move || whole::encode(&workshop, &pulse)), progress)?;
        Ok(made(chunk, 0))
    }
}

/// Removes the directory of a job that came to nothing: it holds no work, and would stand in the way of another source.
/// Of one that was only stopped, the directory stays.
fn forget(job: &Job, why: &anyhow::Error) {
    if !job.resumed && why.downcast_ref::<Interrupted>().is_none() {
        // The reason why it came to nothing is what the user must hear of.
        let _ = job.remove();
    }
}

/// Refuses to overwrite the output, and to overwrite the input at all.
fn refuse_overwriting(config: &Config) -> Result<()> {
    if let (Ok(input), Ok(output)) = (
        fs::canonicalize(&config.input),
        fs::canonicalize(&config.output),
    ) && input == output
    {
        return Err(UsageError("input and output are the same file".to_owned()).into());
    }
    part::refuse_existing(&config.output, config.overwrite || config.dry_run)
}

/// Frames of a chunk, on average, for guessing their number before the scenes are known.
const LIKELY_CHUNK: f64 = 120.0;

/// Decides everything that can be decided before the source is indexed.
fn plan(config: &Config, programs: &Programs, container: &Container) -> Result<Plan> {
    let mut warnings = container.warnings.clone();
    let recipe = recipe::decide(
        config,
        container,
        programs.encoder.capabilities(),
        &mut warnings,
    )?;
    let demanded_lp = recipe::demanded_lp(config, programs.encoder.capabilities())?;
    let frames = container.declared_frames.map(|frames| frames as f64);
    // 24 frames a second is as good a guess as any: only films of a few chunks are of interest here.
    let frames = frames
        .or(container.duration_seconds.map(|seconds| seconds * 24.0))
        .unwrap_or(f64::MAX);
    let workers = workers::choose(
        Machine::look(),
        &load(&programs.encoder, container, &recipe),
        if config.direct {
            1
        } else {
            (frames / LIKELY_CHUNK).ceil().min(1e9) as u64
        },
        Demands {
            workers: config.workers,
            lp: demanded_lp,
            memory: config.memory,
        },
    );
    let line = programs
        .encoder
        .chunk_command(&recipe.video, workers.lp, Path::new("CHUNK.ivf"));
    Ok(Plan {
        input: config.input.to_string_lossy().into_owned(),
        output: config.output.to_string_lossy().into_owned(),
        source: container.clone(),
        encoder_line: process::shown(&line),
        recipe,
        workers,
        warnings,
    })
}

/// What a worker will have to do, as far as it decides about memory.
fn load(encoder: &Encoder, container: &Container, recipe: &Recipe) -> Load {
    let video = &container.video;
    Load {
        encoder: encoder.identity().clone(),
        size: (video.width, video.height),
        preset: recipe.video.preset,
    }
}

/// Bits per pixel of SVT-AV1 at CRF 28 on grainy films, generously; halved with every six steps of CRF.
const BITS_PER_PIXEL: f64 = 0.1;
const CRF_OF_THAT: f64 = 28.0;

/// Warns where the film may not fit. How large it becomes is a guess; while it is encoded, the disk is watched.
fn warn_of_small_disks(config: &Config, plan: &Plan, media: &MediaInfo, sink: &Sink) {
    let crf = if let Quality::Crf(crf) = plan.recipe.video.quality {
        crf.value()
    } else {
        CRF_OF_THAT
    };
    let pixels = media.frames as f64 * f64::from(media.width) * f64::from(media.height);
    let video = (pixels * BITS_PER_PIXEL / 8.0 * ((CRF_OF_THAT - crf) / 6.0).exp2()) as u64;
    let video = video.min(media.container.bytes);
    for dir in [config.job_dir.as_path(), part::dir_of(&config.output)] {
        if let Err(error) = disk::require(dir, video, "what is expected (a guess)") {
            warn(sink, format!("{error:#}"));
        }
    }
}

/// Begins to try the encoder with the recipe on two frames, unless chunks of this job show that it takes it.
fn try_encoder(
    children: &Children,
    equipment: &Equipment,
    job: &Arc<Job>,
    plan: &Plan,
    probed: &Probed,
) -> Option<Task<()>> {
    if job.has_chunks() {
        return None;
    }
    let (width, height) = probed.container.video.encoded_size();
    // What a container says of its rate may be nonsense, which the index will see through.
    let fps = encoder::rate(
        probed
            .rates
            .first()
            .copied()
            .unwrap_or_else(|| Ratio::from_integer(24)),
    );
    let format = y4m::Format {
        width,
        height,
        fps,
        bit_depth: plan.recipe.video.picture.bit_depth,
    };
    let (children, encoder) = (children.clone(), equipment.programs.encoder.clone());
    let (recipe, job) = (plan.recipe.clone(), job.clone());
    Some(begin(move || {
        trial::require_accepted(&children, &encoder, &recipe, format, &job)
    }))
}
