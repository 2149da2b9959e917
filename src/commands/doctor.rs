//! `av1enc doctor`: whether an encode would work, and what to type where it would not.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::ground::{Ground, wanted};
use crate::{
    cli::EncodeArgs,
    doctor::{self, Check, Diagnosis, film::Film, forecast::Forecast, neighbour},
    encoder::files::Named,
    job,
    os::{exit::Exit, guard::Threadless, machine::Machine},
    output::part,
    plan::Plan,
    settings::Config,
    source::probe::{self, Probed},
    ui,
};

/// What the doctor says.
#[derive(Debug, Serialize)]
pub struct Diagnosed {
    /// The checks, and what they come to.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
    /// What would be done with the film, if one was given and can be encoded.
    pub plan: Option<Plan>,
    /// What that would take, if it was tried.
    pub forecast: Option<Forecast>,
    /// Whether it is the film that stops an encode, and always will.
    #[serde(skip)]
    pub unfit: bool,
}

impl Diagnosed {
    /// How `av1enc doctor` ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.diagnosis.ok {
            true => Exit::Done,
            false if self.unfit => Exit::Film,
            false => Exit::Failed,
        }
    }
}

/// Shows all checks of the doctor; succeeds only if an encode would work.
pub(super) fn command(args: &EncodeArgs) -> Result<Exit> {
    // Without a film, everything else about the encode can still be checked.
    let named = args.input.is_some() || args.input_flag.is_some();
    let mut args = args.clone();
    if !named {
        args.input = Some("INPUT".into());
    }
    let config = Config::new(&args)?;
    let ground = Ground::lay(&Threadless::here()?, &config.neighbour.standing)?;
    let diagnosed = run(&ground, &config, named)?;
    if args.json {
        ui::print_out(&serde_json::to_string(&diagnosed)?);
    } else {
        ui::print_out(&diagnosed.diagnosis.to_string());
    }
    Ok(diagnosed.exit())
}

/// Checks everything that an encode needs; with `film`, that the film of `config` can be encoded and fits.
///
/// # Errors
/// [`UsageError`](crate::os::exit::UsageError), as for an encode; if no process can be started.
fn run(ground: &Ground, config: &Config, film: bool) -> Result<Diagnosed> {
    let children = &ground.children;
    let (mut checks, programs) = doctor::examine(children, wanted(config), &config.job_dir);
    let ignored = ground.ignored_places.iter();
    checks.extend(ignored.map(|why| Check::warning("PATH", why)));
    checks.extend(neighbour::checks(&config.neighbour, Path::new("/")));
    let (mut planned, mut forecast, mut unfit) = (None, None, false);
    if let Some(programs) = programs.filter(|_| film) {
        match probe::probe(&programs.tools, &config.input) {
            Err(error) => {
                unfit = Exit::of(&error) == Exit::Film;
                checks.push(Check::broken("film", format!("{error:#}")));
            }
            Ok(probed) => {
                unfit = probed.truncated.is_some() && !config.allow_truncated;
                let machine = Machine::look();
                let named = Named::of(config, programs.encoder.identity())?;
                let plan = Plan::decide(config, &programs.encoder, &probed, machine, named)?;
                let (more, guess) =
                    doctor::film::checks(&programs, &film_of(config, &probed, &plan), machine);
                checks.extend(more);
                checks.extend(doctor::lacking_for(children, &probed.container));
                (planned, forecast) = (Some(plan), guess);
            }
        }
        checks.extend(places(config));
    }
    Ok(Diagnosed {
        diagnosis: Diagnosis::of(checks),
        plan: planned,
        forecast,
        unfit,
    })
}

/// What is in the way of the output and of the job where they are to be.
fn places(config: &Config) -> Vec<Check> {
    let output = part::refuse_input(config)
        .and_then(|()| part::refuse_existing(&config.output, config.overwrite || config.dry_run))
        .and_then(|()| part::require_writable(&config.output))
        .map_err(|refusal| Check::broken("output", format!("{refusal:#}")));
    let job = job::require_place(&config.job_dir, config.shared).map_err(|refusal| {
        Check::broken("job directory", format!("{refusal:#}"))
            .advise(["av1enc --temp DIR INPUT  # DIR in a directory that can be written"])
    });
    [output.err(), job.err()].into_iter().flatten().collect()
}

fn film_of<'a>(config: &'a Config, probed: &'a Probed, plan: &'a Plan) -> Film<'a> {
    Film {
        input: &config.input,
        probed,
        recipe: &plan.recipe,
        encoder_line: &plan.encoder_line,
        workers: &plan.workers,
        warnings: &plan.warnings,
        allow_truncated: config.allow_truncated,
        job_dir: &config.job_dir,
        output_dir: part::dir_of(&config.output),
    }
}
