//! The job directory: all state of a job, and the only one.
//!
//! Every file is written as `NAME.part`, synced, renamed, and its directory synced: a final name is a finished thing.
//! Files are created exclusively, so that a link in the place of one of ours is never followed.

pub mod names;
mod place;
mod files;
mod identity;
mod lease;
mod scenes;
mod state;
mod attached;
mod named;
mod chunks;
mod records;
mod tasks;
mod attempts;
mod planned;
mod standing;
mod shares;
mod look;
mod abandoned;

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

pub use self::{
    abandoned::{Removal, remove_abandoned},
    attached::{Attached, alone, attach, require_source},
    attempts::{AttemptEnd, AttemptLine, AttemptRecord, attempts_of, now},
    chunks::{ChunkRecord, Encoded, Made, parse_record},
    files::{digest, hash},
    identity::SourceIdentity,
    lease::{ChunkLease, Claimed, Holder, Judgement, Observer, Sighting, wait_for_holder},
    look::{Condition, Look, is_job, look},
    named::{Leftover, may_have_named},
    planned::{Planned, Stand},
    records::{CarriedRecord, LoudnessRecord, ReaderRecord, SizeRecord, SoundRecord},
    scenes::{KnownScenes, SceneLog, SceneRecord, parse_scenes},
    shares::{Share, Shares},
    standing::{Figures, Runner, Standing, Telling},
    state::{State, UnusableState, parse_state},
    tasks::{CommandLine, Hints, Submission, Task, Tasks, Word, planned_line},
};
use self::{
    files::{
        ANOTHER, clear, discard, has_no_links, make_dir, read, remove_if_there, require_empty,
        require_own, share,
    },
    identity::Stamp,
    lease::Lease,
    names::{CHUNKS, Name},
    place::Place,
    state::{Known, read_state},
};
use crate::{
    film::media::Container,
    os::{
        disk::sync_dir, exit::Taken, handle::Handle, process::quoted, room::Room, toolbox::Toolbox,
    },
    plan::Plan,
    source::packets::Original,
};

/// What a finished file holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    bytes: u64,
    hash: String,
}

/// An open job. While it lives, no other process opens the same one.
#[derive(Debug)]
pub struct Job {
    place: Place,
    /// Level of parallelism that chunks of this job are encoded with, but for the last ones, which may have more where that
    /// gives the same bytes.
    pub lp: u32,
    /// Whether an earlier run has begun it.
    pub resumed: bool,
    /// What an earlier run has made of the sound, in words, if this one makes something else of it: see
    /// [`Job::adopt_sound`].
    pub other_sound: Option<String>,
    /// Whether somebody has written into the source since an earlier run began, of whose content only samples are known.
    pub source_was_written: bool,
    /// Identity of the source.
    pub source: SourceIdentity,
    /// What its chunks have in common, and with those of no other job.
    pub fingerprint: String,
    input: PathBuf,
    /// Of the source, from before its identity was read.
    stamp: Stamp,
    /// The right to work on all of it; whoever only encodes chunks of it has none.
    lease: Option<Lease>,
    /// What marks the files that this process writes and has not finished, where others may write the same ones.
    mark: Option<u32>,
    /// That others can change the job, where its file system cannot keep them from it.
    pub open_to_others: Option<String>,
    source_name: PlainName,
    room: Room,
}

/// A name by which tools that run in the job directory reach a file, whatever its own name is.
#[derive(Debug, Default)]
struct PlainName {
    name: String,
    /// Where the file system of the job has no links: what the name leads through.
    _handle: Option<Handle>,
}

/// What a run wants of a job directory.
#[derive(Debug)]
pub struct Claim<'a> {
    /// The directory.
    pub dir: &'a Path,
    /// The source.
    pub input: &'a Path,
    /// Where the output is written before it has its name.
    pub part: &'a Path,
    /// How the source is encoded.
    pub plan: &'a Plan,
    /// Whether what an earlier run has done is removed first.
    pub restart: bool,
    /// Whether the accounts of the directory's group work on it together.
    pub shared: bool,
    /// How a full disk is waited for.
    pub room: &'a Room,
    /// Who takes its lease.
    pub observer: &'a Observer,
}

/// A job directory that this run has taken.
struct Taking {
    place: Place,
    lease: Lease,
    /// That others can change it, where its file system cannot keep them from it.
    open_to_others: Option<String>,
    /// What an earlier run says of the job in it.
    earlier: Option<Box<State>>,
}

impl Claim<'_> {
    /// Takes the lease of the directory, and reads what an earlier run says there of its job.
    fn take(&self) -> Result<Taking> {
        let (place, lease, open_to_others) = loop {
            make_dir(&Place::named(self.dir), self.shared)?;
            let place = match Place::held(self.dir) {
                // By the run before, which has ended meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                held => held.with_context(|| {
                    let shown = quoted(self.dir.as_os_str());
                    format!("cannot read the job directory {shown}")
                })?,
            };
            let open_to_others = require_own(&place, self.shared, ANOTHER)?;
            if let Known::Nothing = read_state(&place)? {
                require_empty(&place)?;
            }
            if let Some(lease) = Lease::take(&place, self.observer)? {
                break (place, lease, open_to_others);
            }
        };
        // Another run may have finished, or begun, before we held the lease.
        let earlier = match read_state(&place)? {
            Known::Nothing => None,
            Known::Unusable(why) if !self.restart => return Err(Taken(why).into()),
            Known::Unusable(_) => {
                clear(&place)?;
                None
            }
            Known::State(state) => {
                self.discard_other_part(&state);
                if self.restart {
                    clear(&place)?;
                }
                Some(state).filter(|_| !self.restart)
            }
        };
        Ok(Taking {
            place,
            lease,
            open_to_others,
            earlier,
        })
    }

    /// Removes what an earlier run of the job has written of an output that is not the one of this run, and left because it
    /// was killed.
    fn discard_other_part(&self, state: &State) {
        if let Some(part) = &state.part
            && !state.is_written_at(self.part)
        {
            discard(Path::new(part));
        }
    }

    /// Makes sure that the work of `state` can be gone on with.
    fn require_same_job(&self, taking: &Taking, source: &SourceIdentity) -> Result<()> {
        let (place, Some(state)) = (&taking.place, &taking.earlier) else {
            return Ok(());
        };
        let known = read(&place.file(Name::Scenes.to_string()));
        let known = known.map_or_else(|_| KnownScenes::default(), |text| parse_scenes(&text).0);
        let differences = state.differences(source, self.plan, &known);
        ensure!(
            differences.is_empty(),
            Taken(format!(
                "{place} holds work of another job: {}. Repeat that command to go on with it, add --restart to throw its \
                 work away, or name another directory with --temp",
                differences.join("; ")
            ))
        );
        Ok(())
    }
}

impl Job {
    /// Opens a job directory, or makes it.
    ///
    /// # Errors
    /// A [`Taken`] if the directory is not ours, is in use, or belongs to another source or recipe; other errors if
    /// it cannot be made or read.
    pub fn open(claim: &Claim<'_>) -> Result<Self> {
        let (input, plan) = (claim.input, claim.plan);
        let stamp =
            Stamp::of(input).with_context(|| format!("reading {}", quoted(input.as_os_str())))?;
        let source = SourceIdentity::of(input)?;
        let taking = claim.take()?;
        claim.require_same_job(&taking, &source)?;
        let Taking {
            place,
            lease,
            open_to_others,
            earlier,
        } = taking;
        let lp = earlier
            .as_ref()
            .filter(|_| plan.recipe.depends_on_lp())
            .map_or(plan.workers.lp, |state| state.lp);
        let new = || State::new(source.clone(), plan, lp).of_time(stamp.modified());
        let state = earlier
            .as_deref()
            .map_or_else(|| new().fingerprint(), State::fingerprint);
        let mut job = Self {
            fingerprint: state?,
            place,
            lp,
            resumed: earlier.is_some(),
            other_sound: earlier
                .as_ref()
                .filter(|state| !state.recipe.has_sound_of(&plan.recipe))
                .map(|state| state.recipe.sound()),
            source_was_written: earlier
                .as_ref()
                .is_some_and(|state| state.modified != Some(stamp.modified())),
            source: source.clone(),
            input: input.to_owned(),
            stamp,
            lease: Some(lease),
            mark: None,
            open_to_others,
            source_name: PlainName::default(),
            room: claim.room.clone(),
        };
        match earlier {
            Some(state) if state.is_written_at(claim.part) => (),
            earlier => {
                let new = || State::new(source, plan, lp).of_time(job.stamp.modified());
                let state = earlier.map_or_else(new, |state| *state);
                job.write_state(&state.with_part(claim.part))?;
            }
        }
        let room = claim.room;
        room.wait("the job directory", || job.furnish(claim.shared))?;
        if job.source_was_written {
            job.forget_sound()?;
        }
        Ok(job)
    }

    /// From now on, this is a job with the sound of the `plan`. What an earlier run has made of the sound is forgotten; the
    /// picture stays.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn adopt_sound(&self, plan: &Plan) -> Result<()> {
        let Known::State(mut state) = read_state(&self.place)? else {
            bail!("`{}` of the job is gone", Name::Job);
        };
        self.forget_sound()?;
        // Last: until then, it is the job of the earlier command.
        state.recipe = state.recipe.with_sound_of(&plan.recipe);
        (state.film, state.named) = (plan.source.clone(), None);
        self.write_state(&state)
    }

    fn forget_sound(&self) -> Result<()> {
        for name in [Name::Audio, Name::Sound, Name::Loudness, Name::Carried] {
            remove_if_there(&self.path(name))?;
        }
        remove_if_there(&self.place.file(Name::Audio.seal()))?;
        self.forget_others()
    }

    fn write_state(&self, state: &State) -> Result<()> {
        self.write(Name::Job, &serde_json::to_vec_pretty(state)?)
    }

    /// Makes what every job directory has.
    fn furnish(&mut self, shared: bool) -> Result<()> {
        let chunks = self.place.within(CHUNKS);
        let is_link = fs::symlink_metadata(chunks.at()).is_ok_and(|found| found.is_symlink());
        ensure!(
            !is_link,
            Taken(format!(
                "{chunks} is a link, which av1enc does not make: name another directory with --temp"
            ))
        );
        make_dir(&chunks, shared)?;
        require_own(&chunks, shared, ANOTHER)?;
        self.source_name = self.link_source()?;
        Ok(())
    }

    /// Makes sure that the source is still the one that the job is of. What was made of a source is recorded only
    /// after this: nothing of another film gets into the job, though the source be put back afterwards.
    ///
    /// # Errors
    /// If it is gone or has another content.
    pub fn require_same_source(&self) -> Result<()> {
        let stamp = Stamp::of(&self.input).ok();
        if stamp.as_ref().is_some_and(|now| *now == self.stamp) {
            return Ok(());
        }
        let was_written = stamp.is_some_and(|now| now.is_written_since(&self.stamp));
        let now = SourceIdentity::of(&self.input).context(
            "the source is gone: put it back and repeat the command, finished work is kept",
        )?;
        let shown = quoted(self.input.as_os_str());
        ensure!(
            now == self.source,
            "{shown} has changed while it was encoded. Put back what it was and repeat the command, finished work is kept; or \
             add --restart to encode what it is now"
        );
        ensure!(
            !was_written,
            "{shown} was written while it was encoded. Repeat the command: finished work is kept, and all pictures are compared"
        );
        Ok(())
    }

    /// Gives the source a plain name: by a link, or, since exFAT, FAT and many network file systems have none, by holding it
    /// open and leading through that.
    fn link_source(&self) -> Result<PlainName> {
        let link = self.path(Name::Source);
        if fs::symlink_metadata(&link).is_ok_and(|metadata| metadata.is_symlink()) {
            fs::remove_file(&link)
                .with_context(|| format!("replacing {}", self.place.shown(&link)))?;
        }
        let linked = match symlink(&self.input, &link) {
            // sshfs makes links that lead out of its mount, and lets nobody follow them.
            Ok(()) if fs::metadata(&link).is_err() => {
                remove_if_there(&link)?;
                Handle::on(&self.input).map(Some)
            }
            Ok(()) => Ok(None),
            Err(error) if has_no_links(&error) => Handle::on(&self.input).map(Some),
            Err(error) => Err(error),
        };
        let handle = linked.with_context(|| {
            format!(
                "linking {} as {}",
                quoted(self.input.as_os_str()),
                self.place.shown(&link)
            )
        })?;
        let name = match &handle {
            None => Name::Source.to_string(),
            Some(handle) => handle.path().to_string_lossy().into_owned(),
        };
        Ok(PlainName {
            name,
            _handle: handle,
        })
    }

    /// Makes sure that no other host has taken the job over, because this process gave no sign of life for too long. Nothing of
    /// it is then touched any more.
    ///
    /// # Errors
    /// [`Taken`] if one has.
    pub fn require_lease(&self) -> Result<()> {
        self.lease
            .as_ref()
            .map_or(Ok(()), |lease| Ok(lease.require()?))
    }

    /// How a full disk is waited for.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The directory, by what is held of it, whatever takes its name meanwhile. Tools run in it, with names relative to it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.place.at()
    }

    /// The name that the user knows the directory by, for messages.
    #[must_use]
    pub fn named(&self) -> &Path {
        self.place.name()
    }

    /// A path in the directory as the user knows it, for messages.
    #[must_use]
    pub fn shown(&self, path: &Path) -> String {
        self.place.shown(path)
    }

    /// The source, as ffmpeg reads it by the link in the directory; `container` is what it is.
    #[must_use]
    pub fn original<'a>(&'a self, tools: &'a Toolbox, container: &'a Container) -> Original<'a> {
        Original {
            tools,
            dir: self.dir(),
            name: self.source_link(),
            container,
        }
    }

    /// The plain name of the source, for tools that run in the directory.
    #[must_use]
    pub fn source_link(&self) -> &str {
        &self.source_name.name
    }

    /// A path in the directory, relative to it: the name of the directory may be anything.
    #[must_use]
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        self.place.relative(path)
    }

    /// Where a file of the job is, or will be.
    #[must_use]
    pub fn path(&self, name: Name) -> PathBuf {
        self.place.file(name.to_string())
    }

    /// Where something is, or will be, that has no final name yet.
    #[must_use]
    pub fn unfinished(&self, name: Name) -> PathBuf {
        self.place.file(self.part_of(&name.to_string()))
    }

    /// Where something may be written to which [`Job::finish`] then gives its final name.
    ///
    /// # Errors
    /// If something of an earlier run is in its place and cannot be removed.
    pub fn part(&self, name: Name) -> Result<PathBuf> {
        self.require_lease()?;
        let part = self.unfinished(name);
        remove_if_there(&part)?;
        Ok(part)
    }

    /// Gives what was written as `name`'s part its final name, after it has reached the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(&self, name: Name) -> Result<PathBuf> {
        self.finish_as(&name.to_string())
    }

    /// The name under which a file of this name is written.
    fn part_of(&self, name: &str) -> String {
        names::part(name, self.mark)
    }

    fn finish_as(&self, name: &str) -> Result<PathBuf> {
        self.require_lease()?;
        let (part, last) = (self.place.file(self.part_of(name)), self.place.file(name));
        let finishing = || format!("finishing {}", self.place.shown(&last));
        let wait = |step: &dyn Fn() -> std::io::Result<()>| {
            let step = || step().with_context(finishing);
            self.room.wait(&format!("`{name}` of the job"), step)
        };
        // Not done again where that finds no room: what was written may be lost, and the next time nobody says so.
        let part_file = files::open(&part, OpenOptions::new().read(true));
        part_file
            .and_then(|file| file.sync_all())
            .with_context(finishing)?;
        wait(&|| fs::rename(&part, &last))?;
        wait(&|| sync_dir(last.parent().unwrap_or(self.dir())))?;
        Ok(last)
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, name: Name, bytes: &[u8]) -> Result<()> {
        self.write_as(&name.to_string(), bytes)
    }

    fn write_as(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.room.wait(&format!("`{name}` of the job"), || {
            let file = self.write_part(name, bytes)?;
            let part = self.place.file(self.part_of(name));
            let synced = file.sync_all();
            synced.with_context(|| format!("writing {}", self.place.shown(&part)))
        })?;
        self.finish_as(name).map(|_| ())
    }

    /// Writes a whole file before it has its name.
    fn write_part(&self, name: &str, bytes: &[u8]) -> Result<File> {
        let part = self.place.file(self.part_of(name));
        let write = || -> std::io::Result<File> {
            let mut options = OpenOptions::new();
            let options = options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(&part)?;
            share(&file, &fs::metadata(self.dir())?);
            file.write_all(bytes)?;
            Ok(file)
        };
        self.require_lease()?;
        remove_if_there(&part)?;
        write().with_context(|| format!("writing {}", self.place.shown(&part)))
    }

    /// Writes a file of which nothing is lost with it: it neither waits for room on a full disk nor for the disk.
    fn put(&self, name: Name, bytes: &[u8]) -> Result<()> {
        let name = name.to_string();
        self.write_part(&name, bytes)?;
        let (part, last) = (self.place.file(self.part_of(&name)), self.place.file(&name));
        fs::rename(&part, &last).with_context(|| format!("replacing {}", self.place.shown(&last)))
    }

    /// Records what a finished file holds, so that a later run knows whether it is still that.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn seal(&self, name: Name) -> Result<()> {
        let (bytes, hash) =
            hash(&self.path(name)).with_context(|| format!("reading `{name}` of the job"))?;
        self.write_as(&name.seal(), &serde_json::to_vec(&Seal { bytes, hash })?)
    }

    /// Whether a finished file is there and holds what it held when it was sealed.
    #[must_use]
    pub fn is_intact(&self, name: Name) -> bool {
        let seal = read(&self.place.file(name.seal()))
            .ok()
            .and_then(|text| serde_json::from_slice::<Seal>(&text).ok());
        let found = hash(&self.path(name))
            .ok()
            .map(|(bytes, hash)| Seal { bytes, hash });
        seal.is_some() && seal == found
    }

    /// Removes the directory and everything in it that av1enc has made.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(&self) -> Result<()> {
        let lease = self.lease.as_ref();
        remove(&self.place, lease.context("a job that others hold")?)
    }
}

fn remove(place: &Place, lease: &Lease) -> Result<()> {
    lease.require()?;
    clear(place)?;
    lease.give_up();
    // Whoever has made the link has made what it leads to: both stay for the next job.
    if fs::symlink_metadata(place.name()).is_ok_and(|named| named.is_symlink()) {
        return Ok(());
    }
    match fs::remove_dir(place.name()) {
        Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => {
            Err(error).with_context(|| format!("removing {place}"))
        }
        _ => Ok(()),
    }
}

/// Makes sure that a job can be in `dir`, which need not be there yet: nobody else can put anything there, but for its group
/// if it is `shared`; one is begun, with its lease, and nothing of it is left.
///
/// # Errors
/// If it cannot.
pub fn require_place(dir: &Path, shared: bool) -> Result<()> {
    let parent = dir.parent().unwrap_or(dir);
    let place = if dir.is_dir() { dir } else { parent };
    if place == dir {
        require_own(&Place::named(dir), shared, ANOTHER)?;
    }
    let trial = tempfile::tempdir_in(place)
        .with_context(|| format!("cannot make a directory in {}", quoted(place.as_os_str())))?;
    Lease::take(&Place::named(trial.path()), &Observer::default()).map(drop)
}
