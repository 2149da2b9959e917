//! One packed chunk: a file that was carried to a host which sees neither the job nor the film.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};

use super::{Done, Means, on_this_host, require_encoder, require_programs};
use crate::{
    cli::ChunkArgs,
    crew::{self, LostChunks},
    doctor::{Programs, Wanted},
    event::{Event, Stage},
    job::{self, Job},
    os::{
        exit::{TryAgain, UsageError},
        handle::Handle,
        machine::host,
        process::quoted,
        room::{self, Room},
        task::Watch,
        toolbox::Toolbox,
    },
    settings::{EncoderChoice, NamedPrograms},
    source::{Reader, packed},
    work::{
        chunk::{OtherFrames, Workshop},
        decoded::Samples,
        packed::{Pack, is_encoded},
    },
};

/// The file, and what of this host it may take.
pub(super) struct Packed {
    file: PathBuf,
    means: Means,
    encoder: EncoderChoice,
    programs: NamedPrograms,
}

impl Packed {
    pub fn of(args: &ChunkArgs, file: &Path) -> Result<Self> {
        let here = env::current_dir().context("the current directory is gone")?;
        let (encoder, programs) = on_this_host(EncoderChoice::default(), NamedPrograms::default());
        Ok(Self {
            file: here.join(file),
            means: Means::of(args)?,
            encoder,
            programs,
        })
    }

    pub fn run(&self, watch: &Watch<'_>) -> Result<Done> {
        let shown = quoted(self.file.as_os_str());
        let found = fs::metadata(&self.file);
        let found = found.map_err(|error| TryAgain(format!("reading {shown}: {error}")))?;
        ensure!(
            found.is_file(),
            UsageError(format!("--packed: {shown} is no regular file"))
        );
        let handle = Handle::on(&self.file).with_context(|| format!("reading {shown}"))?;
        let beside = self.file.parent().unwrap_or(Path::new("/"));
        let scratch = tempfile::Builder::new()
            .prefix(".av1enc-")
            .tempdir_in(beside);
        let scratch = scratch.with_context(|| format!("making a directory beside {shown}"))?;
        let pack = self.read(watch, &handle, scratch.path())?;
        let index = pack.chunk.index;
        let (chunk, record) = (self.result("ivf"), self.result("json"));
        if is_encoded(&pack, &chunk, &record) {
            return Ok(Done::with("encoded", Vec::new(), vec![index]));
        }
        let programs = self.programs(watch, &pack)?;
        let job = self.encode(watch, pack, programs, (&handle, scratch.path()))?;
        job.hand_over(index, &chunk, &record)?;
        Ok(Done::with("encoded", vec![index], Vec::new()))
    }

    /// What has failed because the file is damaged, said so.
    pub fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        let lost = error.downcast_ref::<LostChunks>();
        let is_of_file = lost.is_some_and(|lost| lost.are_of_source) || error.is::<OtherFrames>();
        match is_of_file {
            true => TryAgain(format!(
                "{} is damaged: send it once more, or pack the chunk anew",
                quoted(self.file.as_os_str())
            ))
            .into(),
            false => error,
        }
    }

    /// Where the encoded chunk or its record goes.
    fn result(&self, ending: &str) -> PathBuf {
        self.file.with_extension(ending)
    }

    fn read(&self, watch: &Watch<'_>, at: &Handle, scratch: &Path) -> Result<Pack> {
        let named = &self.programs;
        let (ffmpeg, ffprobe) = (named.ffmpeg.as_deref(), named.ffprobe.as_deref());
        let tools = Toolbox::find(watch.children, ffmpeg, ffprobe);
        let tools = tools.context(
            "ffmpeg, ffprobe or mkvmerge is missing: av1enc doctor says what to install",
        )?;
        let (file, at) = (self.file.clone(), at.path());
        let scratch = scratch.to_owned();
        watch.over(move || Pack::read(&tools, &file, &at, &scratch))
    }

    /// The programs of this host, if they encode as it was planned.
    fn programs(&self, watch: &Watch<'_>, pack: &Pack) -> Result<Programs> {
        let encoder = EncoderChoice {
            name: pack.recipe.encoder.family.name(),
            ..self.encoder.clone()
        };
        let wanted = Wanted {
            encoder: &encoder,
            programs: &self.programs,
            params: &pack.recipe.video.extra,
            bit_depth: pack.recipe.video.picture.bit_depth,
            direct: true,
        };
        let programs = require_programs(watch.children, wanted)?;
        require_encoder(&pack.recipe, programs.encoder.identity())?;
        Ok(programs)
    }

    /// Encodes it, as a job of its own in the directory `scratch`.
    fn encode(
        &self,
        watch: &Watch<'_>,
        pack: Pack,
        programs: Programs,
        (at, scratch): (&Handle, &Path),
    ) -> Result<Arc<Job>> {
        let room = Room::new(room::PATIENCE, watch.children, watch.sink);
        let job = Arc::new(job::alone(
            scratch,
            (&self.file, &pack.job),
            pack.lp,
            &room,
        )?);
        let file = packed::Packed::new(&programs.tools, &at.path(), pack.layout, pack.chunk.start);
        let wishes = self.means.wishes(&pack.recipe, &pack.film, pack.lp, 1);
        let mut hashes = vec![None; pack.chunk.index];
        hashes.push(Some(pack.frames_hash));
        let work = crew::Work {
            workshop: Workshop {
                job: job.clone(),
                media: Arc::new(pack.film),
                recipe: Arc::new(pack.recipe),
                encoder: programs.encoder,
                tools: programs.tools,
                samples: Samples::default(),
                host: host(),
                hashes: Arc::new(hashes),
                shared: None,
            },
            reader: Reader::Packed(Arc::new(file)),
            aside: None,
            only: Some(vec![pack.chunk]),
        };
        (watch.sink)(Event::Stage {
            stage: Stage::Encode,
        });
        crew::run(work, &wishes, watch.signals, watch.sink)?;
        Ok(job)
    }
}
