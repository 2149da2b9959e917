//! How a test clip is made: a stretch is chosen and cut out of the film, encoded as a film, and compared.

use std::{ops::Range, sync::Arc, time::Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{
    Test,
    files::{Cut, Record},
};
use crate::{
    commands::encode::{guard::JobGuard, outcome::Outcome, run::Run, standing},
    decide::stretch::{self, Candidate},
    event::{Event, Figures, Progress, Report, Sink, Stage, note},
    film::media::{Color, Container, Video},
    job::{Claim, Job, SourceIdentity},
    metric::score::Pair,
    os::{process::quoted, signal::Interrupted, task::Watch, words::clock},
    output::part::{self, PartFile},
    plan::Plan,
    settings::{Config, clip::Measure, tracks::TrackWishes},
    source::{
        packets::{self, Announced},
        probe::{self, Probed},
        stretch::{Cutter, Kept, Look, Stretch, look_through},
    },
};

/// It is looked at about so many places of a stretch for pictures that are worth being shown.
const PLACES: u64 = 45;

impl Test<'_> {
    /// Chooses a stretch of the film, cuts it out, and notes both in the `record`.
    pub(super) fn cut(&self, record: &mut Record) -> Result<Cut> {
        let (run, files) = (self.run, &self.files);
        (run.watch.sink)(Event::Stage {
            stage: Stage::Index,
        });
        let film = Arc::new(self.announced()?);
        let (pictures, why) = self.choose(&film)?;
        let stretch = Stretch::of(&film, pictures.clone());
        note(
            run.watch.sink,
            format!(
                "test clip: {:.0} s from {} on, {why}",
                stretch.seconds(),
                clock(stretch.begins_seconds())
            ),
        );
        let part = PartFile::create(&files.source, true)?;
        let kept = self.write_source(&stretch, &part)?;
        run.job.require_same_source()?;
        part.sync()?;
        let every = (pictures.len() as u64 / PLACES).max(2);
        let (tools, file) = (run.programs.tools.clone(), part.held());
        let looks = run
            .watch
            .over(move || look_through(&tools, &file, every))
            .context("looking at the stretch")?;
        let (all, of_it): (u64, u64) = (
            film.bytes.iter().sum(),
            film.bytes[pictures.clone()].iter().sum(),
        );
        let cut = Cut {
            begins_seconds: stretch.begins_seconds(),
            seconds: stretch.seconds(),
            why,
            packets: kept == Kept::Packets,
            source_bytes: of_it,
            times_as_large: all as f64 / of_it.max(1) as f64,
            other_bytes: run.probed.container.bytes.saturating_sub(all),
            times_as_long: film.times_ms.len() as f64 / pictures.len() as f64,
            file: SourceIdentity::of(part.path())?,
            stills: stretch::stills(&looks),
            pictures,
        };
        record.cut = Some(cut.clone());
        files.write(record)?;
        part.publish()?;
        part::sync_name(&files.source)?;
        Ok(cut)
    }

    /// The film's pictures as its packets announce them.
    fn announced(&self) -> Result<Announced> {
        let run = self.run;
        let (tools, job) = (run.programs.tools.clone(), run.job.clone());
        let container = run.probed.container.clone();
        let first_ms = container.clock.first_ms;
        let read = move || packets::read(&job.original(&tools, &container), &[]);
        let packets = run.watch.over(read).context("reading the film's packets")?;
        let film = Announced::of(&packets, first_ms);
        ensure!(!film.times_ms.is_empty(), "the film has no picture");
        Ok(film)
    }

    /// The hardest stretch, and why it is that.
    fn choose(&self, film: &Arc<Announced>) -> Result<(Range<usize>, String)> {
        let run = self.run;
        let length_ms = run.config.test_clip.length.as_secs_f64() * 1000.0;
        let (tools, job) = (run.programs.tools.clone(), run.job.clone());
        let (container, film) = (run.probed.container.clone(), film.clone());
        run.watch.over(move || {
            let cutter = Cutter::of(job.original(&tools, &container));
            let look = |pictures: Range<usize>| -> Result<Candidate> {
                let places = stretch::to_look_at(&film, &pictures);
                let times = places.iter().map(|key| film.times_ms[*key]);
                let looks: Vec<Look> = times
                    .map(|ms| cutter.look(ms))
                    .collect::<Result<_>>()
                    .context("looking at the film")?;
                let look = Look::mean(&looks);
                Ok(Candidate { pictures, look })
            };
            let candidates = stretch::candidates(&film, length_ms);
            let candidates: Vec<Candidate> = match candidates.as_slice() {
                // There is nothing to choose.
                [only] => vec![Candidate {
                    pictures: only.clone(),
                    look: Look::default(),
                }],
                _ => candidates.into_iter().map(look).collect::<Result<_>>()?,
            };
            stretch::hardest(&film, &candidates).context("the film has no stretch")
        })
    }

    fn write_source(&self, stretch: &Stretch, part: &PartFile) -> Result<Kept> {
        let run = self.run;
        let (tools, job) = (run.programs.tools.clone(), run.job.clone());
        let container = run.probed.container.clone();
        let (stretch, file) = (stretch.clone(), part.held());
        let cutting = move || {
            let film = job.original(&tools, &container);
            let room = job.room();
            room.wait("the source's stretch", || {
                Cutter::of(film).cut(&stretch, &file)
            })
        };
        let shown = quoted(run.config.input.as_os_str());
        let cut = run.watch.over(cutting);
        cut.with_context(|| format!("cutting a stretch out of {shown}"))
    }

    /// Encodes the stretch as a film of its own, by the settings of the film; goes on with what an earlier run has
    /// done, if it `resumes`.
    pub(super) fn encode(&self, cut: &Cut, resumes: bool) -> Result<Figures> {
        let (run, files) = (self.run, &self.files);
        let probed = self.probed()?;
        let config = self.config(cut);
        let plan = self.plan(cut, &probed.container, &config);
        let guard = JobGuard::of(Arc::new(Job::open(&Claim {
            dir: &config.job_dir,
            input: &config.input,
            part: &part::path_of(&config.output),
            plan: &plan,
            restart: !resumes || config.restart,
            shared: config.shared,
            room: run.job.room(),
            observer: run.observer,
        })?));
        let job = guard.job();
        let sink = without_expectations(run.watch.sink);
        let record = standing::Record::default();
        record.begin(&config, job, run.board, &sink);
        let sink = record.sink(&sink);
        let clip = Run {
            watch: &Watch {
                sink: &sink,
                ..*run.watch
            },
            account: run.account,
            config: &config,
            programs: run.programs,
            guard: &guard,
            job,
            plan: &plan,
            probed: &probed,
            board: run.board,
            observer: run.observer,
            is_clip: true,
        };
        let shown = quoted(files.clip.as_os_str());
        let made = clip.film(Instant::now());
        let made = guard.end(made);
        let Outcome::Encoded(report) =
            made.with_context(|| format!("encoding the test clip {shown}"))?
        else {
            bail!("the test clip {shown} was not encoded");
        };
        self.measure(cut, &report, &probed.container.video)
    }

    /// What the source's stretch is: of the picture, what the film says holds for it, for other containers keep less.
    fn probed(&self) -> Result<Probed> {
        let (tools, file) = (self.run.programs.tools.clone(), self.files.source.clone());
        let probed = self.run.watch.over(move || probe::probe(&tools, &file))?;
        let film = &self.run.probed.container.video;
        let video = Video {
            color: film.color,
            hdr10: film.hdr10,
            fields: film.fields,
            extras: film.extras.clone(),
            dynamic_hdr: film.dynamic_hdr,
            ..probed.container.video.clone()
        };
        let container = Container {
            video,
            ..probed.container
        };
        Ok(Probed {
            container,
            ..probed
        })
    }

    fn config(&self, cut: &Cut) -> Config {
        let config = self.run.config;
        let mut clip = Config {
            input: self.files.source.clone(),
            output: self.files.clip.clone(),
            overwrite: true,
            replacing: None,
            job_dir: self.files.job_dir.clone(),
            keep: false,
            audio_args: None,
            tracks: TrackWishes::default(),
            verify_source: false,
            proof: None,
            test_clip: config.test_clip.none(),
            ..config.clone()
        };
        clip.deciding.size = None;
        let cuts = &mut clip.cuts;
        (cuts.file, cuts.only) = (None, false);
        cuts.given = cuts.given.map(|_| cut.pictures.len() as u64);
        cuts.forced = within(&cuts.forced, cut);
        clip
    }

    /// The plan of the film, for the stretch.
    fn plan(&self, cut: &Cut, container: &Container, config: &Config) -> Plan {
        let plan = self.run.plan;
        let mut recipe = plan.recipe.clone();
        (recipe.audio_args, recipe.tracks) = (None, Vec::new());
        recipe.scenes.forced = within(&recipe.scenes.forced, cut);
        recipe.scenes.given = config.cuts.given;
        Plan {
            input: config.input.to_string_lossy().into_owned(),
            output: config.output.to_string_lossy().into_owned(),
            source: container.clone(),
            recipe,
            encoder_line: plan.encoder_line.clone(),
            workers: plan.workers.clone(),
            class: None,
            settings: Vec::new(),
            warnings: Vec::new(),
            lp_demanded: plan.lp_demanded,
        }
    }

    /// What is known of the clip.
    fn measure(&self, cut: &Cut, report: &Report, video: &Video) -> Result<Figures> {
        let run = self.run;
        let workers = run.plan.workers.workers.max(1) as f64;
        let picture = report.video_bytes as f64 * cut.times_as_large;
        let mut figures = Figures {
            begins_seconds: cut.begins_seconds,
            seconds: cut.seconds,
            frames: cut.pictures.len() as u64,
            why: cut.why.clone(),
            packets: cut.packets,
            bytes: report.video_bytes,
            source_bytes: cut.source_bytes,
            estimated_bytes: picture as u64,
            estimated_seconds: report.encoder_seconds / workers * cut.times_as_long,
            vmaf: None,
            xpsnr: None,
            remarks: Vec::new(),
        };
        match run.probed.container.new_sound {
            true => figures
                .remarks
                .push("the size of the whole film is that of its picture alone".to_owned()),
            false => figures.estimated_bytes += cut.other_bytes,
        }
        for measure in [Measure::Vmaf, Measure::Xpsnr] {
            let value = self.measured(measure, video);
            let to = match measure {
                Measure::Vmaf => &mut figures.vmaf,
                Measure::Xpsnr => &mut figures.xpsnr,
            };
            match value? {
                Ok(value) => *to = Some(value),
                Err(lacking) => figures.remarks.push(lacking),
            }
        }
        let transfer = run.plan.recipe.video.picture.color.transfer;
        if figures.vmaf.is_some() && Color::is_hdr_transfer(transfer) {
            let of_sdr = "VMAF's models know SDR only: of HDR it compares one clip with another, and says no more";
            figures.remarks.push(of_sdr.to_owned());
        }
        Ok(figures)
    }

    /// The measure, or why there is none.
    fn measured(&self, measure: Measure, video: &Video) -> Result<Result<f64, String>> {
        let run = self.run;
        let Some(ffmpeg) = measure.by(run.watch.children, &self.ffmpegs) else {
            return Ok(Err(self.lacking(measure)));
        };
        let ffmpeg = ffmpeg.to_owned();
        match self.compare(video, move |pair| pair.measure(measure, &ffmpeg)) {
            Err(error) if !error.is::<Interrupted>() => {
                let why = format!("{} is not measured: {error:#}", measure.name());
                Ok(Err(why))
            }
            value => value.map(Ok),
        }
    }

    /// Compares the clip with the source's stretch.
    fn compare<T: Send + 'static>(
        &self,
        video: &Video,
        by: impl FnOnce(&Pair<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (run, files) = (self.run, self.files.clone());
        let children = run.watch.children.clone();
        let (size, bit_depth) = (
            video.shape().size(),
            run.plan.recipe.video.picture.bit_depth,
        );
        run.watch.over(move || {
            by(&Pair {
                children: &children,
                encoded: &files.clip,
                source: &files.source,
                size,
                bit_depth,
            })
        })
    }

    /// Writes the pictures of both.
    pub(super) fn write_stills(&self, cut: &Cut) -> Result<()> {
        let ffmpeg = self.run.programs.tools.ffmpeg.clone();
        let pictures: Vec<u64> = cut.stills.iter().map(|still| still.picture).collect();
        let video = self.probed()?.container.video;
        let png = self.compare(&video, move |pair| pair.stills(&pictures, &ffmpeg))?;
        self.files.write_whole(&self.files.stills, &png)
    }
}

/// Passes events on, but for the size that is expected: it is the clip's, and the film's is said when the clip is done.
fn without_expectations(sink: &Sink) -> Sink {
    let sink = sink.clone();
    Arc::new(move |event| {
        sink(match event {
            Event::Progress(progress) => Event::Progress(Progress {
                expected_bytes: None,
                ..progress
            }),
            other => other,
        });
    })
}

/// Those of these frames of the film that are in the stretch, by their numbers there.
fn within(frames: &[u64], cut: &Cut) -> Vec<u64> {
    let (start, end) = (cut.pictures.start as u64, cut.pictures.end as u64);
    let inside = frames
        .iter()
        .filter(|frame| (start + 1..end).contains(frame));
    inside.map(|frame| frame - start).collect()
}
