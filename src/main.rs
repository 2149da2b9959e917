//! The program: parse, run, print one error, exit.

use std::{env, ffi::OsString};

use av1enc::{
    commands,
    os::{
        exit::Exit,
        signal::{self, Interrupted},
    },
    settings::line::{self, Unread},
    ui::{self, Mode},
};

fn main() {
    let words: Vec<OsString> = env::args_os().collect();
    let cli = match line::read(&words) {
        Ok(cli) => cli,
        Err(Unread::Answer(text)) => {
            ui::print_out(&text);
            signal::leave(Exit::Done.code());
        }
        Err(Unread::Wrong(error)) => {
            // Whoever reads JSON reads it of a line, too, that clap does not understand.
            let json = words.iter().any(|word| word == "--json");
            fail(&error.into(), if json { Mode::Json } else { Mode::Human })
        }
    };
    let mode = Mode::of(&cli);
    match commands::run(&cli, mode) {
        Ok(exit) => signal::leave(exit.code()),
        Err(error) => {
            if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
                ui::print_stopped(interrupted, &cli, mode);
                signal::die_of(interrupted.0);
            }
            fail(&error, mode)
        }
    }
}

fn fail(error: &anyhow::Error, mode: Mode) -> ! {
    let exit = Exit::of(error);
    ui::print_error(error, exit, mode);
    signal::leave(exit.code())
}
