//! Options that name a file, or pictures of the film by their number: which there are, and what of them a chunk gets.
//!
//! An encoder counts the pictures that it is given, and so every chunk begins with number 0. What counts the film's
//! pictures is cut for each chunk.

use std::path::{self, Path};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::types::Identity;
use crate::{
    os::{disk, exit::UsageError},
    settings::{Config, params::Param, sound::SoundOptions},
};

/// What the value of an option is, where it is a file or counts the film's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The name of a file that holds for every picture alike.
    File,
    /// The name of a table of film grain: its entries hold for parts of the film, by time.
    Grain,
    /// The name of a file with a line for each picture.
    Pictures,
    /// The name of a file in which a line begins with the number of the picture from which on it holds.
    Events,
    /// `first,last,value;first,last,value`: what holds for some pictures.
    Zones,
}

/// A file that an option of the user's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFile {
    /// The option, as the encoder or ffmpeg knows it.
    pub option: String,
    /// Where it is: tools run in the job directory.
    pub path: String,
    /// BLAKE3 of its content.
    pub hash: String,
}

impl NamedFile {
    /// Reads the file that `option` names as its user does: from the current directory on.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(option: &str, name: &str) -> Result<Self, UsageError> {
        let wrong = |why: String| UsageError(format!("{option}: `{name}`: {why}"));
        let path = path::absolute(name).map_err(|error| wrong(error.to_string()))?;
        let path = path
            .into_os_string()
            .into_string()
            .map_err(|_| wrong("the name of its directory is not text".to_owned()))?;
        let content =
            disk::read_regular(Path::new(&path)).map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            option: option.to_owned(),
            path,
            hash: blake3::hash(&content).to_hex().to_string(),
        })
    }

    /// The same, of a text.
    ///
    /// # Errors
    /// As those of [`NamedFile::read`]; if it is no text.
    pub fn text(&self) -> Result<String> {
        let text = String::from_utf8(self.read()?);
        let text = text.with_context(|| format!("`{}` is not text", self.path))?;
        Ok(text.trim_end().to_owned())
    }

    /// Makes sure that a table of grain does not change with time: SVT-AV1 reads the first entry only, and for libaom every
    /// chunk begins at 0 s.
    fn require_one_entry(&self) -> Result<(), UsageError> {
        let content = self
            .read()
            .map_err(|error| UsageError(format!("{error:#}")))?;
        let lines = content.split(|byte| *byte == b'\n');
        let entries = lines.filter(|line| line.starts_with(b"E ")).count();
        if entries <= 1 {
            return Ok(());
        }
        Err(UsageError(format!(
            "{}: `{}` has {entries} entries for parts of the film, and every chunk begins at 0 s: leave one, for the whole film",
            self.option, self.path
        )))
    }

    /// Whether an option for the sound names it: those of encoders begin with two dashes.
    #[must_use]
    pub fn is_of_sound(&self) -> bool {
        !self.option.starts_with("--")
    }

    /// Whether it is this option that names it.
    #[must_use]
    pub fn is_named_by(&self, param: &Param) -> bool {
        self.option.strip_prefix("--") == Some(&param.name)
    }

    /// Its content, which is the same as when the job began.
    ///
    /// # Errors
    /// If it is another one, or the file cannot be read.
    pub fn read(&self) -> Result<Vec<u8>> {
        let Self { option, path, hash } = self;
        let content = disk::read_regular(Path::new(path))
            .with_context(|| format!("reading `{path}`, which {option} names"))?;
        ensure!(
            blake3::hash(&content).to_hex().as_str() == hash,
            "`{path}`, which {option} names, has changed while the film was encoded. Put back what it was and repeat the \
             command, finished work is kept; or add --restart to encode with what it is now"
        );
        Ok(content)
    }
}

/// The files that a user's options name, and the options for sound with these files' whole paths, or in place of a file
/// of filters with its content.
#[derive(Debug, Default)]
pub struct Named {
    /// The files.
    pub files: Vec<NamedFile>,
    /// ffmpeg's options for sound, if it is encoded.
    pub audio_args: Option<SoundOptions>,
}

impl Named {
    /// Reads all files that options of `config` name, for an encoder of this `identity`.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn of(config: &Config, identity: &Identity) -> Result<Self, UsageError> {
        let mut files = of_encoder(&config.video.params, identity)?;
        let mut audio_args = config.audio_args.clone();
        let mut read = |option: &mut String, value: &mut String| {
            if option.starts_with("-filter_script") || option.starts_with("-/") {
                // Filters that av1enc needs go before the user's: there cannot be two places for them.
                let file = NamedFile::of(option, value)?;
                *value = file
                    .text()
                    .map_err(|error| UsageError(format!("{error:#}")))?;
                *option = option.replace("_script", "").replace("-/", "-");
            }
            files.extend(of_filters(value)?);
            Ok(())
        };
        if let Some(options) = &mut audio_args {
            options.change_filters(&mut read)?;
        }
        Ok(Self { files, audio_args })
    }
}

/// What stands before the name of a file in filters of sound.
const NAMES_FILE_OF_FILTER: &[&str] = &[
    "arnndn=m=",
    "arnndn=model=",
    "sofalizer=sofa=",
    "amovie=filename=",
    "amovie=",
];

/// What cannot be in a name inside filters, or ends it.
const SPECIAL_IN_FILTERS: &[char] = &[',', ':', ';', '[', ']', '\\', '\''];

/// The files that ffmpeg's filters name; their names become whole paths in `filters`.
fn of_filters(filters: &mut String) -> Result<Vec<NamedFile>, UsageError> {
    let mut files: Vec<NamedFile> = Vec::new();
    for before in NAMES_FILE_OF_FILTER {
        let mut from = 0;
        while let Some(found) = filters[from..].find(before) {
            let begin = from + found + before.len();
            let length = filters[begin..].find(SPECIAL_IN_FILTERS);
            let end = length.map_or(filters.len(), |length| begin + length);
            from = end;
            // `amovie=filename=` was looked at by its own name.
            if *before == "amovie=" && filters[begin..end].starts_with("filename=") {
                continue;
            }
            let file = NamedFile::of("-af", &filters[begin..end])?;
            if file.path.contains(SPECIAL_IN_FILTERS) {
                return Err(UsageError(format!(
                    "-af: `{}` cannot be named in a filter: give it a name without , : ; [ ] \\ '",
                    file.path
                )));
            }
            filters.replace_range(begin..end, &file.path);
            from = begin + file.path.len();
            files.push(file);
        }
    }
    Ok(files)
}

/// The files that options of an encoder name.
fn of_encoder(params: &[Param], identity: &Identity) -> Result<Vec<NamedFile>, UsageError> {
    let mut files = Vec::new();
    for param in params {
        let option = identity.our_name(&param.name);
        let meaning = identity.meaning(option);
        if meaning.is_none() || meaning == Some(Meaning::Zones) {
            continue;
        }
        let name = param.value.as_deref().unwrap_or_default();
        let file = NamedFile::of(&format!("--{option}"), name)?;
        if meaning == Some(Meaning::Grain) {
            file.require_one_entry()?;
        }
        files.push(file);
    }
    Ok(files)
}

/// What of `text`, the value of an option or the content of the file that it names, holds for the pictures from `start`
/// on, counted from there; `None`: nothing.
///
/// # Errors
/// If it says nothing of picture `start` and must, or cannot be read; the error says which line is wrong.
pub fn part(meaning: Meaning, text: &str, start: u64) -> Result<Option<String>> {
    match meaning {
        Meaning::File | Meaning::Grain => Ok(Some(text.to_owned())),
        Meaning::Pictures => {
            require_line(text, start)?;
            let at = usize::try_from(start)?;
            Ok(Some(lines_of_pictures(text).skip(at).collect()))
        }
        Meaning::Events => events(text, start),
        Meaning::Zones => zones(text, start),
    }
}

/// Makes sure that a text with a line for each picture has one for `picture`: SVT-AV1 would encode it as well as it can.
///
/// # Errors
/// If it has none.
pub fn require_line(text: &str, picture: u64) -> Result<()> {
    let lines = lines_of_pictures(text).count() as u64;
    ensure!(
        picture < lines,
        "it has lines for {lines} pictures, and the film has more"
    );
    Ok(())
}

/// The lines that are a picture's, each with its end. SVT-AV1 passes over what is no number above nought, and stops
/// reading at an empty line, which is nobody's wish.
fn lines_of_pictures(text: &str) -> impl Iterator<Item = String> {
    let number = |line: &str| {
        let digits = line.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u32>().ok().filter(|number| *number > 0)
    };
    text.lines()
        .filter_map(move |line| number(line.trim_start()))
        .map(|number| format!("{number}\n"))
}

/// SVT-AV1 waits for the number of the next event, and so one that is missed stands in the way of all that follow.
fn events(text: &str, start: u64) -> Result<Option<String>> {
    let (mut earlier, mut later) = (None, String::new());
    for (n, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let line = line.trim_start();
        let (number, rest) = line.split_at(line.find(' ').unwrap_or(line.len()));
        let number: u64 = number.parse().with_context(|| {
            format!("line {} does not begin with the number of a picture", n + 1)
        })?;
        if number <= start {
            earlier = Some(format!("0{rest}\n"));
        } else {
            later += &format!("{}{rest}\n", number - start);
        }
    }
    let all = earlier.unwrap_or_default() + &later;
    Ok((!all.is_empty()).then_some(all))
}

fn zones(text: &str, start: u64) -> Result<Option<String>> {
    let mut left = Vec::new();
    for zone in text.split(';').filter(|zone| !zone.is_empty()) {
        let parts: Vec<&str> = zone.splitn(3, ',').map(str::trim).collect();
        let numbers = parts.first().zip(parts.get(1)).and_then(|(first, last)| {
            Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
        });
        let (Some((first, last)), Some(value)) = (numbers, parts.get(2)) else {
            anyhow::bail!("`{zone}` is not `first,last,value`");
        };
        if last >= start {
            left.push(format!(
                "{},{},{value}",
                first.saturating_sub(start),
                last - start
            ));
        }
    }
    Ok((!left.is_empty()).then(|| left.join(";")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn part_of(meaning: Meaning, text: &str, start: u64) -> Option<String> {
        part(meaning, text, start).unwrap()
    }

    #[test]
    fn a_chunk_gets_the_lines_of_its_own_pictures() {
        let text = "# mine\n20\n30\n\n 40 good\n-5\n50\n";
        assert_eq!(
            part_of(Meaning::Pictures, text, 0).unwrap(),
            "20\n30\n40\n50\n"
        );
        assert_eq!(part_of(Meaning::Pictures, text, 2).unwrap(), "40\n50\n");
        let error = part(Meaning::Pictures, text, 4).unwrap_err().to_string();
        assert!(error.contains("lines for 4 pictures"), "{error}");
    }

    #[test]
    fn the_last_event_before_a_chunk_holds_in_it() {
        let text = "0 1 1\n30 2 2\n\n60 3 3\n";
        let part = |start| part_of(Meaning::Events, text, start).unwrap();
        assert_eq!(part(0), "0 1 1\n30 2 2\n60 3 3\n");
        assert_eq!(part(29), "0 1 1\n1 2 2\n31 3 3\n");
        assert_eq!(part(30), "0 2 2\n30 3 3\n");
        assert_eq!(part(99), "0 3 3\n");
        assert_eq!(
            part_of(Meaning::Events, "40 1 1\n", 10).unwrap(),
            "30 1 1\n"
        );
        assert_eq!(part_of(Meaning::Events, "\n", 10), None);
        assert!(super::part(Meaning::Events, "0 1 1\nx 2\n", 0).is_err());
    }

    #[test]
    fn zones_are_moved_and_those_that_are_over_go() {
        let text = "0,9,20;10,49,40.25;50,99,30";
        let part = |start| part_of(Meaning::Zones, text, start);
        assert_eq!(part(0).as_deref(), Some(text));
        assert_eq!(part(20).as_deref(), Some("0,29,40.25;30,79,30"));
        assert_eq!(part(100), None);
        assert!(super::part(Meaning::Zones, "1,2", 0).is_err());
    }

    #[test]
    fn names_inside_filters_become_whole_paths() {
        let dir = tempfile::tempdir().unwrap();
        let (model, room) = (dir.path().join("m.rnnn"), dir.path().join("r.sofa"));
        for path in [&model, &room] {
            fs::write(path, "x").unwrap();
        }
        let (model, room) = (model.to_str().unwrap(), room.to_str().unwrap());
        let typed = format!("volume=1,arnndn=m={model}:mix=0.5,sofalizer=sofa={room}");
        let mut filters = typed.clone();
        let files = of_filters(&mut filters).unwrap();
        assert_eq!(filters, typed);
        assert_eq!(
            files
                .iter()
                .map(|file| file.path.as_str())
                .collect::<Vec<_>>(),
            [model, room]
        );
        assert!(of_filters(&mut "arnndn=m=/nonexistent/x".to_owned()).is_err());
        assert!(
            of_filters(&mut "loudnorm=I=-16".to_owned())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_table_of_grain_that_changes_with_time_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grain.tbl");
        let file = |text: &str| {
            fs::write(&path, text).unwrap();
            NamedFile::of("--fgs-table", path.to_str().unwrap())
                .unwrap()
                .require_one_entry()
        };
        assert!(file("filmgrn1\nE 0 9 1 7 1\n\tp 0\n").is_ok());
        let error = file("filmgrn1\nE 0 9 1 7 1\n\tp 0\nE 9 18 1 7 1\n").unwrap_err();
        assert!(error.to_string().contains("2 entries"), "{error}");
    }

    #[test]
    fn a_file_is_known_by_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grain.tbl");
        let name = path.to_str().unwrap();
        assert!(NamedFile::of("--fgs-table", name).is_err());
        fs::write(&path, "a").unwrap();
        let file = NamedFile::of("--fgs-table", name).unwrap();
        assert_eq!(
            (file.option.as_str(), file.path.as_str()),
            ("--fgs-table", name)
        );
        assert_eq!(file.read().unwrap(), b"a");
        fs::write(&path, "b").unwrap();
        assert!(file.read().unwrap_err().to_string().contains("has changed"));
    }
}
