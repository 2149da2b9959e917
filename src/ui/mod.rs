//! Event -> bars, plain lines or JSON lines. The only place that prints: results to stdout, the rest to stderr.

pub mod text;
mod lines;
pub mod log;
pub mod history;
pub mod plan;
pub mod screen;
pub mod board;

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use self::{lines::Lines, log::Log};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use crate::{
    cli::{Cli, Command, ShowProgress},
    event::{Event, Progress, Report, Stage},
    os::{
        exit::{ChunksMissing, Exit},
        signal::Interrupted,
        terminal::{self, Terminal},
        words::{bytes, clock, count, said},
    },
};

/// How things are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For people: bars on a terminal, plain lines elsewhere.
    Human,
    /// One JSON object per line on stdout.
    Json,
    /// Nothing but errors.
    Quiet,
}

impl Mode {
    /// What a command line asks for.
    #[must_use]
    pub fn of(cli: &Cli) -> Self {
        match (cli.json(), cli.quiet()) {
            (true, _) => Self::Json,
            (false, true) => Self::Quiet,
            (false, false) => Self::Human,
        }
    }
}

/// Between two lines of progress in JSON.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// Draws events.
pub struct Ui {
    mode: Mode,
    verbose: bool,
    log: Option<Log>,
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    lines: Lines,
    /// When progress was last told in JSON.
    last: Option<Instant>,
}

impl Ui {
    /// Something that draws in this `mode`, details only if `verbose`, progress as `shown`, and writes everything into the
    /// `log`.
    #[must_use]
    pub fn new(mode: Mode, verbose: bool, shown: ShowProgress, log: Option<Log>) -> Self {
        let draws = match shown {
            ShowProgress::Auto => terminal::draws(),
            ShowProgress::Bar => true,
            ShowProgress::Lines | ShowProgress::None => false,
        };
        let in_lines = !draws && shown != ShowProgress::None;
        Self {
            mode,
            verbose,
            log,
            state: Mutex::new(State {
                bar: (mode == Mode::Human && draws).then(new_bar),
                lines: Lines::new(verbose, in_lines),
                last: None,
            }),
        }
    }

    /// Shows one event.
    pub fn show(&self, event: Event) {
        let event = text::plainly(event);
        if let Some(log) = &self.log {
            log.event(&event);
        }
        match self.mode {
            Mode::Human => self.human(&event),
            Mode::Json => self.json(&event),
            Mode::Quiet => (),
        }
    }

    /// The run has ended with this error, which somebody else prints.
    pub fn end(&self, error: &anyhow::Error) {
        if let Some(log) = &self.log {
            log.line(&format!("error: {}", said(error)));
        }
        self.clear();
    }

    /// Removes the bar, before something else is printed for good.
    pub fn clear(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &state.bar {
            bar.finish_and_clear();
        }
    }

    fn human(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &state.bar {
            draw(bar, event);
        }
        if let Some(line) = state.lines.of(event) {
            state.line(&line);
        }
        match event {
            Event::Clip(clip) => print_out(&text::clip(clip)),
            Event::Finished(report) => print_out(&summary(report)),
            _ => (),
        }
    }

    fn json(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let frequent = matches!(event, Event::Progress(_) | Event::Fraction { .. });
        if frequent && !state.due(JSON_EVERY)
            || matches!(event, Event::Detail { .. }) && !self.verbose
        {
            return;
        }
        match serde_json::to_string(event) {
            Ok(line) => print_out(&line),
            Err(error) => print_note(&format!(
                "error: an event cannot be written as JSON: {error}"
            )),
        }
    }
}

fn new_bar() -> ProgressBar {
    let terminal = Box::new(Terminal::stderr());
    let target = ProgressDrawTarget::term_like_with_hz(terminal, 8);
    let bar = ProgressBar::with_draw_target(Some(1000), target);
    bar.set_style(waiting_style());
    // It may be told only once the film is known to be worth it.
    bar.set_prefix(text::label(Stage::Probe));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Moves the bar on.
fn draw(bar: &ProgressBar, event: &Event) {
    match event {
        Event::Stage { stage } => {
            bar.set_prefix(text::label(*stage));
            bar.set_style(if stage.has_fraction() {
                bar_style()
            } else {
                waiting_style()
            });
            bar.set_position(0);
            bar.set_message("");
            bar.tick();
        }
        Event::Fraction { stage, fraction } => {
            bar.set_prefix(text::label(*stage));
            bar.set_position((fraction * 1000.0) as u64);
        }
        Event::Progress(progress) => {
            bar.set_prefix(text::label(Stage::Encode));
            bar.set_position(1000 * progress.frames / progress.total_frames.max(1));
            bar.set_message(bar_text(progress));
        }
        Event::Finished(_) => bar.finish_and_clear(),
        Event::Intended(_)
        | Event::Decided(_)
        | Event::Clip(_)
        | Event::Aimed(_)
        | Event::Warning { .. }
        | Event::Note { .. }
        | Event::Neighbour(_)
        | Event::Detail { .. } => {}
    }
}

/// Two lines: how far, and what it takes. The second is cut where the terminal is narrower.
fn bar_style() -> ProgressStyle {
    style("{prefix:<10.bold} {wide_bar} {percent:>3} %\n{wide_msg}")
}

/// For stages of which nobody knows how far they are.
fn waiting_style() -> ProgressStyle {
    style("{prefix:<10.bold} {elapsed}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars(if terminal::is_utf8() {
            "━╸─"
        } else {
            "#>-"
        })
}

/// What goes on.
fn dots() -> &'static str {
    if terminal::is_utf8() { "…" } else { "..." }
}

impl State {
    /// Prints a line above the bar, if there is one.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| print_note(text)),
            None => print_note(text),
        }
    }

    /// Whether `every` has gone by since the last time that something was due.
    fn due(&mut self, every: Duration) -> bool {
        let now = Instant::now();
        let due = self
            .last
            .is_none_or(|last| now.duration_since(last) >= every);
        if due {
            self.last = Some(now);
        }
        due
    }
}

/// Prints a result. A reader that has gone away (`| head`) is no error of ours.
pub fn print_out(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints bytes that are a result, as they are.
pub fn print_bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Prints an error, with its causes; as a JSON line too where that is what is read.
pub fn print_error(error: &anyhow::Error, exit: Exit, mode: Mode) {
    let message = said(error);
    // That is what was asked for, and no error.
    let (word, event) = match exit {
        Exit::Worthless => ("skipped", "skipped"),
        Exit::Approval => ("waiting", "waiting"),
        _ => ("error", "error"),
    };
    print_note(&format!("{word}: {message}"));
    if mode != Mode::Json {
        return;
    }
    let mut object = last_event(event, exit.code(), exit, &message);
    if let Some(missing) = error.downcast_ref::<ChunksMissing>() {
        object["missing"] = json!(missing.chunks);
    }
    print_out(&object.to_string());
}

/// Prints that the run was stopped, and how to go on.
pub fn print_stopped(stopped: &Interrupted, cli: &Cli, mode: Mode) {
    let message = match (&cli.command, cli.encode.restart) {
        (Some(Command::Plan { .. } | Command::Chunk(_) | Command::Join(_)), _) => {
            format!("{stopped}; finished work is kept: the same command goes on from here")
        }
        (Some(_), _) => stopped.to_string(),
        (None, restarted) => {
            let command = if restarted {
                "the same command, without --restart,"
            } else {
                "the same command"
            };
            format!("{stopped}; finished work is kept: {command} goes on from here")
        }
    };
    if mode != Mode::Quiet {
        print_note(&message);
    }
    if mode == Mode::Json {
        print_out(&last_event("error", stopped.code(), "stopped", &message).to_string());
    }
}

fn last_event(event: &str, code: u8, kind: impl Serialize, message: &str) -> serde_json::Value {
    json!({"event": event, "code": code, "kind": kind, "message": message})
}

/// Prints a line for a person. Nobody may be there to read it any more (a closed terminal, `2>&1 | head`): that is no
/// reason to lose the work, as `eprintln!` would.
pub fn print_note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn bar_text(p: &Progress) -> String {
    if p.paused {
        let memory = bytes(p.memory_bytes);
        return format!("paused at {}/{} frames, {memory}", p.frames, p.total_frames);
    }
    if p.frames == 0 && p.workers == 0 {
        return format!(
            "finding the first scene: {} of {} frames seen",
            p.detected_frames, p.total_frames
        );
    }
    if p.frames == 0 {
        let workers = count(p.workers as u64, "worker");
        return format!("no frames yet, {workers}, {}", bytes(p.memory_bytes));
    }
    format!(
        "{}/{} frames, {:.1} fps, eta {}, {}, {}, {}",
        p.frames,
        p.total_frames,
        p.fps,
        p.eta_seconds.map_or_else(|| "?".to_owned(), clock),
        p.expected_bytes.map_or_else(
            || bytes(p.bytes),
            |expected| format!("{}/{}", bytes(p.bytes), bytes(expected))
        ),
        count(p.workers as u64, "worker"),
        bytes(p.memory_bytes)
    )
}

/// What a person reads in the end.
#[must_use]
pub fn summary(report: &Report) -> String {
    let ratio = 100.0 * report.output_bytes as f64 / report.source_bytes.max(1) as f64;
    let resumed = match report.resumed_chunks {
        0 => String::new(),
        n => format!(", {n} of them from an earlier run"),
    };
    format!(
        "{}\n  {} -> {} ({ratio:.1} %), video {}; {}{resumed} in {} ({:.1} fps)\n  {}",
        report
            .output
            .to_string_lossy()
            .replace(|c: char| c.is_control(), "\u{fffd}"),
        bytes(report.source_bytes),
        bytes(report.output_bytes),
        bytes(report.video_bytes),
        count(report.chunks as u64, "chunk"),
        clock(report.seconds),
        report.fps,
        text::proven(&report.proof)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_of_a_long_film_fits_80_columns() {
        let progress = Progress {
            frames: 172_799,
            total_frames: 172_800,
            fps: 123.4,
            eta_seconds: Some(3_599.0),
            bytes: 230_000_000,
            expected_bytes: Some(5_600_000_000),
            workers: 12,
            memory_bytes: 31_500_000_000,
            ..Progress::default()
        };
        assert!(bar_text(&progress).len() <= 78, "{}", bar_text(&progress));
    }
}
