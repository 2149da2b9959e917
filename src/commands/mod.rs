//! The commands, one file each: they read like the README's "How it works".

mod manual;
mod ground;
pub mod doctor;
pub mod encode;
mod join;
mod plan;
pub mod chunk;
pub mod history;
pub mod restore;
pub mod status;
mod submit;
pub mod verify;

use anyhow::Result;

use crate::{
    cli::{self, Cli, Command},
    os::exit::Exit,
    settings::{Config, tables},
    source,
    ui::{self, Mode},
};

/// Does what the command line asks for, and shows it in this `mode`.
///
/// # Errors
/// Those that [`Exit`] knows, and [`Interrupted`](crate::os::signal::Interrupted).
pub fn run(cli: &Cli, mode: Mode) -> Result<Exit> {
    match &cli.command {
        None => encode::command(Config::new(&cli.encode)?, &cli.encode, mode),
        Some(Command::Doctor { encode }) => doctor::command(encode),
        Some(Command::Verify(args)) => verify::command(args, mode),
        Some(Command::Restore { film, backup_dir }) => {
            ui::print_out(&restore::run(film, backup_dir.as_deref())?);
            Ok(Exit::Done)
        }
        Some(Command::Plan { encode }) => plan::run(encode, mode),
        Some(Command::Chunk(args)) => chunk::run(args, mode),
        Some(Command::Join(args)) => join::run(args, mode),
        Some(Command::Submit(args)) => submit::run(args, mode),
        Some(Command::Status(args)) => status::run(args),
        Some(Command::History(args)) => {
            ui::print_bytes(&history::run(args)?);
            Ok(Exit::Done)
        }
        Some(Command::TryVapoursynth) => {
            ui::print_out(&source::trial());
            Ok(Exit::Done)
        }
        Some(Command::Tables) => {
            ui::print_bytes(tables::BUILT_IN.as_bytes());
            Ok(Exit::Done)
        }
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut cli::completed(), "av1enc", &mut script);
            ui::print_bytes(&script);
            Ok(Exit::Done)
        }
        Some(Command::Man) => {
            ui::print_bytes(&manual::page()?);
            Ok(Exit::Done)
        }
    }
}
