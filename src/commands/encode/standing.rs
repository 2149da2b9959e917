//! What `av1enc status` sees of a run.

use std::{
    env,
    ffi::OsString,
    path::Path,
    sync::{Arc, OnceLock},
};

use crate::{
    event::{Sink, Stage, detail},
    job::{Figures, Job, Runner, Standing, Telling},
    neighbour::Board,
    os::{machine::host, process::quoted},
    settings::Config,
};

/// What the directory of a job says of a run, from when there is that directory.
#[derive(Default)]
pub(super) struct Record(Arc<OnceLock<Telling>>);

impl Record {
    /// The same sink, that also keeps the record. It is written by whoever sends an event.
    pub(super) fn sink(&self, sink: &Sink) -> Sink {
        let (telling, sink) = (self.0.clone(), sink.clone());
        Arc::new(move |event| {
            if let Some(complaint) = telling.get().and_then(|telling| telling.hear(&event)) {
                detail(&sink, complaint);
            }
            sink(event);
        })
    }

    /// A run of the `job` begins, of which `sink` hears; how it makes way is posted on the `board`.
    pub(super) fn begin(&self, config: &Config, job: &Arc<Job>, board: &Board, sink: &Sink) {
        let standing = Standing {
            easing: board.easing(),
            ..at_the_beginning(config, job)
        };
        let board = board.clone();
        let easings = Box::new(move || board.easing());
        let (telling, complaint) = Telling::begin(job.clone(), standing, easings);
        // It begins once.
        let _ = self.0.set(telling);
        if let Some(complaint) = complaint {
            detail(sink, complaint);
        }
    }
}

fn at_the_beginning(config: &Config, job: &Job) -> Standing {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    Standing {
        source: job.source.clone(),
        runner: Runner::this(host()),
        film: text(&config.input),
        output: text(&config.output),
        dir: config.job_dir.clone().into_os_string(),
        go_on: go_on(env::args_os().skip(1).collect(), config.restart),
        figures: Figures::of(Stage::Probe),
        easing: None,
    }
}

/// The line that goes on with what these words have begun: typed again, --restart would throw the work away. `None` where
/// it was not in them, but is in a file of settings.
fn go_on(words: Vec<OsString>, restarted: bool) -> Option<String> {
    let here = env::current_dir().ok()?;
    let all = words.len();
    let kept = words
        .into_iter()
        .filter(|word| !restarted || word != "--restart");
    let kept: Vec<String> = kept.map(|word| quoted(&word)).collect();
    (!restarted || kept.len() < all).then(|| {
        format!(
            "cd {} && av1enc {}",
            quoted(here.as_os_str()),
            kept.join(" ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_goes_on_restarts_nothing() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let line = |text, restarted| go_on(words(text), restarted);
        let is = |line: Option<String>, end: &str| line.is_some_and(|line| line.ends_with(end));
        assert!(is(
            line("a.mkv --crf 30", false),
            "&& av1enc a.mkv --crf 30"
        ));
        assert!(is(line("a.mkv --restart -y", true), "&& av1enc a.mkv -y"));
        assert_eq!(line("a.mkv -y", true), None);
        let named = line("a.mkv -o --restart", false);
        assert!(is(named, "&& av1enc a.mkv -o --restart"));
    }
}
