//! Encodes a film, from the command line to the final name.

mod account;
mod decoded;
mod proof;
mod notes;
mod standing;
mod replacing;
mod damaged;
mod chunks;
mod prepared;
mod whole;
mod worth;
mod size;
mod clip;
mod target;

pub use self::{prepared::Prepared, worth::tell};

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use crossbeam_channel::Receiver;
use num_rational::Ratio;

use self::account::Account;
use super::{Ground, wanted};
use crate::{
    cli::Layer,
    crew::{Aside, stall},
    decide::tracks::{self, Settled},
    doctor::{self, Programs},
    encoder::{self, Quality, files::Named},
    event::{Decided, Easing, Event, Proof, Report, Sink, Stage, detail, note, warn},
    film::media::{Chunk, Container, MediaInfo},
    finding::Unproven,
    job::{self, Claim, Encoded, Job, Observer, names::Name},
    neighbour::{Board, Neighbour},
    os::{
        disk,
        exit::Missed,
        machine::{Machine, host},
        process::{ToolFailure, quoted, tells_of_no_room},
        room::Room,
        signal::{Interrupted, Signal},
        task::{Task, Watch, begin},
        toolbox::Toolbox,
        words::bytes,
    },
    output::{
        join,
        original::Original,
        part::{self, PartFile},
        preflight,
        verify::{self, Thorough},
    },
    plan::Plan,
    settings::{Config, Method, Step},
    source::{
        packets::Announced,
        places::References,
        probe::{self, Probed},
    },
    stream::y4m,
    ui::plan::intended,
    work::{
        chunk::Workshop, decoded::Samples, handed::Handing, reading::Opening, shared::Shared,
        sound, trial::Trial,
    },
};

/// What a run came to.
#[derive(Debug)]
pub enum Outcome {
    /// The film is encoded.
    Encoded(Box<Report>),
    /// An earlier run has encoded it, and was ended before it could clear up.
    Named,
    /// Only the plan was wanted.
    Planned(Box<Plan>),
    /// Only the scenes were wanted.
    Scenes,
    /// The job directory is complete: other hosts can encode its chunks.
    Prepared(Prepared),
}

/// Encodes a film.
///
/// # Errors
/// Those that [`Exit`](crate::os::exit::Exit) knows, and [`Interrupted`].
pub fn run(
    ground: &Ground,
    config: &Config,
    signals: &Receiver<Signal>,
    sink: &Sink,
) -> Result<Outcome> {
    let watch = Watch {
        children: &ground.children,
        signals,
        sink,
    };
    tell_of_the_line(ground, config, sink);
    let account = Account::begin(&watch, config);
    come_to(&account, &watch, config).inspect_err(|error| account.ended(error))
}

/// What becomes of a film, of which the `account` learns what the history is to know.
fn come_to(account: &Account<'_>, watch: &Watch<'_>, config: &Config) -> Result<Outcome> {
    let (started, sink) = (Instant::now(), watch.sink);
    let observer = Arc::new(Observer::new(config.lease_timeout));
    wait_for_other_run(watch, config, &observer)?;
    if replacing::is_finished(watch, config, account, &observer)? {
        return Ok(Outcome::Named);
    }
    let first = worth::by_file(config)?;
    refuse_taken(config, sink)?;
    // Of a film that is left alone, nothing is said but why.
    let may_be_left_alone = !config.deciding.skip.is_empty();
    if !may_be_left_alone {
        tell_of_probing(sink);
    }
    let (programs, mut probed) = gather(watch, config)?;
    account.film(&probed.container);
    let settled = settle_tracks(watch, config, &programs, &mut probed)?;
    worth::by_film(watch, config, &probed, &first)?;
    if may_be_left_alone {
        tell_of_probing(sink);
    }
    account.encoder(&programs.encoder.identity().version);
    tell_of_passed_over(&programs, sink);
    let mut plan = decide(config, &programs, &probed)?.with_tracks(settled.clone());
    account.plan(&plan);
    if config.dry_run {
        return Ok(Outcome::Planned(Box::new(plan)));
    }
    let record = standing::Record::default();
    let recorded = record.sink(sink);
    let neighbour = Neighbour::begin(&config.neighbour.limits, watch.children, &recorded)?;
    if has_waited(watch, &neighbour)? {
        // The machine is another one than it was.
        plan = decide(config, &programs, &probed)?.with_tracks(settled);
    }
    require_places(config)?;
    let room = Room::new(config.disk_patience, watch.children, sink);
    let job = open_job(config, &plan, &room, &observer)?;
    if is_named(account, &job).inspect_err(|error| forget(&job, error))? {
        return Ok(Outcome::Named);
    }
    record.begin(config, &job, neighbour.board(), sink);
    let run = Run {
        watch: &Watch {
            sink: &recorded,
            ..*watch
        },
        account,
        config,
        programs: &programs,
        job: &job,
        plan: &plan,
        probed: &probed,
        board: neighbour.board(),
        observer: &observer,
        is_clip: false,
    };
    run.all(watch, started)
}

/// Waits until it is known whether another run works on the job, where only its lease says so, and if that is wanted for its end.
fn wait_for_other_run(watch: &Watch<'_>, config: &Config, observer: &Arc<Observer>) -> Result<()> {
    if config.dry_run {
        return Ok(());
    }
    let (dir, waits) = (config.job_dir.clone(), config.waits);
    let (observer, sink) = (observer.clone(), watch.sink.clone());
    watch.over(move || job::wait_for_holder(&dir, &observer, waits, |message| note(&sink, message)))
}

fn tell_of_probing(sink: &Sink) {
    sink(Event::Stage {
        stage: Stage::Probe,
    });
}

/// Decides what is done with the film, on this machine as it is now.
fn decide(config: &Config, programs: &Programs, probed: &Probed) -> Result<Plan> {
    let named = Named::of(config, programs.encoder.identity())?;
    Plan::decide(config, &programs.encoder, probed, Machine::look(), named)
}

/// Waits until the machine's other work lets it begin. Returns whether it did not at once.
fn has_waited(watch: &Watch<'_>, neighbour: &Neighbour) -> Result<bool> {
    let board = neighbour.board().clone();
    watch.over(move || Ok(board.wait()))
}

/// Says which encoders would have been used before that which is.
fn tell_of_passed_over(programs: &Programs, sink: &Sink) {
    let version = &programs.encoder.identity().version;
    for reason in &programs.passed_over {
        note(sink, format!("{version} is used: {reason}"));
    }
}

/// Says what of the command line, and of where it was typed, has nothing to do.
fn tell_of_the_line(ground: &Ground, config: &Config, sink: &Sink) {
    if let Some(ignored) = &ground.ignored_places {
        warn(sink, ignored.clone());
    }
    if let Some(message) = &ground.standing {
        sink(Event::Neighbour(Easing {
            paused: false,
            fewer_workers: 0,
            message: message.clone(),
        }));
    }
    for had_nothing_to_do in &config.notes {
        note(sink, had_nothing_to_do.clone());
    }
}

/// Refuses an output that is the input, or something else's.
fn refuse_taken(config: &Config, sink: &Sink) -> Result<()> {
    if let Some(original) = Original::of(config) {
        return replacing::require_place(&original, config, sink);
    }
    part::refuse_input(config)?;
    let may_be_named = !config.restart && job::may_have_named(&config.job_dir, &config.output);
    let is_not_written = config.dry_run || config.cuts.only;
    part::refuse_existing(
        &config.output,
        config.overwrite || is_not_written || may_be_named,
    )
}

/// Makes sure that what will be written can be, where it is to be.
fn require_places(config: &Config) -> Result<()> {
    if config.cuts.only {
        return Ok(());
    }
    // Of a plan, too: who would have to find out only once all chunks are encoded?
    part::require_writable(&config.output)?;
    proof::require_place(config)
}

/// Looks at the film while it looks at the machine. What the machine lacks is said first.
fn gather(watch: &Watch<'_>, config: &Config) -> Result<(Programs, Probed)> {
    let named = &config.programs;
    let tools = Toolbox::find(
        watch.children,
        named.ffmpeg.as_deref(),
        named.ffprobe.as_deref(),
    );
    let probing = tools.map(|tools| {
        let input = config.input.clone();
        begin(move || probe::probe(&tools, &input))
    });
    let programs = doctor::require(watch.children, wanted(config))?;
    let probing = probing.context(
        "ffmpeg, ffprobe or mkvmerge was installed while av1enc started: repeat the command",
    )?;
    let mut probed = watch.wait(&probing, || None)?;
    if let Some(check) = doctor::lacking_for(watch.children, &probed.container) {
        bail!("this machine lacks what this film needs:\n{check}");
    }
    let container = &mut probed.container;
    container.new_sound = config.audio_args.is_some() && container.track_counts()[1] > 0;
    Ok((programs, probed))
}

/// Decides what becomes of the tracks, and has the film be one without those that are dropped.
fn settle_tracks(
    watch: &Watch<'_>,
    config: &Config,
    programs: &Programs,
    probed: &mut Probed,
) -> Result<Settled> {
    let container = &mut probed.container;
    let unknown = tracks::of_unknown_rate(&config.tracks, container);
    if !unknown.is_empty() {
        let (tools, input) = (programs.tools.clone(), config.input.clone());
        let bytes = watch.over(move || probe::bytes_of_sound(&tools, &input))?;
        container.tell_rates(|stream| bytes.get(&stream).copied());
    }
    Ok(tracks::settle(
        &config.tracks,
        &config.deciding.tables.sound,
        container,
    ))
}

fn open_job(config: &Config, plan: &Plan, room: &Room, observer: &Observer) -> Result<Arc<Job>> {
    let claim = Claim {
        dir: &config.job_dir,
        input: &config.input,
        part: &part::path_of(&config.output),
        plan,
        restart: config.restart,
        shared: config.shared,
        room,
        observer,
    };
    let opened = room.wait("the job directory", || Job::open(&claim));
    opened.map(Arc::new)
}

/// Whether the output is there because an earlier run of this job was ended after it had named it: then nothing is left to
/// do but what that run could not do any more.
fn is_named(account: &Account<'_>, job: &Arc<Job>) -> Result<bool> {
    let (config, watch) = (account.config, account.watch);
    if config.overwrite || config.cuts.only || config.replacing.is_some() {
        return Ok(false);
    }
    if job.other_sound.is_some() {
        part::refuse_existing(&config.output, false)?;
        return Ok(false);
    }
    let (of, output) = (job.clone(), config.output.clone());
    if !watch.over(move || Ok(of.has_named(&output)))? {
        part::refuse_existing(&config.output, false)?;
        return Ok(false);
    }
    let shown = quoted(config.output.as_os_str());
    note(
        watch.sink,
        format!("{shown} is finished: an earlier run of this job has proven and named it"),
    );
    account.named();
    clear_up(watch.sink, config, job);
    Ok(true)
}

/// Does what is left once the output has its name. What fails of that is no failure of the encode.
fn clear_up(sink: &Sink, config: &Config, job: &Job) {
    let removed = if config.keep { Ok(()) } else { job.remove() };
    for error in [part::sync_name(&config.output), removed]
        .into_iter()
        .filter_map(Result::err)
    {
        warn(
            sink,
            format!("the output is whole and has its name, but {error:#}"),
        );
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

/// A film that can be read.
enum Film {
    InChunks(chunks::Opened),
    InOneGo(whole::Opened),
}

impl Film {
    fn media(&self) -> &MediaInfo {
        match self {
            Self::InChunks(film) => &film.media,
            Self::InOneGo(film) => &film.media,
        }
    }
}

/// An encoded film, in parts.
struct Made {
    media: Arc<MediaInfo>,
    chunks: Vec<Encoded>,
    resumed_chunks: usize,
    announced: Arc<Announced>,
    references: Option<References>,
    /// What a decoder complained of in the source: pictures that it made up, most likely.
    damage: Vec<String>,
    /// What has turned out on the way, and was said.
    notes: Vec<String>,
}

impl Made {
    /// The same, with the tracks as they get into the output.
    fn carried(self, job: &Job) -> Self {
        let container = Handing::as_carried(&self.media.container, job.carried().as_ref());
        let media = Arc::new(MediaInfo {
            container,
            ..MediaInfo::clone(&self.media)
        });
        Self { media, ..self }
    }

    fn encoder_seconds(&self) -> f64 {
        let records = self.chunks.iter().map(Encoded::record);
        records.map(|record| record.seconds).sum()
    }

    fn video_bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.record().bytes).sum()
    }
}

/// What a run has at hand once it is planned.
struct Run<'a> {
    watch: &'a Watch<'a>,
    account: &'a Account<'a>,
    config: &'a Config,
    programs: &'a Programs,
    job: &'a Arc<Job>,
    plan: &'a Plan,
    probed: &'a Probed,
    /// Whether the film is a stretch of the user's film.
    is_clip: bool,
    /// Where it is posted how much it works, for the sake of the machine's other work.
    board: &'a Board,
    /// Who takes leases.
    observer: &'a Arc<Observer>,
}

impl<'a> Run<'a> {
    /// Does what is wanted of the film. The test clip is a job of its own: what comes of it goes to those who watch, and is no
    /// record of this job.
    fn all(&self, watch: &'a Watch<'a>, started: Instant) -> Result<Outcome> {
        self.tell_what_is_planned();
        if self.config.cuts.only {
            self.find_scenes()
                .inspect_err(|error| forget(self.job, error))?;
            return Ok(Outcome::Scenes);
        }
        if self.config.step != Step::Join {
            Run { watch, ..*self }.require_approval()?;
        }
        match self.config.step {
            Step::All => (),
            Step::Plan => {
                return self
                    .prepare()
                    .map(Outcome::Prepared)
                    .inspect_err(|error| forget(self.job, error));
            }
            Step::Join => self.require_chunks()?,
        }
        self.film(started)
            .inspect_err(|error| self.reject(error))
            .map_err(|error| self.explained_by_writing(error))
    }

    /// Makes the film, from its scenes to its name.
    fn film(&self, started: Instant) -> Result<Outcome> {
        let job = self.job;
        let (mut part, opened) = self.open().inspect_err(|error| forget(job, error))?;
        self.warn_of_small_disks(opened.media());
        (self.watch.sink)(Event::Stage {
            stage: Stage::Encode,
        });
        let made = match opened {
            Film::InChunks(film) => self.in_chunks(film)?,
            Film::InOneGo(film) => self.in_one_go(film)?,
        };
        let made = Arc::new(made.carried(job));
        self.tell_scenes(&made);

        self.require_size(&made)?;
        let proof = self
            .join(&made, &part)
            .and_then(|()| self.verify(&made, &part))
            .or_else(|why| self.join_elsewhere(&made, &mut part, why))
            .inspect_err(|why| self.write_disproof(&made, why))?;
        self.judge(&part)?;
        self.publish(&made, part, proof, started)
    }

    /// What has failed, where the source may be another one than that of the work that is there.
    fn explained_by_writing(&self, error: anyhow::Error) -> anyhow::Error {
        if !self.job.source_was_written || error.is::<Interrupted>() {
            return error;
        }
        let film = quoted(self.config.input.as_os_str());
        error.context(format!(
            "{film} was written since the earlier run began: if it is another film now, add --restart"
        ))
    }

    fn tell_what_is_planned(&self) {
        let sink = self.watch.sink;
        let fps = self.probed.rates.first().copied();
        sink(Event::Intended(intended(self.plan, fps, self.job.lp)));
        self.tell_what_is_decided();
        for warning in &self.plan.warnings {
            warn(sink, warning.clone());
        }
        if let Some(open) = &self.job.open_to_others {
            note(sink, open.clone());
        }
        if self.job.resumed {
            let job = quoted(self.config.job_dir.as_os_str());
            note(sink, format!("going on with the work in {job}"));
        }
        if self.job.source_was_written {
            let film = quoted(self.config.input.as_os_str());
            let first = "all pictures are compared with it before the output gets its name";
            note(
                sink,
                format!("{film} was written since the earlier run began: {first}"),
            );
        }
    }

    /// Says what tables have decided, where they were asked.
    fn tell_what_is_decided(&self) {
        let (class, settings) = (self.plan.class.as_ref(), &self.plan.settings);
        if class.is_none() && settings.iter().all(|setting| setting.from != Layer::Table) {
            return;
        }
        (self.watch.sink)(Event::Decided(Decided {
            class: class.map(|found| found.class.to_string()),
            confidence: class.map(|found| found.confidence),
            reasons: class.map(|found| found.reasons.clone()).unwrap_or_default(),
            settings: settings.clone(),
        }));
    }

    /// Finds the scenes of the film, and encodes nothing.
    fn find_scenes(&self) -> Result<()> {
        self.scenes_of(self.opening().open(None)?)?;
        if !self.config.keep {
            self.job.remove()?;
        }
        Ok(())
    }

    /// Writes the scenes where the user wants them. They are no part of the film: what fails of that is a warning.
    fn tell_scenes(&self, made: &Made) {
        let chunks: Vec<Chunk> = made
            .chunks
            .iter()
            .map(|chunk| chunk.record().chunk)
            .collect();
        if let Err(error) = self.write_scenes(&chunks) {
            warn(self.watch.sink, format!("{error:#}"));
        }
    }

    /// Opens the film for reading, and the file that will be the output. What comes of the encoder's trial is heard
    /// before anything long.
    fn open(&self) -> Result<(PartFile, Film)> {
        // Only who holds the job may touch what is being written for it.
        let (output, overwrite) = (&self.config.output, self.config.overwrite);
        let room = self.job.room();
        let part = room.wait("the output's file", || PartFile::create(output, overwrite))?;
        let trial = self.try_encoder();
        self.settle_sound()?;
        let film = match self.config.direct {
            true => Film::InOneGo(self.open_whole(trial)?),
            false => Film::InChunks(self.opening().open(trial)?),
        };
        self.require_scenes_of(film.media())?;
        Ok((part, film))
    }

    /// ffmpeg's options for sound are tried on the film's own, before anything long and before the job is made to be with
    /// them: what is wrong with them then stands in nobody's way.
    fn settle_sound(&self) -> Result<()> {
        let container = &self.probed.container;
        if let Some(wanted) = self.new_sound(container) {
            let tools = self.programs.tools.clone();
            let (job, container) = (self.job.clone(), container.clone());
            self.watch
                .over(move || sound::try_out(&tools, &job, &container, &wanted))?;
        }
        if let Some(other) = &self.job.other_sound {
            self.job.adopt_sound(self.plan)?;
            let now = self.plan.recipe.sound();
            note(
                self.watch.sink,
                format!("sound: {other} in the earlier run, {now} now; the picture stays"),
            );
        }
        Ok(())
    }

    /// How the sound of a film that has some is encoded anew, if it is.
    fn new_sound(&self, container: &Container) -> Option<sound::Wanted> {
        let recipe = &self.plan.recipe;
        let args = recipe.audio_args.clone().filter(|_| container.new_sound)?;
        Some(sound::Wanted {
            args,
            shapes: recipe.shapes(),
        })
    }

    fn opening(&self) -> Opening<'_> {
        Opening {
            watch: self.watch,
            config: self.config,
            tools: &self.programs.tools,
            ffmpeg: &self.programs.ffmpeg,
            has_vapoursynth: self.config.method != Method::Linear,
            job: self.job,
            workers: self.plan.workers.most,
            bit_depth: self.plan.recipe.video.picture.bit_depth,
            probed: self.probed,
        }
    }

    /// Begins to try the encoder with the recipe on two frames, unless chunks of this job show that it takes it.
    fn try_encoder(&self) -> Option<Task<()>> {
        if self.job.has_chunks() {
            return None;
        }
        let (width, height) = self.probed.container.video.shape().size();
        // What a container says of its rate may be nonsense, which the index will see through.
        let rate = self
            .probed
            .rates
            .first()
            .copied()
            .unwrap_or_else(|| Ratio::from_integer(24));
        let bit_depth = self.plan.recipe.video.picture.bit_depth;
        let format = y4m::Format {
            width,
            height,
            fps: encoder::rate(rate),
            bit_depth,
        };
        let preset = self.plan.recipe.video.preset;
        let patience = self.config.stall_timeout;
        let patience = patience.unwrap_or_else(|| stall::timeout(width, height, preset));
        let programs = &self.programs;
        let trial = Trial {
            tools: programs.tools.clone(),
            encoder: programs.encoder.clone(),
            recipe: self.plan.recipe.clone(),
            user: self.config.video.params.clone(),
            job: self.job.clone(),
            format,
            patience,
        };
        let room = self.job.room().clone();
        Some(begin(move || {
            room.wait("the encoder's trial", || trial.require_accepted())
        }))
    }

    /// Warns where the film may not fit. While it is encoded, the disk is watched.
    fn warn_of_small_disks(&self, media: &MediaInfo) {
        let video = self.plan.likely_bytes(media);
        for dir in [
            self.config.job_dir.as_path(),
            part::dir_of(&self.config.output),
        ] {
            if let Err(error) = disk::require(dir, video, "what is expected (a guess)") {
                warn(self.watch.sink, format!("{error:#}"));
            }
        }
        let dir = part::dir_of(&self.config.output);
        if let Err(error) = disk::require_size(dir, video, "the film's video (a guess)") {
            let instead = "name an output on another file system with -o";
            warn(self.watch.sink, format!("{error:#}: {instead}"));
        }
    }

    /// What all chunks have in common.
    fn workshop(&self, media: Arc<MediaInfo>) -> Workshop {
        // Who cannot read them finds them again, and says why.
        let known = self.job.known_scenes().unwrap_or_default();
        let share = || Arc::new(Shared::with(self.observer.clone()));
        Workshop {
            job: self.job.clone(),
            media,
            recipe: Arc::new(self.plan.recipe.clone()),
            encoder: self.programs.encoder.clone(),
            tools: self.programs.tools.clone(),
            samples: Samples::default(),
            host: host(),
            shared: known.is_for_all_hosts().then(share),
            hashes: Arc::new(known.hashes),
        }
    }

    /// Work on the other tracks, beside the chunks: those that are copied are tried, sound may be encoded anew.
    fn others(&self, container: &Container) -> Option<Aside> {
        let wanted = self.new_sound(container);
        let is_weighed = self.config.deciding.size.is_some() && container.has_copied_sound();
        if wanted.is_none() && !preflight::is_wanted(container) && !is_weighed {
            return None;
        }
        let tools = self.programs.tools.clone();
        let (sink, job, container) = (self.watch.sink.clone(), self.job.clone(), container.clone());
        Some(Box::new(move || {
            let handing = Handing {
                tools: &tools,
                job: &job,
                container: &container,
                sink: &sink,
            };
            job.room().wait("the film's other tracks", || {
                preflight::prove(&handing)?;
                wanted.iter().try_for_each(|wanted| {
                    sound::encode(&tools, &job, &container, wanted, &sink)?;
                    preflight::prove_sound(&handing)
                })?;
                Ok(if is_weighed {
                    size::of_sound(&handing)
                } else {
                    0
                })
            })
        }))
    }

    /// Makes sure that a file may be as large as the joined film where that is to be.
    fn require_size(&self, made: &Made) -> Result<()> {
        let dir = part::dir_of(&self.config.output);
        disk::require_size(dir, made.video_bytes(), "the output's video").with_context(|| {
            format!(
                "the chunks are kept: join them by the same command with --temp {} and with an output on another file \
                 system (-o)",
                quoted(self.config.job_dir.as_os_str())
            )
        })
    }

    /// Joins the chunks with all other tracks, in the output's place.
    fn join(&self, made: &Arc<Made>, part: &PartFile) -> Result<()> {
        (self.watch.sink)(Event::Stage { stage: Stage::Join });
        self.job.require_same_source()?;
        self.join_into(made, part.held(), part::dir_of(&self.config.output))
    }

    /// Joins the chunks with all other tracks into `file`, a name as tools in the job's directory have it, on the disk of `dir`.
    fn join_into(&self, made: &Arc<Made>, file: PathBuf, dir: &Path) -> Result<()> {
        let tools = self.programs.tools.clone();
        let (job, made, recipe) = (self.job.clone(), made.clone(), self.plan.recipe.clone());
        let (sink, dir) = (self.watch.sink.clone(), dir.to_owned());
        self.watch.over(move || {
            let Made { media, chunks, .. } = &*made;
            let parts = join::Parts {
                job: &job,
                media,
                recipe: &recipe,
                chunks,
            };
            let written = job.dir().join(&file);
            job.room().wait("the joined film", || {
                disk::empty(&written)?;
                disk::require(&dir, made.video_bytes(), "the output's video")
                    .context("joining the chunks, which are kept")?;
                join::join(&tools, &parts, &file, &sink)
                    .and_then(|()| disk::sync(&written))
                    .context("the chunks are kept, and the same command only joins them")
            })
        })
    }

    /// Joins once more, in the job's directory, copies the film into its place, and proves it there. The file system of the
    /// output may be `why` it could not be joined, or was not whole: drivers behind FUSE are known that refuse or mix up what is
    /// not written from beginning to end.
    fn join_elsewhere(
        &self,
        made: &Arc<Made>,
        part: &mut PartFile,
        why: anyhow::Error,
    ) -> Result<Proof> {
        let is_elsewhere = disk::differ(self.job.dir(), part::dir_of(&self.config.output));
        let is_of_what_was_written = why.is::<Unproven>() || why.is::<ToolFailure>();
        // A full disk says so itself, and would hold no copy either.
        let shown = format!("{why:#}");
        let is_full = tells_of_no_room(&shown);
        // What the proof has found to be damaged is forgotten.
        let mut chunks = made.chunks.iter();
        let has_all = chunks.all(|chunk| self.job.has_record(chunk.record().chunk.index));
        if !is_elsewhere || !is_of_what_was_written || is_full || !has_all {
            return Err(why);
        }
        warn(
            self.watch.sink,
            format!(
                "{shown}. It is joined once more in the job directory, and copied: the output's file system may be at fault"
            ),
        );
        let joined = self.job.part(Name::Joined)?;
        self.join_into(made, PathBuf::from(Name::Joined.part()), self.job.named())?;
        part.renew()?;
        let (to, room) = (part.writer()?, self.job.room().clone());
        let copied = self
            .watch
            .over(move || room.wait("the copy", || disk::copy_into(&joined, &to)));
        copied.context("copying the joined film into its place")?;
        self.job.part(Name::Joined)?;
        self.verify(made, part)
    }

    /// Proves that the joined file is the film.
    fn verify(&self, made: &Arc<Made>, part: &PartFile) -> Result<Proof> {
        (self.watch.sink)(Event::Stage {
            stage: Stage::Verify,
        });
        let tools = self.programs.tools.clone();
        let (job, film, recipe) = (self.job.clone(), made.clone(), self.plan.recipe.clone());
        let file = part.path().to_owned();
        let thorough = Thorough {
            decode: self.config.verify_decode,
            source: self.config.verify_source || self.job.source_was_written,
        };
        let (input, notes) = (self.config.input.clone(), self.notes(made)?);
        let verified = self.watch.over(move || {
            let Made {
                media,
                chunks,
                announced,
                references,
                damage,
                ..
            } = &*film;
            job.room().wait("the proof", || {
                let input = input.clone();
                let readable = begin(move || disk::read_through(&input));
                let expected = verify::Expected {
                    job: &job,
                    media,
                    recipe: &recipe,
                    chunks,
                    announced,
                    references: references.clone(),
                    damage,
                    notes: &notes,
                    thorough,
                };
                let proof = verify::output(&tools, &file, expected);
                // It is why, if anything is missing: a reader that was given an error may have passed over it.
                let readable = readable.recv();
                readable.context("reading the source broke off")??;
                proof
            })
        });
        let verified = verified.map_err(|error| self.forget_damaged(made, error));
        let proof = verified.context("the joined film is not whole and was not given its name")?;
        let damaged = |output: &str| output.contains("damaged in the source");
        for finding in proof
            .findings
            .iter()
            .filter(|finding| damaged(&finding.output))
        {
            warn(
                self.watch.sink,
                format!("{}: {}", finding.what, finding.output),
            );
        }
        // Its other tracks were read until now.
        self.job.require_same_source()?;
        Ok(proof)
    }

    /// Writes down what was compared of an output that is not the film, if that is `why` it is not published.
    fn write_disproof(&self, made: &Made, why: &anyhow::Error) {
        let Some(unproven) = why.downcast_ref::<Unproven>() else {
            return;
        };
        let notes = self.notes(made);
        let written = notes.and_then(|notes| proof::write(self.config, &unproven.findings, notes));
        if let Err(error) = written {
            warn(self.watch.sink, format!("{error:#}"));
        }
    }

    /// Gives the output its name.
    fn publish(
        &self,
        made: &Made,
        part: PartFile,
        proof: Proof,
        started: Instant,
    ) -> Result<Outcome> {
        self.require_replaceable(&proof)?;
        let output_bytes = part.writer()?.metadata()?.len();
        let sized = self.sized(&made.chunks, output_bytes).map(Box::new);
        let missed = sized.as_ref().and_then(|sized| sized.missed.clone());
        if let (Some(missed), true) = (missed, self.config.replacing.is_some()) {
            let kept = "the original stays as it is, and the chunks are kept";
            bail!(Missed(format!("{missed}; {kept}")));
        }
        let (job, sink) = (self.job.clone(), self.watch.sink.clone());
        let replacing = self.config.replacing.is_some();
        let (part, output_bytes) = self.watch.over(move || {
            let bytes = part.sync()?;
            // Without it, only a run that is killed in the next instant would not be known by the one after it.
            match job.record_named(part.path(), replacing) {
                Err(error) if replacing => return Err(error),
                Err(error) => detail(&sink, format!("{error:#}")),
                Ok(()) => (),
            }
            Ok((part, bytes))
        })?;
        let room = self.job.room();
        match Original::of(self.config) {
            Some(original) => self.take_the_place_of(original, part)?,
            None => room.wait("the output's name", || part.publish())?,
        }
        let written = room.wait("the list of what was compared", || {
            proof::write(self.config, &proof.findings, proof.notes.clone())
        });
        if let Err(error) = written {
            warn(
                self.watch.sink,
                format!("the output is whole and has its name, but {error:#}"),
            );
        }
        let seconds = started.elapsed().as_secs_f64();
        let report = Report {
            output: self.config.output.clone(),
            source_bytes: made.media.container.bytes,
            output_bytes,
            video_bytes: made.video_bytes(),
            seconds,
            fps: made.media.frames as f64 / seconds,
            encoder_seconds: made.encoder_seconds(),
            chunks: made.chunks.len(),
            resumed_chunks: made.resumed_chunks,
            sized,
            proof,
        };
        self.tell_of(&report);
        clear_up(self.watch.sink, self.config, self.job);
        Ok(Outcome::Encoded(Box::new(report)))
    }

    /// Tells of an output that has its name, but of a clip's, which is told by those who judge it.
    fn tell_of(&self, report: &Report) {
        if !self.is_clip {
            self.warn_of_growth(report);
            self.account.encoded(report);
        }
    }

    /// Says that the output is larger than the source, and what makes it smaller.
    fn warn_of_growth(&self, report: &Report) {
        if report.output_bytes <= report.source_bytes {
            return;
        }
        // Of a plan, the same command is none that encodes.
        let has_target = self.plan.recipe.aim.is_some() || self.config.step != Step::All;
        let advice = match (self.plan.recipe.video.quality, &self.config.replacing) {
            (Quality::Crf(crf), None) if crf.value() + HALF <= MOST_CRF && !has_target => {
                format!(
                    ": the same command with `-y --crf {}` makes it smaller",
                    crf.value() + HALF
                )
            }
            // The source has made room: the same command would encode the output.
            _ => String::new(),
        };
        let (output, source) = (bytes(report.output_bytes), bytes(report.source_bytes));
        warn(
            self.watch.sink,
            format!("the output is larger than the source, {output} and {source}{advice}"),
        );
    }
}

/// Steps of CRF that halve the size, about.
const HALF: f64 = 6.0;
/// The highest CRF that every encoder takes.
const MOST_CRF: f64 = 51.0;
