//! What happens, in lines: for a terminal that moves no cursor, a pipe, and a log.

use super::{dots, text};
use crate::{
    event::{Easing, Event, Progress},
    os::words::{bytes, clock, count},
};

/// Lines of progress in a stage.
const STEPS: f64 = 20.0;
/// Chunks that say how long the others will take, and how large they will be; or so great a part of the film.
const TELLING_CHUNKS: usize = 3;
const TELLING_PART: u64 = 10;

/// Says what of the events is worth a line.
pub struct Lines {
    verbose: bool,
    shows_progress: bool,
    /// Steps of this stage that are behind it.
    step: u64,
    /// Size of the source in bytes, until it was said what is expected.
    expecting: Option<u64>,
}

impl Lines {
    /// Lines with details only if `verbose`, with stages and how far they are only if that is not shown in another way.
    #[must_use]
    pub fn new(verbose: bool, shows_progress: bool) -> Self {
        Self {
            verbose,
            shows_progress,
            step: 0,
            expecting: None,
        }
    }

    /// The line that is due now, if one is. The end has no line: it is the result.
    pub fn of(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Stage { stage } => {
                self.step = 0;
                let line = || format!("{} {}", text::label(*stage), dots());
                self.shows_progress.then(line)
            }
            Event::Intended(intent) => {
                self.expecting = Some(intent.source_bytes);
                let tracks = intent.tracks.iter();
                let tracks: String = tracks.map(|track| format!("\ntrack    {track}")).collect();
                Some(format!(
                    "source   {}\nencode   {}{tracks}",
                    intent.source, intent.encoding
                ))
            }
            Event::Aimed(aimed) => Some(text::aimed(aimed)),
            Event::Warning { message } => Some(format!("warning: {message}")),
            Event::Note { message } | Event::Neighbour(Easing { message, .. }) => {
                Some(message.clone())
            }
            Event::Decided(decided) => {
                let lines = text::decided(decided);
                (!lines.is_empty()).then(|| lines.join("\n"))
            }
            Event::Detail { message } => self.verbose.then(|| message.clone()),
            Event::Fraction { stage, fraction } => {
                let percent = self.next_step(*fraction)?;
                Some(format!("{} {percent} %", text::label(*stage)))
            }
            Event::Progress(progress) => self.progress(progress),
            Event::Clip(_) | Event::Finished(_) => None,
        }
    }

    fn progress(&mut self, progress: &Progress) -> Option<String> {
        let expected = self.expected(progress);
        let fraction = progress.frames as f64 / progress.total_frames.max(1) as f64;
        let percent = self.next_step(fraction);
        let line = percent.map(|percent| format!("Encoding {percent} %: {}", figures(progress)));
        let lines: Vec<String> = expected.into_iter().chain(line).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// How many percent are done, if that is a step further than what was said last.
    fn next_step(&mut self, fraction: f64) -> Option<u64> {
        let step = (fraction.clamp(0.0, 1.0) * STEPS) as u64;
        let is_due = self.shows_progress && step > self.step;
        self.step = self.step.max(step);
        is_due.then(|| step * 100 / STEPS as u64)
    }

    /// What the first chunks tell of the others, once.
    fn expected(&mut self, progress: &Progress) -> Option<String> {
        let is_told = progress.chunks >= TELLING_CHUNKS
            || progress.frames * TELLING_PART >= progress.total_frames;
        let (Some(video), Some(seconds), true) =
            (progress.expected_bytes, progress.eta_seconds, is_told)
        else {
            return None;
        };
        let source = self.expecting.take()?;
        let part = 100.0 * video as f64 / source.max(1) as f64;
        Some(format!(
            "expect   about {} of video ({part:.0} % of the source) in about {}",
            bytes(video),
            clock(seconds)
        ))
    }
}

/// The figures that are known, of which a line of a log has room for all.
fn figures(p: &Progress) -> String {
    let size = match p.expected_bytes {
        Some(expected) => format!("{} of about {}", bytes(p.bytes), bytes(expected)),
        None => bytes(p.bytes),
    };
    let parts = [
        Some(format!("{}/{} frames", p.frames, p.total_frames)),
        Some(format!("{:.1} fps", p.fps)),
        p.eta_seconds.map(|eta| format!("eta {}", clock(eta))),
        (p.bytes > 0).then_some(size),
        (p.total_chunks > 0).then(|| format!("{}/{} chunks", p.chunks, p.total_chunks)),
        Some(count(p.workers as u64, "worker")),
        Some(format!("{} of memory", bytes(p.memory_bytes))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Intent, Stage};

    fn at(frames: u64) -> Event {
        Event::Progress(Progress {
            frames,
            total_frames: 1000,
            ..Progress::default()
        })
    }

    #[test]
    fn of_progress_every_twentieth_has_a_line() {
        let mut lines = Lines::new(false, true);
        let said: Vec<_> = (0..=1000).filter_map(|n| lines.of(&at(n))).collect();
        assert_eq!(said.len(), 20, "{said:?}");
        assert!(
            said[0].starts_with("Encoding 5 %: 50/1000 frames"),
            "{said:?}"
        );
        assert!(said[19].starts_with("Encoding 100 %: "), "{said:?}");
        // A chunk that failed takes its frames back.
        assert_eq!(lines.of(&at(900)).or(lines.of(&at(960))), None);
        let stage = Stage::Encode;
        assert!(lines.of(&Event::Stage { stage }).is_some());
        assert!(lines.of(&at(900)).unwrap().contains(" 90 %"));
        let mut silent = Lines::new(false, false);
        assert_eq!(silent.of(&at(900)), None);
        assert_eq!(silent.of(&Event::Stage { stage }), None);
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let mut lines = Lines::new(false, true);
        assert_eq!(
            lines.of(&at(50)).unwrap(),
            "Encoding 5 %: 50/1000 frames, 0.0 fps, 0 workers, 0 B of memory"
        );
    }

    #[test]
    fn what_is_expected_is_said_once_when_the_first_chunks_are_in() {
        let mut lines = Lines::new(false, false);
        let intent = Intent {
            source: "h264".to_owned(),
            encoding: "SVT-AV1".to_owned(),
            tracks: vec!["sound track 1 (eng): ac3".to_owned()],
            source_bytes: 2_000_000,
        };
        assert_eq!(
            lines.of(&Event::Intended(intent)).unwrap(),
            "source   h264\nencode   SVT-AV1\ntrack    sound track 1 (eng): ac3"
        );
        let mut said = |chunks| {
            lines.of(&Event::Progress(Progress {
                frames: 20,
                total_frames: 1000,
                chunks,
                eta_seconds: Some(83.0),
                expected_bytes: Some(500_000),
                ..Progress::default()
            }))
        };
        assert_eq!(said(1), None);
        assert_eq!(
            said(3).unwrap(),
            "expect   about 500 kB of video (25 % of the source) in about 1:23"
        );
        assert_eq!(said(4), None);
    }
}
