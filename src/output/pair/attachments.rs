//! The files that are attached to two films: fonts, covers.

use std::{fmt, path::Path, process::Command};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{
    finding::{Finding, Property},
    os::toolbox::Toolbox,
    source::probe::{file_url, streams},
};

/// An attached file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    name: String,
    /// Of all its bytes.
    hash: String,
}

/// `a.ttf`, or what it is where it has no name.
impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.name.as_str() {
            "" => "a cover",
            name => name,
        })
    }
}

/// What ffprobe says of a stream.
#[derive(Debug, Deserialize)]
struct Stream {
    index: usize,
    codec_type: Option<String>,
    extradata_hash: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    tags: Tags,
}

#[derive(Debug, Default, Deserialize)]
struct Disposition {
    attached_pic: u8,
}

#[derive(Debug, Default, Deserialize)]
struct Tags {
    #[serde(default)]
    filename: String,
}

const ENTRIES: &str =
    "stream=index,codec_type,extradata_hash:stream_disposition=attached_pic:stream_tags=filename";

/// Reads what is attached to a film.
///
/// # Errors
/// If it cannot be read.
pub fn of_film(tools: &Toolbox, file: &Path) -> Result<Vec<Attached>> {
    let options = ["-show_data_hash", "murmur3", "-show_entries", ENTRIES];
    let found: Vec<Stream> = streams(tools, file, &options).context("reading the attachments")?;
    let mut attached = Vec::new();
    for stream in found {
        let hash = match stream.codec_type.as_deref() {
            _ if stream.disposition.attached_pic == 1 => cover(tools, file, stream.index)?,
            Some("attachment") => stream.extradata_hash.unwrap_or_default(),
            _ => continue,
        };
        attached.push(Attached {
            name: stream.tags.filename,
            hash,
        });
    }
    Ok(attached)
}

/// The hash of a picture that players show beside the name of the film: the one packet of a stream of its own.
fn cover(tools: &Toolbox, file: &Path, stream: usize) -> Result<String> {
    let mut command = Command::new(&tools.ffmpeg);
    command
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file_url(file))
        .args(["-map", &format!("0:{stream}"), "-c", "copy"])
        .args(["-frames:v", "1", "-f", "hash", "-hash", "murmur3", "-"]);
    let output = tools.children.output(command);
    let output = output.context("reading a cover picture")?;
    Ok(String::from_utf8_lossy(&output).trim().to_lowercase())
}

/// Compares what is attached: every file of the source has to be in the output, with its bytes and by its name, and none more.
#[must_use]
pub fn finding(source: &[Attached], output: &[Attached]) -> Finding {
    let is_in = |file: &Attached, film: &[Attached]| {
        let mut same = film.iter().filter(|other| other.hash == file.hash);
        // MP4 has no names for covers.
        same.any(|other| other.name == file.name || file.name.is_empty() || other.name.is_empty())
    };
    let others = |film: &[Attached], of: &[Attached]| -> Vec<String> {
        let others = film.iter().filter(|file| !is_in(file, of));
        others.map(ToString::to_string).collect()
    };
    let (lost, more) = (others(source, output), others(output, source));
    let mut found = output.len().to_string();
    for (words, files) in [(", without ", &lost), (", and another ", &more)] {
        if !files.is_empty() {
            found += words;
            found += &files.join(", ");
        }
    }
    let agrees = lost.is_empty() && more.is_empty() && source.len() == output.len();
    let by = "names and hashes, by ffprobe and ffmpeg";
    Finding::new(
        Property::Attachments,
        source.len().to_string(),
        found,
        by,
        agrees,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_replaced_renamed_or_lost_is_named() {
        let file = |name: &str, hash: &str| Attached {
            name: name.to_owned(),
            hash: hash.to_owned(),
        };
        let source = [file("a.ttf", "1"), file("cover.jpg", "2")];
        let moved = [file("", "2"), file("a.ttf", "1")];
        assert!(finding(&source, &moved).agrees);
        for (wrong, said) in [
            (
                vec![file("a.ttf", "3"), file("cover.jpg", "2")],
                "without a.ttf, and another a.ttf",
            ),
            (
                vec![file("b.ttf", "1"), file("cover.jpg", "2")],
                "another b.ttf",
            ),
            (vec![file("a.ttf", "1")], "without cover.jpg"),
            (
                vec![source[0].clone(), source[0].clone(), source[1].clone()],
                "3",
            ),
        ] {
            let found = finding(&source, &wrong);
            assert!(!found.agrees && found.output.contains(said), "{found}");
        }
    }
}
