//! One encoder process, from its start to its end: whoever runs an encoder runs it here.

use std::{
    fs::File,
    io::{self, BufReader, IoSlice, Write},
    path::Path,
    process::{ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::Encoder;
use crate::{
    os::{
        pipe,
        process::{self, Children, Running, TailReader, ToolFailure},
        threads,
    },
    stream::bitstream::{self, Ivf},
};

/// With so many frames left in it, an encoder is about to end: a group of pictures of SVT-AV1, which it cannot fill any
/// more.
const LAST_FRAMES: u64 = 16;
/// How often it is looked whether a time that was lengthened is over.
const LOOK: Duration = Duration::from_millis(10);

/// How an encoder is doing. Kept up to date by those who feed and hear it, each on a thread of its own; read by whoever
/// waits for it. Its lock is held for an instant, and nothing else is locked meanwhile.
#[derive(Default)]
pub struct Pulse {
    state: Mutex<State>,
    on_last_frames: Option<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct State {
    vitals: Vitals,
    /// Whether it has been given all its frames.
    fed_to_the_end: bool,
    /// Whether it was told that only last frames are left.
    last_frames: bool,
}

/// What is known of an encoder at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Process number; 0 before it runs.
    pub pid: i32,
    /// Frames that it was given.
    pub fed: u64,
    /// Frames that it has reported.
    pub encoded: u64,
    /// Highest resident memory that was seen, in bytes.
    pub peak_memory: u64,
}

impl Pulse {
    /// A pulse that calls `on_last_frames` once, when the encoder has all its frames and only its last ones to encode.
    #[must_use]
    pub fn new(on_last_frames: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            on_last_frames: Some(Box::new(on_last_frames)),
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known now, its memory looked at anew.
    pub fn vitals(&self) -> Vitals {
        let pid = self.lock().vitals.pid;
        let seen = process::peak_resident(pid);
        let mut state = self.lock();
        state.vitals.peak_memory = state.vitals.peak_memory.max(seen);
        state.vitals
    }

    /// One more frame was given.
    fn fed_one(&self) {
        self.lock().vitals.fed += 1;
    }

    /// All frames were given.
    fn fed_to_the_end(&self) {
        self.change(|state| state.fed_to_the_end = true);
        // At its end it takes most, and nobody may look once more.
        self.vitals();
    }

    fn reported(&self, frames: u64) {
        self.change(|state| state.vitals.encoded = state.vitals.encoded.max(frames));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let left = state.vitals.fed.saturating_sub(state.vitals.encoded);
        let news = state.fed_to_the_end && left <= LAST_FRAMES && !state.last_frames;
        state.last_frames |= news;
        drop(state);
        if let Some(tell) = self.on_last_frames.as_ref().filter(|_| news) {
            tell();
        }
    }
}

/// Where the frames of an encoder go, as y4m. What its pipe does not take is remembered: whoever writes may say of it what
/// he likes.
pub struct Input<'a> {
    pipe: ChildStdin,
    pulse: &'a Pulse,
    refused: Option<io::Error>,
}

impl Input<'_> {
    /// One more frame is written.
    pub fn fed_one(&mut self) {
        self.pulse.fed_one();
    }

    fn remember<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &written
            && error.kind() != io::ErrorKind::Interrupted
        {
            let code = error.raw_os_error().map(io::Error::from_raw_os_error);
            self.refused = Some(code.unwrap_or_else(|| error.kind().into()));
        }
        written
    }
}

impl Write for Input<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.pipe.write(bytes);
        self.remember(written)
    }

    fn write_vectored(&mut self, rows: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = self.pipe.write_vectored(rows);
        self.remember(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}

/// Why an encoder was not fed to the end.
#[derive(Debug)]
pub enum Unfed<E> {
    /// It has stopped reading: how it ends says why.
    Refused(io::Error),
    /// There were no more frames, though there should have been.
    Cut(E),
}

/// An encoder that runs. Dropped, it is killed.
pub struct Session {
    running: Running,
    /// The write end of its standard input, until it is fed or waited for.
    stdin: Option<ChildStdin>,
    pulse: Arc<Pulse>,
    stdout: TailReader,
    stderr: TailReader,
    /// Dropped when it has ended: it is not killed any more.
    _limit: Option<Sender<()>>,
}

impl Session {
    /// Starts `encoder` as `command`, and keeps `pulse` up to date.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        children: &Children,
        encoder: &Encoder,
        command: Command,
        pulse: &Arc<Pulse>,
    ) -> Result<Self> {
        let (encoder, heard) = (encoder.clone(), pulse.clone());
        let session = Self::start_heard(children, command, move |line| {
            if let Some(frames) = encoder.progress(line) {
                heard.reported(frames);
            }
        })?;
        let pulse = pulse.clone();
        pulse.lock().vitals.pid = session.running.pid();
        Ok(Self { pulse, ..session })
    }

    /// Starts an encoder as `command`; every line of its standard error goes to `on_line`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_heard(
        children: &Children,
        command: Command,
        on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let mut running = children.spawn(command, Stdio::piped())?;
        let stdin = running.take_stdin();
        let (stdout, stderr) = running.drain(on_line)?;
        Ok(Self {
            running,
            stdin,
            pulse: Arc::default(),
            stdout,
            stderr,
            _limit: None,
        })
    }

    /// Kills it if it runs longer than `limit` from now on, without the time in which tools are held.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn limited(mut self, children: &Children, limit: Duration) -> Result<Self> {
        let (ended, end) = bounded::<()>(0);
        let (children, pid, begun) = (children.clone(), self.running.pid(), Instant::now());
        threads::start("limit", move || {
            let before = children.held_for();
            let mut left = limit;
            while end.recv_timeout(left.max(LOOK)) == Err(RecvTimeoutError::Timeout) {
                let held = children.held_for().saturating_sub(before);
                left = (limit + held).saturating_sub(begun.elapsed());
                if left.is_zero() {
                    return children.kill(pid);
                }
            }
        })?;
        self._limit = Some(ended);
        Ok(self)
    }

    /// Has `frames` write all that the encoder is to read, on the thread of the caller, and closes its input. An encoder that
    /// reads anything is fed once.
    ///
    /// # Errors
    /// If it was not fed to the end. Where that is not its own doing, it is killed: it must not make anything of a part.
    pub fn feed<T, E>(
        &mut self,
        frames: impl FnOnce(&mut Input<'_>) -> Result<T, E>,
    ) -> Result<T, Unfed<E>> {
        let closed = || Unfed::Refused(io::ErrorKind::BrokenPipe.into());
        let mut input = Input {
            pipe: self.stdin.take().ok_or_else(closed)?,
            pulse: &self.pulse,
            refused: None,
        };
        pipe::enlarge(&input.pipe);
        let fed = frames(&mut input);
        if let Some(error) = input.refused.take() {
            return Err(Unfed::Refused(error));
        }
        let fed = fed.map_err(|error| {
            // Before its input is closed, which would look like its end.
            self.running.kill();
            Unfed::Cut(error)
        })?;
        drop(input);
        self.pulse.fed_to_the_end();
        Ok(fed)
    }

    /// Waits for its end. An encoder that was not fed reads nothing.
    ///
    /// # Errors
    /// If the system cannot say how it ended.
    pub fn end(mut self) -> Result<Ended> {
        self.stdin = None;
        let command = self.running.command().to_owned();
        let status = self.running.wait()?;
        let (stdout, stderr) = (self.stdout.join().lines(), self.stderr.join().lines());
        Ok(Ended(ToolFailure {
            command,
            status: Some(status),
            stdout,
            stderr,
        }))
    }
}

/// An encoder that has ended, and what it has said.
#[derive(Debug, Clone)]
pub struct Ended(ToolFailure);

impl Ended {
    /// Whether it exited 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.0.status.is_some_and(|status| status.success())
    }

    /// Whether a signal has ended it.
    #[must_use]
    pub fn was_killed(&self) -> bool {
        self.0.signal().is_some()
    }

    /// Its command, how it ended and its last words, for an error that began elsewhere.
    #[must_use]
    pub fn words(&self) -> &ToolFailure {
        &self.0
    }

    /// That it failed.
    #[must_use]
    pub fn into_failure(self) -> ToolFailure {
        self.0
    }

    /// What it has written to `file`, read whole; of an encoder that exited 0. Its words are part of every error.
    ///
    /// # Errors
    /// If there is no file, or one that is damaged, or does not pass `check`.
    pub fn wrote(&self, file: &Path, check: impl FnOnce(&Ivf) -> Result<()>) -> Result<Ivf> {
        let read = || {
            let opened = File::open(file).context("the encoder wrote no file")?;
            let read = bitstream::read_ivf(BufReader::with_capacity(1 << 20, opened));
            let ivf = read.context("the encoder wrote a damaged file")?;
            check(&ivf)?;
            Ok(ivf)
        };
        read().map_err(|error: anyhow::Error| anyhow!("{error:#}\n{}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn an_encoder_with_its_last_frames_is_told_once() {
        let told = Arc::new(AtomicUsize::new(0));
        let counted = told.clone();
        let pulse = Pulse::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        for _ in 0..20 {
            pulse.fed_one();
        }
        pulse.reported(3);
        pulse.fed_to_the_end();
        assert_eq!(told.load(Ordering::Relaxed), 0, "17 are left");
        for reported in [4, 3, 20] {
            pulse.reported(reported);
            assert_eq!(told.load(Ordering::Relaxed), 1);
        }
        let vitals = pulse.vitals();
        assert_eq!((vitals.fed, vitals.encoded), (20, 20));
    }

    #[test]
    fn nothing_is_told_while_frames_are_still_to_come() {
        let pulse = Pulse::new(|| panic!("there are more frames"));
        pulse.fed_one();
        pulse.reported(1);
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// An encoder that is killed if it hangs.
    fn started(script: &str) -> Session {
        let children = Children::default();
        let session = Session::start_heard(&children, shell(script), |_| ()).unwrap();
        session.limited(&children, Duration::from_secs(60)).unwrap()
    }

    /// More than any pipe holds.
    static MUCH: [u8; 8 << 20] = [7; 8 << 20];

    #[test]
    fn it_reads_what_it_is_fed_to_the_end_and_then_nothing() {
        let told = Arc::new(AtomicUsize::new(0));
        let counted = told.clone();
        let mut session = started("wc -c");
        session.pulse = Arc::new(Pulse::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        let fed = session.feed(|input| {
            for _ in 0..3 {
                input.write_all(&MUCH)?;
                input.fed_one();
            }
            let rows = [IoSlice::new(b"more"), IoSlice::new(b"over")];
            let taken = input.write_vectored(&rows)?;
            io::Result::Ok((taken, told.load(Ordering::Relaxed)))
        });
        assert_eq!(fed.unwrap(), (8, 0), "rows go together; there may be more");
        assert_eq!(told.load(Ordering::Relaxed), 1);
        assert_eq!(session.pulse.vitals().fed, 3);
        let again = session.feed(|_| io::Result::Ok(()));
        assert!(matches!(again, Err(Unfed::Refused(_))));
        let ended = session.end().unwrap();
        assert!(ended.is_success());
        assert_eq!(ended.words().stdout, [(3 * MUCH.len() + 8).to_string()]);
    }

    #[test]
    fn that_it_stops_reading_is_told_whatever_who_feeds_it_says() {
        let all_is_well = |input: &mut Input<'_>| {
            let _ = input.write_all(&MUCH);
            io::Result::Ok(())
        };
        let mut session = started("head -c 100 >/dev/null; exit 3");
        let fed = session.feed(all_is_well);
        let Err(Unfed::Refused(error)) = fed else {
            panic!("{fed:?}");
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(!session.pulse.lock().fed_to_the_end);
        let ended = session.end().unwrap();
        assert!(!ended.is_success() && !ended.was_killed(), "its own words");
    }

    #[test]
    fn what_is_fed_only_a_part_makes_nothing_of_it() {
        let mut session = started("cat >/dev/null");
        let fed = session.feed(|input| {
            input.write_all(b"a part").unwrap();
            Err::<(), _>("the film cannot be read")
        });
        assert!(matches!(fed, Err(Unfed::Cut("the film cannot be read"))));
        assert!(session.end().unwrap().was_killed());
    }

    #[test]
    fn what_is_not_fed_reads_nothing() {
        assert!(started("cat").end().unwrap().is_success());
    }

    #[test]
    fn one_that_takes_too_long_is_killed_and_one_that_fails_is_quoted() {
        let children = Children::default();
        let start = |script| Session::start_heard(&children, shell(script), |_| ()).unwrap();
        let ended = start("sleep 60")
            .limited(&children, Duration::from_millis(50))
            .unwrap()
            .end()
            .unwrap();
        assert!(ended.was_killed() && !ended.is_success());
        let ended = start("echo no such option >&2; exit 3")
            .limited(&children, Duration::from_secs(60))
            .unwrap()
            .end()
            .unwrap();
        assert!(!ended.was_killed() && !ended.is_success());
        assert!(ended.words().to_string().contains("no such option"));
    }

    #[test]
    fn what_it_wrote_is_read_and_its_words_are_in_every_error() {
        let (children, dir) = (Children::default(), tempfile::tempdir().unwrap());
        let session = Session::start_heard(&children, shell("echo all is well >&2"), |_| ());
        let ended = session.unwrap().end().unwrap();
        assert!(ended.is_success());
        let file = dir.path().join("x.ivf");
        let error = ended.wrote(&file, |_| Ok(())).unwrap_err().to_string();
        assert!(
            error.contains("wrote no file") && error.contains("all is well"),
            "{error}"
        );
        std::fs::write(&file, "noise").unwrap();
        let error = ended.wrote(&file, |_| Ok(())).unwrap_err().to_string();
        assert!(
            error.contains("a damaged file") && error.contains("all is well"),
            "{error}"
        );
    }
}
