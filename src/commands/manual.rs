//! The manual page: every flag with its whole text, those that `--help` does not show as well, and the other commands.

use anyhow::Result;
use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::Cli;

/// The page, in roff.
///
/// # Errors
/// None that a `Vec` gives.
pub fn page() -> Result<Vec<u8>> {
    let command = Cli::command()
        .override_usage("av1enc [OPTIONS] INPUT [-o OUTPUT]\nav1enc COMMAND [OPTIONS] ...")
        .mut_args(|arg| arg.hide(false));
    let commands: Vec<clap::Command> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .cloned()
        .collect();
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for command in commands {
        page.extend(section(command)?);
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// What the page says of another command. It has no page of its own.
fn section(command: clap::Command) -> Result<Vec<u8>> {
    let name = command.get_name().to_uppercase();
    // Its options are those of an encode.
    let is_encode = name == "DOCTOR";
    let man = Man::new(command);
    let mut parts = Vec::new();
    man.render_description_section(&mut parts)?;
    let mut text = body(&parts);
    if !is_encode {
        let mut options = Vec::new();
        man.render_options_section(&mut options)?;
        text.push_str(&body(&options));
    }
    Ok(format!(".SH {name}\n{text}").into_bytes())
}

/// A section without its heading.
fn body(section: &[u8]) -> String {
    let text = String::from_utf8_lossy(section);
    let lines = text.lines().filter(|line| !line.starts_with(".SH "));
    lines.map(|line| format!("{line}\n")).collect()
}
