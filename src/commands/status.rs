//! `av1enc status`: what goes on below some directories, once or again and again.

use std::{
    env,
    io::{self, ErrorKind, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Error, Result, anyhow, bail};
use crossbeam_channel::{Receiver, after, select, tick};
use serde_json::json;

use crate::{
    cli::StatusArgs,
    job::{self, Condition, Removal},
    os::{
        exit::{Exit, Taken, UsageError},
        gauges::{Gauges, Reading},
        machine::host,
        process::quoted,
        signal::{self, Interrupted, Signal},
        terminal,
        words::{ago, said},
    },
    status::{
        Overview, Trees,
        past::{Past, Tally},
    },
    ui::{
        self,
        board::{self, Board, Canvas},
        screen::Screen,
    },
};

/// Between two views.
const EVERY: Duration = Duration::from_secs(2);
/// Before the second one: the first knows no share of time yet.
const SOON: Duration = Duration::from_millis(500);
/// How often it is looked whether the terminal has another size.
const LOOK: Duration = Duration::from_millis(100);
/// Columns where nobody says how many there are.
const WIDTH: usize = 80;

/// Does what the command line asks for.
///
/// # Errors
/// If a directory is not there, or the history cannot be read; [`Interrupted`].
pub fn run(args: &StatusArgs) -> Result<Exit> {
    let roots = match args.dirs.as_slice() {
        [] => vec![PathBuf::from(".")],
        dirs => dirs.to_vec(),
    };
    for root in &roots {
        let found = root.metadata();
        let shown = quoted(root.as_os_str());
        let found = found.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                anyhow!("there is no directory {shown}: name one below which films are encoded")
            }
            _ => Error::new(error).context(format!("looking for jobs in {shown}")),
        })?;
        if !found.is_dir() {
            bail!(UsageError(format!(
                "{shown} is no directory: name one below which films are encoded"
            )));
        }
    }
    let here = env::current_dir().context("the current directory is gone")?;
    let roots: Vec<PathBuf> = roots.iter().map(|root| normal(&here.join(root))).collect();
    if let Some(age) = &args.clean {
        return clean(roots, age);
    }
    let history = args.history.as_deref().map(Past::of);
    match args.watch {
        true => watch(Watching::of(roots, history)),
        false => once(roots, history, args.json),
    }
}

/// A path without `.`, which says nothing.
fn normal(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Shows everything once.
fn once(roots: Vec<PathBuf>, mut history: Option<Past>, json: bool) -> Result<Exit> {
    let overview = Trees::below(roots, host()).look();
    let tally = history.as_mut().map(Past::read).transpose()?;
    if json {
        let mut object = json!(overview);
        if let Some(tally) = tally {
            object["history"] = json!(tally);
        }
        ui::print_out(&object.to_string());
    } else {
        tell_unread(&overview);
        ui::print_out(&board::listed(&overview, tally));
    }
    Ok(Exit::Done)
}

fn tell_unread(overview: &Overview) {
    for unread in &overview.unread {
        ui::print_note(&format!("warning: {unread}"));
    }
}

/// Removes the jobs on which nobody has worked for so long.
fn clean(roots: Vec<PathBuf>, age: &str) -> Result<Exit> {
    let wrong = || {
        UsageError(format!(
            "--clean {age}: for how long nobody has worked on a job, such as 7d or 12h"
        ))
    };
    let longer = humantime::parse_duration(age).map_err(|_| wrong())?;
    let before = SystemTime::now().checked_sub(longer).ok_or_else(wrong)?;
    let overview = Trees::below(roots, host()).look();
    tell_unread(&overview);
    use Condition::{Planned, Stopped, Unusable};
    let is_left = |condition| matches!(condition, Stopped | Planned | Unusable);
    let (mut removed, mut failed) = (0, None);
    for seen in overview.jobs.iter().filter(|seen| is_left(seen.state)) {
        let shown = quoted(seen.directory.as_os_str());
        match job::remove_abandoned(&seen.directory, before) {
            Ok(Removal::Removed) => {
                removed += 1;
                let idle = seen
                    .idle_seconds
                    .map(|idle| format!(", left {}", ago(idle)));
                ui::print_out(&format!("removed {shown}{}", idle.unwrap_or_default()));
            }
            Ok(Removal::NotAbandoned) => (),
            Err(error) if error.is::<Taken>() => ui::print_note(&format!("note: {}", said(&error))),
            Err(error) => {
                ui::print_note(&format!("warning: {shown} stays: {}", said(&error)));
                failed = Some(Exit::Failed);
            }
        }
    }
    if removed == 0 {
        ui::print_out(&format!("no job is abandoned for {age}"));
    }
    Ok(failed.unwrap_or(Exit::Done))
}

/// What is watched.
struct Watching {
    place: String,
    trees: Trees,
    gauges: Gauges,
    history: Option<Past>,
}

impl Watching {
    fn of(roots: Vec<PathBuf>, history: Option<Past>) -> Self {
        let names: Vec<String> = roots.iter().map(|root| quoted(root.as_os_str())).collect();
        Self {
            place: names.join(" "),
            trees: Trees::below(roots, host()),
            gauges: Gauges::default(),
            history,
        }
    }

    /// How things are now.
    fn look(&mut self) -> Now<'_> {
        Now {
            overview: self.trees.look(),
            machine: self.gauges.read(),
            history: self.history.as_mut().map(|past| {
                let tally = past.read();
                tally.map_err(|error| said(&error))
            }),
            place: &self.place,
        }
    }
}

/// How things are.
struct Now<'a> {
    place: &'a str,
    overview: Overview,
    machine: Reading,
    history: Option<Result<&'a Tally, String>>,
}

impl Now<'_> {
    fn lines(&self, canvas: Canvas) -> Vec<String> {
        let board = Board {
            place: self.place,
            overview: &self.overview,
            machine: &self.machine,
            history: self.history.clone(),
        };
        board.lines(canvas)
    }
}

/// Shows everything again and again, on a terminal in its place, elsewhere one view below another.
fn watch(watching: Watching) -> Result<Exit> {
    let is_screen = terminal::is_screen();
    let screen = is_screen.then(Screen::enter).transpose();
    let screen = screen.context("drawing on the terminal")?.map(Arc::new);
    let shown = screen.clone();
    // It is given back here, also where the thread that draws panics, or waits for a disk that does not answer.
    let ended = signal::attend(false, move |signals| match &shown {
        Some(screen) => on_screen(watching, screen, &signals),
        None => in_lines(watching, &signals),
    });
    if let Some(screen) = screen {
        screen.give_back();
    }
    ended.map(|()| Exit::Done)
}

/// One view below another, until somebody ends it or nobody reads it.
fn in_lines(mut watching: Watching, signals: &Receiver<Signal>) -> Result<()> {
    let canvas = Canvas {
        width: WIDTH,
        height: None,
        colors: false,
        keys: false,
    };
    let mut every = SOON;
    loop {
        let view = watching.look().lines(canvas).join("\n");
        let mut out = io::stdout().lock();
        if writeln!(out, "{view}\n")
            .and_then(|()| out.flush())
            .is_err()
        {
            return Ok(());
        }
        drop(out);
        let next = after(every);
        every = EVERY;
        while let Some(signal) = signal_before(&next, signals)? {
            match signal {
                Signal::SIGTSTP => signal::stop_self(),
                Signal::SIGCONT => (),
                signal => return Err(Interrupted(signal).into()),
            }
        }
    }
}

/// The signal that comes before it is time, if one does.
fn signal_before<T>(time: &Receiver<T>, signals: &Receiver<Signal>) -> Result<Option<Signal>> {
    select! {
        recv(time) -> _ => Ok(None),
        recv(signals) -> signal => signal.map(Some).context("the signal handler is gone"),
    }
}

/// What is to be done next on a screen.
enum Next {
    Look,
    /// The same, of what has begun a moment ago as well.
    LookForNew,
    Draw,
    Quit,
}

/// In its place on a terminal, until somebody quits.
fn on_screen(mut watching: Watching, screen: &Screen, signals: &Receiver<Signal>) -> Result<()> {
    let keys = screen.keys()?;
    let heard = Heard {
        keys: &keys,
        signals,
    };
    let colors = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut every = SOON;
    loop {
        let now = watching.look();
        let time = after(every);
        every = EVERY;
        let is_for_new = loop {
            let (width, height) = screen.size();
            let canvas = Canvas {
                width,
                height: Some(height),
                colors,
                keys: io::stdin().is_terminal(),
            };
            let drawn = screen.draw(&now.lines(canvas));
            drawn.context("drawing on the terminal")?;
            match heard.next(screen, (width, height), &time)? {
                Next::Look => break false,
                Next::LookForNew => break true,
                Next::Draw => (),
                Next::Quit => return Ok(()),
            }
        };
        if is_for_new {
            watching.trees.forget();
        }
    }
}

/// What comes from outside.
struct Heard<'a> {
    keys: &'a Receiver<u8>,
    signals: &'a Receiver<Signal>,
}

impl Heard<'_> {
    /// Waits for what is to be done next on a screen of this size, where another look is due at this time.
    fn next<T>(&self, screen: &Screen, size: (usize, usize), time: &Receiver<T>) -> Result<Next> {
        let ticks = tick(LOOK);
        loop {
            select! {
                recv(time) -> _ => return Ok(Next::Look),
                recv(self.keys) -> key => match key {
                    Ok(b'r' | b'R') => return Ok(Next::LookForNew),
                    // Nobody types any more.
                    Ok(b'q' | b'Q') | Err(_) => return Ok(Next::Quit),
                    Ok(_) => (),
                },
                recv(self.signals) -> signal => {
                    return obey(screen, signal.context("the signal handler is gone")?);
                }
                recv(ticks) -> _ => if screen.size() != size {
                    return Ok(Next::Draw);
                },
            }
        }
    }
}

/// What a signal means: Ctrl-Z leaves the terminal to the shell for a while.
fn obey(screen: &Screen, signal: Signal) -> Result<Next> {
    match signal {
        Signal::SIGTSTP => {
            screen.give_back();
            signal::stop_self();
        }
        Signal::SIGCONT => (),
        signal => return Err(Interrupted(signal).into()),
    }
    screen.take().context("drawing on the terminal")?;
    Ok(Next::Look)
}
