//! What `av1enc status` sees of a run.

use std::{env, ffi::OsString, path::Path, sync::Arc};

use crate::{
    event::{Sink, Stage, detail},
    job::{Figures, Job, Runner, Standing, Telling},
    os::{machine::host, process::quoted},
    settings::Config,
};

/// The same sink, that also keeps what the directory of the `job` says of this run. It is written by whoever sends an event.
pub(super) fn recorded(config: &Config, job: &Arc<Job>, sink: &Sink) -> Sink {
    let (telling, complaint) = Telling::begin(job.clone(), at_the_beginning(config, job));
    let sink = sink.clone();
    let tell = move |complaint: Option<String>, sink: &Sink| {
        if let Some(complaint) = complaint {
            detail(sink, complaint);
        }
    };
    tell(complaint, &sink);
    Arc::new(move |event| {
        tell(telling.hear(&event), &sink);
        sink(event);
    })
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
