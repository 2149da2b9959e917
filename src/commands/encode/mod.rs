//! Encodes a film, from the command line to the final name: the story is here, each of its steps in a file of its own.

mod account;
mod standing;
mod guard;
mod claim;
mod gather;
mod worth;
mod proof;
mod made;
mod run;
mod said;
mod notes;
mod replacing;
mod places;
mod size;
mod others;
mod decoded;
mod chunks;
mod whole;
mod target;
mod open;
mod scenes;
mod prepared;
mod outcome;
mod damaged;
mod joined;
mod proven;
mod named;
mod clip;
mod command;

pub(super) use self::command::command;

use std::{sync::Arc, time::Instant};

use anyhow::Result;
use crossbeam_channel::Receiver;

use self::{account::Account, open::Film, outcome::Outcome, run::Run};
use crate::{
    commands::ground::Ground,
    decide::tracks::Settled,
    doctor::Programs,
    event::{Event, Sink, Stage},
    job::Observer,
    neighbour::Neighbour,
    os::{room::Room, signal::Signal, task::Watch},
    settings::{Config, Step},
    source::probe::Probed,
};

/// Encodes a film.
///
/// # Errors
/// Those that [`Exit`](crate::os::exit::Exit) knows, and [`Interrupted`](crate::os::signal::Interrupted).
fn run(
    ground: &Ground,
    config: &Config,
    signals: &Receiver<Signal>,
    sink: &Sink,
) -> Result<Outcome> {
    let watch = Watch {
        children: &ground.children,
        signals,
        sink,
    };
    said::tell_of_the_line(ground, config, sink);
    let account = Account::begin(&watch, config);
    come_to(&account, &watch, config).inspect_err(|error| account.ended(error))
}

/// What becomes of a film, of which the `account` learns what the history is to know.
fn come_to(account: &Account<'_>, watch: &Watch<'_>, config: &Config) -> Result<Outcome> {
    let (started, sink) = (Instant::now(), watch.sink);
    let observer = Arc::new(Observer::new(config.lease_timeout));
    claim::wait_for_other_run(watch, config, &observer)?;
    if replacing::is_finished(watch, config, account, &observer)? {
        return Ok(Outcome::Named);
    }
    let (programs, probed, settled) = look(account, watch, config)?;
    let mut plan = gather::decide(config, &programs, &probed)?.with_tracks(settled.clone());
    account.plan(&plan);
    if config.dry_run {
        return Ok(Outcome::Planned(Box::new(plan)));
    }
    let record = standing::Record::default();
    let recorded = record.sink(sink);
    let neighbour = Neighbour::begin(&config.neighbour.limits, watch.children, &recorded)?;
    if gather::has_waited(watch, &neighbour)? {
        // The machine is another one than it was.
        plan = gather::decide(config, &programs, &probed)?.with_tracks(settled);
    }
    places::require_places(config)?;
    let room = Room::new(config.disk_patience, watch.children, sink);
    let guard = claim::open_job(config, &plan, &room, &observer)?;
    let run = Run {
        watch: &Watch {
            sink: &recorded,
            ..*watch
        },
        account,
        config,
        programs: &programs,
        guard: &guard,
        job: guard.job(),
        plan: &plan,
        probed: &probed,
        board: neighbour.board(),
        observer: &observer,
        is_clip: false,
    };
    let outcome = named::is_named(account, run.job).and_then(|is_named| {
        if is_named {
            return Ok(Outcome::Named);
        }
        record.begin(config, run.job, run.board, sink);
        run.all(watch, started)
    });
    guard.end(outcome)
}

/// Looks at the film and at the machine, and leaves alone what is not to be encoded.
fn look(
    account: &Account<'_>,
    watch: &Watch<'_>,
    config: &Config,
) -> Result<(Programs, Probed, Settled)> {
    let sink = watch.sink;
    let first = worth::by_file(config)?;
    places::refuse_taken(config, sink)?;
    // Of a film that is left alone, nothing is said but why.
    let may_be_left_alone = !config.deciding.skip.is_empty();
    if !may_be_left_alone {
        said::tell_of_probing(sink);
    }
    let (programs, mut probed) = gather::gather(watch, config)?;
    account.film(&probed.container);
    let settled = gather::settle_tracks(watch, config, &programs, &mut probed)?;
    worth::by_film(watch, config, &probed, &first)?;
    if may_be_left_alone {
        said::tell_of_probing(sink);
    }
    account.encoder(&programs.encoder.identity().version);
    said::tell_of_passed_over(&programs, sink);
    Ok((programs, probed, settled))
}

impl<'a> Run<'a> {
    /// Does what is wanted of the film. The test clip is a job of its own: what comes of it goes to those who watch, and is no
    /// record of this job.
    fn all(&self, watch: &'a Watch<'a>, started: Instant) -> Result<Outcome> {
        self.tell_what_is_planned();
        if self.config.cuts.only {
            self.find_scenes()?;
            return Ok(Outcome::Scenes);
        }
        if self.config.step != Step::Join {
            Run { watch, ..*self }.require_approval()?;
        }
        match self.config.step {
            Step::All => (),
            Step::Plan => return self.prepare().map(Outcome::Prepared),
            Step::Join => self.require_chunks()?,
        }
        self.film(started)
            .inspect_err(|error| self.reject(error))
            .map_err(|error| self.explained_by_writing(error))
    }

    /// Makes the film, from its scenes to its name.
    fn film(&self, started: Instant) -> Result<Outcome> {
        let (mut part, opened) = self.open()?;
        self.guard.keep();
        self.warn_of_small_disks(opened.media());
        (self.watch.sink)(Event::Stage {
            stage: Stage::Encode,
        });
        let made = match opened {
            Film::InChunks(film) => self.in_chunks(film)?,
            Film::InOneGo(film) => self.in_one_go(film)?,
        };
        let made = Arc::new(made.carried(self.job));
        self.tell_scenes(&made);

        self.require_size(&made)?;
        let proof = self
            .join(&made, &part)
            .and_then(|()| self.verify(&made, &part))
            .or_else(|why| self.join_elsewhere(&made, &mut part, why))
            .inspect_err(|why| self.write_disproof(&made, why))?;
        self.judge(&part)?;
        self.publish(&made, part, proof, started)
    }
}
