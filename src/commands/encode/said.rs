//! What a run says before it encodes: of its command line, of its programs, and of its plan.

use super::run::Run;
use crate::{
    cli::Layer,
    commands::ground::Ground,
    doctor::Programs,
    event::{Decided, Easing, Event, Sink, Stage, note, warn},
    os::process::quoted,
    settings::Config,
    ui::plan::intended,
};

/// Says what of the command line, and of where it was typed, has nothing to do.
pub(super) fn tell_of_the_line(ground: &Ground, config: &Config, sink: &Sink) {
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

pub(super) fn tell_of_probing(sink: &Sink) {
    sink(Event::Stage {
        stage: Stage::Probe,
    });
}

/// Says which encoders would have been used before that which is.
pub(super) fn tell_of_passed_over(programs: &Programs, sink: &Sink) {
    let version = &programs.encoder.identity().version;
    for reason in &programs.passed_over {
        note(sink, format!("{version} is used: {reason}"));
    }
}

impl Run<'_> {
    pub(super) fn tell_what_is_planned(&self) {
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
}
