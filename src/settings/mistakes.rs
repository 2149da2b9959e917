//! What people type who know other programs, and plain slips: what was probably meant, as a line to type.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::Path,
};

use super::foreign::{self, Meant};
use crate::os::{exit::UsageError, process::quoted};

use Meant::{
    Before, ByValue, Encoder, Filter, Flag, Flags, Impossible, Needless, Param, Part, Parts, Sound,
    Tracks, Video,
};

/// What stands in a line whose preset has no number.
const DEFAULT_PRESET: &str = "6";
/// Less memory than this nobody means.
const LEAST_MEMORY: u64 = 1 << 20;
/// More films than these are not listed.
const MOST_LISTED: usize = 20;

/// A command line in which what other programs call otherwise has our names.
#[derive(Debug, Default)]
pub(super) struct Mended {
    /// The line.
    pub words: Vec<OsString>,
    /// What was wrong with the one that was typed.
    pub wrong: Vec<UsageError>,
    /// Whether this line does all that was meant.
    pub is_whole: bool,
}

/// What is known of a word that stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It needs nothing after it.
    Whole,
    /// It is a flag whose value is the next word.
    NeedsValue,
    /// It is a flag that nobody knows.
    Unknown,
}

/// A line that is being mended.
struct Mender<'a> {
    typed: &'a [OsString],
    knows: &'a dyn Fn(&OsStr) -> Word,
    done: Mended,
    /// Where films are named, among the words that are done.
    films: Vec<usize>,
    sound: Vec<String>,
    video: Vec<String>,
    /// ffmpeg's options for a part of the film.
    part: Vec<String>,
    /// Its filters for the picture.
    filters: Vec<String>,
    /// How others choose among the tracks, and mkvmerge's options for it.
    chosen: (Vec<String>, Vec<&'static str>),
    /// What is done to the film beforehand: what was typed, and by what it is done.
    before: Vec<(String, &'static str)>,
}

/// Mends the words of a command line, the program's name first; what is known of each tells `knows`.
pub(super) fn mend(typed: &[OsString], knows: &dyn Fn(&OsStr) -> Word) -> Mended {
    let mut mender = Mender {
        typed,
        knows,
        done: Mended {
            is_whole: true,
            ..Mended::default()
        },
        films: Vec::new(),
        sound: Vec::new(),
        video: Vec::new(),
        part: Vec::new(),
        filters: Vec::new(),
        chosen: Default::default(),
        before: Vec::new(),
    };
    mender.go_through();
    mender.add_options();
    mender.name_output();
    mender.tell_of_parts();
    mender.tell_of_filters();
    mender.tell_of_tracks();
    mender.tell_of_others();
    mender.done
}

impl Mender<'_> {
    /// Takes over word by word.
    fn go_through(&mut self) {
        let mut at = 0;
        while let Some(word) = self.typed.get(at) {
            if word == "--" {
                self.take_names(at);
                return;
            }
            // What follows is one film more.
            if (word == "-i" || word == "--input") && self.has(["-i", "--input"]) {
                at += 1;
                continue;
            }
            let before = match at {
                0 => Word::Whole,
                _ => self
                    .done
                    .words
                    .last()
                    .map_or(Word::Whole, |last| (self.knows)(last)),
            };
            let next = self.typed.get(at + 1);
            let taken = match before {
                Word::NeedsValue => self.take_value(word, next),
                Word::Unknown if is_no_name(word) => {
                    self.done.words.push(word.clone());
                    1
                }
                _ => 0,
            };
            at += match (taken, foreign::meaning(word, next)) {
                (0, Some(meant)) if at > 0 => self.take_foreign(word, next, meant),
                (0, _) => self.take(word, at),
                (taken, _) => taken,
            };
        }
    }

    /// Takes `--`, which is at `at`, and the names of films behind it.
    fn take_names(&mut self, at: usize) {
        let first = self.done.words.len() + 1;
        self.done.words.extend_from_slice(&self.typed[at..]);
        self.films.extend(first..self.done.words.len());
    }

    /// Takes the word at `at`, which is no foreign one. Returns how many words that were, as the others do.
    fn take(&mut self, word: &OsString, at: usize) -> usize {
        let is_command = at == 1 && (word == "doctor" || word == "plan");
        if at > 0 && !word.as_encoded_bytes().starts_with(b"-") && !is_command {
            self.films.push(self.done.words.len());
        }
        let limit = word
            .to_str()
            .and_then(|word| word.strip_prefix("--memory-limit="));
        let mended = limit.and_then(|size| self.memory(size));
        let mended = mended.map(|size| OsString::from(format!("--memory-limit={size}")));
        self.done.words.push(mended.unwrap_or_else(|| word.clone()));
        1
    }

    /// Takes the value of the flag before it.
    fn take_value(&mut self, word: &OsString, next: Option<&OsString>) -> usize {
        let flag = self.done.words.last().cloned().unwrap_or_default();
        let (flag, text) = (flag.to_string_lossy(), word.to_str().unwrap_or_default());
        let mended = match &*flag {
            // `-o --crf 24`: no file is called that.
            "-o" | "--output"
                if text.starts_with("--") && (self.knows)(word) == Word::NeedsValue =>
            {
                self.name_default();
                return 0;
            }
            "-a" | "--audio-params" | "-v" | "--video-params" => {
                if let Some(value) = next.filter(|next| is_unquoted(text, next)) {
                    self.tell(format!("what follows {flag} is one word: it needs quotes"));
                    let pair = [text.to_owned(), value.to_string_lossy().into_owned()];
                    let is_sound = flag == "-a" || flag == "--audio-params";
                    let options = if is_sound {
                        &mut self.sound
                    } else {
                        &mut self.video
                    };
                    options.extend(pair);
                    self.done.words.pop();
                    return 2;
                }
                None
            }
            "-e" | "--encoder" => self.encoder(text),
            "--preset" => self.preset(text),
            "--memory-limit" => self.memory(text),
            _ => None,
        };
        self.done
            .words
            .push(mended.map_or_else(|| word.clone(), OsString::from));
        1
    }

    /// Takes a word of another program, and the `next` one if that is its value.
    fn take_foreign(&mut self, word: &OsStr, next: Option<&OsString>, meant: Meant) -> usize {
        let (flag, value) = match word.to_str().and_then(|word| word.split_once('=')) {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (word.to_string_lossy().into_owned(), None),
        };
        let takes_next = value.is_none() && next.is_some_and(|next| has_value(meant, next));
        let value =
            value.or_else(|| Some(next.filter(|_| takes_next)?.to_string_lossy().into_owned()));
        let value = value.unwrap_or_default();
        let typed = format!("`{}`", format!("{flag} {value}").trim_end());
        match meant {
            Flag(ours) => self.rename(&typed, &[ours, &value]),
            Flags(_, ours) => self.rename(&typed, ours),
            Encoder => match foreign::encoder(&value) {
                Some(ours) => self.rename(&typed, &["-e", ours]),
                None => self.refuse(format!("{typed}: {}", why_not_encoder(&value))),
            },
            // By itself, it would be Vorbis.
            Sound if flag == "-ac" && value == "2" && !self.has_other_sound() => {
                self.rename(&typed, &foreign::STEREO);
            }
            Sound => {
                self.tell(format!("{typed} belongs in -a"));
                self.sound.extend([flag, value]);
            }
            Video(option) => {
                self.tell(format!("{typed} belongs in -v"));
                self.video.extend([option.to_owned(), value]);
            }
            Param => {
                self.tell(format!(
                    "{typed} is an option of the encoder, and belongs in -v"
                ));
                self.video
                    .extend([flag, value].into_iter().filter(|word| !word.is_empty()));
            }
            Part(option) => self.part.extend([option.to_owned(), seconds(&value)]),
            Parts => self.part.extend(shlex::split(&value).unwrap_or_default()),
            Tracks(_, options) => {
                self.chosen.0.push(typed);
                self.chosen.1.extend(options);
            }
            Filter(_, filter) => self.filters.push(filter(&value)),
            Needless(_, why) => self.tell(format!("{typed} is not needed: {why}")),
            Impossible(_, why) => self.refuse(format!("{typed}: {why}")),
            Before(_, how) => self.before.push((typed, how)),
            // What the value means is known already.
            ByValue(_) => (),
        }
        1 + usize::from(takes_next)
    }

    /// Whether anything else is said of the sound by ffmpeg's options.
    fn has_other_sound(&self) -> bool {
        let is_of_sound = |word: &OsString| {
            let word = word.to_string_lossy();
            ["-a", "--audio-params", "-ar", "-af", "-acodec"].contains(&&*word)
                || ["-c:a", "-codec:a", "-b:a"]
                    .iter()
                    .any(|option| word.starts_with(option))
        };
        self.typed.iter().any(is_of_sound)
    }

    /// Puts our words in the place of those that were `typed`.
    fn rename(&mut self, typed: &str, ours: &[&str]) {
        let numbered = match ours {
            ["--preset", name] => foreign::preset(name),
            _ => None,
        };
        let ours = match (ours, numbered) {
            ([flag, _], Some(number)) => vec![*flag, number],
            _ => ours.to_vec(),
        };
        self.tell(format!("{typed} is `{}` here", ours.join(" ")));
        self.done.words.extend(ours.into_iter().map(OsString::from));
    }

    /// The number of a preset that is named.
    fn preset(&mut self, name: &str) -> Option<String> {
        let Some(number) = foreign::preset(name) else {
            if name.contains(|c: char| c.is_ascii_alphabetic()) {
                self.refuse(format!("`--preset {name}`: {}", foreign::NUMBERS));
                return Some(DEFAULT_PRESET.to_owned());
            }
            return None;
        };
        self.tell(format!(
            "`--preset {name}`: presets of AV1 encoders are numbers, and lower ones are slower and better; `--preset {number}` is \
             like {name}"
        ));
        Some(number.to_owned())
    }

    /// Our name of HandBrakeCLI's encoder.
    fn encoder(&mut self, name: &str) -> Option<String> {
        let ours = foreign::encoder_of_handbrake(name)?;
        self.tell(format!(
            "`-e {name}` is `-e {ours}` here, and 10 bit are encoded anyway"
        ));
        Some(ours.to_owned())
    }

    /// A limit of memory with the unit that was forgotten.
    fn memory(&mut self, size: &str) -> Option<String> {
        size.parse::<u64>()
            .ok()
            .filter(|bytes| (1..LEAST_MEMORY).contains(bytes))?;
        self.tell(format!(
            "`--memory-limit {size}` is {size} bytes: `--memory-limit {size}G` is meant, most likely"
        ));
        Some(format!("{size}G"))
    }

    fn tell(&mut self, wrong: String) {
        self.done.wrong.push(UsageError(wrong));
    }

    /// Tells what no other line does.
    fn refuse(&mut self, wrong: String) {
        self.tell(wrong);
        self.done.is_whole = false;
    }

    /// Adds what belongs into `-a` and `-v`.
    fn add_options(&mut self) {
        for (flag, long, options) in [
            ("-a", "--audio-params", std::mem::take(&mut self.sound)),
            ("-v", "--video-params", std::mem::take(&mut self.video)),
        ] {
            if options.is_empty() {
                continue;
            }
            if self
                .done
                .words
                .iter()
                .any(|word| word == flag || word == long)
            {
                self.done.is_whole = false;
                continue;
            }
            let quoted: Vec<String> = options
                .iter()
                .map(|word| quoted(OsStr::new(word)))
                .collect();
            self.done
                .words
                .extend([flag.into(), quoted.join(" ").into()]);
        }
    }

    fn has(&self, flags: [&str; 2]) -> bool {
        self.done
            .words
            .iter()
            .any(|word| flags.iter().any(|flag| word == flag))
    }

    /// Whether a file that is there may be written over.
    fn overwrites(&self) -> bool {
        self.done.words.iter().any(|word| word == "-y")
    }

    /// Of the films that are named, one may be the output, and only one can be encoded.
    fn name_output(&mut self) {
        let last = self.done.words.last().cloned().unwrap_or_default();
        if last == "-o" || last == "--output" {
            self.name_default();
        }
        let by_flag = usize::from(self.has(["-i", "--input"]));
        if by_flag + self.films.len() < 2 {
            return;
        }
        let at = self.films.last().copied().unwrap_or_default();
        let is_output = by_flag + self.films.len() == 2
            && !self.has(["-o", "--output"])
            && (!Path::new(&self.done.words[at]).exists() || self.overwrites());
        if is_output {
            let name = self.done.words.remove(at);
            self.tell(format!(
                "the file to write is named with -o: `-o {}`",
                quoted(&name)
            ));
            // Behind `--` it would be a name.
            let end = self.done.words.iter().position(|word| word == "--");
            let at = end.map_or(at, |end| end.min(at));
            self.done.words.splice(at..at, ["-o".into(), name]);
        } else {
            self.tell_of_films(by_flag == 1);
        }
    }

    /// The film that is named first.
    fn film(&self) -> Option<OsString> {
        let words = &self.done.words;
        let by_flag = words
            .iter()
            .position(|word| word == "-i" || word == "--input");
        let at = by_flag
            .map(|at| at + 1)
            .or_else(|| self.films.first().copied());
        words.get(at?).cloned()
    }

    /// Names the output that an `-o` without a name has by default.
    fn name_default(&mut self) {
        let film = self.film();
        let stem = film.as_ref().and_then(|film| Path::new(film).file_stem());
        let mut name = stem.unwrap_or_else(|| OsStr::new("OUTPUT")).to_owned();
        name.push(if stem.is_some() { ".av1.mkv" } else { ".mkv" });
        self.tell("-o needs the name of the file to write".to_owned());
        self.done.words.push(name);
    }

    /// One film at a time: says what encodes several, and keeps the first.
    fn tell_of_films(&mut self, by_flag: bool) {
        let mut others = self.films.clone();
        let mut names: Vec<OsString> = others
            .iter()
            .map(|at| self.done.words[*at].clone())
            .collect();
        let input = self
            .done
            .words
            .iter()
            .position(|word| word == "-i" || word == "--input");
        if let (true, Some(at)) = (by_flag, input) {
            names.insert(0, self.done.words.get(at + 1).cloned().unwrap_or_default());
        }
        let has_subtitles = names.iter().any(|name| is_subtitles(name));
        if has_subtitles && names.iter().filter(|name| !is_subtitles(name)).count() == 1 {
            names.sort_by_key(|name| is_subtitles(name));
            self.tell_of_subtitles(&names);
        } else {
            self.tell_of_loop(&names);
        }
        if !by_flag {
            others.remove(0);
        }
        for at in others.into_iter().rev() {
            self.done.words.remove(at);
        }
    }

    /// Says what puts subtitles into a film.
    fn tell_of_subtitles(&mut self, names: &[OsString]) {
        self.refuse(format!(
            "av1enc adds no tracks: put them into the film with `mkvmerge -o ADDED.mkv {}`, and encode that",
            listed(names)
        ));
    }

    /// Says what encodes several films.
    fn tell_of_loop(&mut self, names: &[OsString]) {
        let mut flags = self.done.words[1..].to_vec();
        for at in self.films.iter().rev() {
            flags.remove(at - 1);
        }
        flags.retain(|word| word != "--");
        for flag in ["-i", "--input", "-o", "--output"] {
            if let Some(at) = flags.iter().position(|word| word == flag) {
                flags.drain(at..flags.len().min(at + 2));
            }
        }
        let flags: String = flags
            .iter()
            .map(|word| format!(" {}", quoted(word)))
            .collect();
        self.refuse(format!(
            "av1enc encodes one film at a time, and {} are named: type `for film in {}; do av1enc \"$film\"{flags}; done`",
            names.len(),
            listed(names)
        ));
    }

    /// Says what cuts a part out of the film.
    fn tell_of_parts(&mut self) {
        if self.part.is_empty() {
            return;
        }
        let part: Vec<String> = self.part.iter().map(|word| quoted(word.as_ref())).collect();
        let film = self.input();
        self.refuse(format!(
            "av1enc encodes whole films: cut the part out of it, from keyframe to keyframe, with \
             `ffmpeg {} -i {film} -map 0 -c copy PART.mkv`, and encode that",
            part.join(" ")
        ));
    }

    fn tell_of_filters(&mut self) {
        if self.filters.is_empty() {
            return;
        }
        // As HandBrake does it.
        self.filters
            .sort_by_key(|filter| !filter.starts_with("crop="));
        let filters = quoted(self.filters.join(",").as_ref());
        let film = self.input();
        self.refuse(format!(
            "av1enc does not crop, scale or filter: make a lossless copy, which is large, with \
             `ffmpeg -i {film} -map 0 -c copy -c:v:0 ffv1 -filter:v:0 {filters} FILTERED.mkv`, and encode that"
        ));
    }

    /// Says what chooses among the tracks.
    fn tell_of_tracks(&mut self) {
        let (typed, options) = std::mem::take(&mut self.chosen);
        if typed.is_empty() {
            return;
        }
        let mut once: BTreeSet<&str> = options.into_iter().collect();
        for (none, some) in [
            ("--no-audio", "--audio-tracks eng"),
            ("--no-subtitles", "--subtitle-tracks eng"),
        ] {
            if once.contains(none) {
                once.remove(some);
            }
        }
        let once: Vec<&str> = once.into_iter().collect();
        let film = self.input();
        self.refuse(format!(
            "{}: every track is kept: choose those that you want with `mkvmerge -o CHOSEN.mkv {} {film}`, for example, and \
             encode that",
            typed.join(", "),
            once.join(" ")
        ));
    }

    /// Says what else is done to the film beforehand.
    fn tell_of_others(&mut self) {
        let film = self.input();
        for (typed, how) in std::mem::take(&mut self.before) {
            self.refuse(format!("{typed}: {}", how.replace("FILM", &film)));
        }
    }

    /// The film, as a word to type.
    fn input(&self) -> String {
        quoted(&self.film().unwrap_or_else(|| "INPUT.mkv".into()))
    }
}

/// Whether a word cannot be the name of a film: what follows a flag that nobody knows is then its value.
pub(super) fn is_no_name(word: &OsStr) -> bool {
    let is_number = word
        .to_str()
        .is_some_and(|text| text.parse::<f64>().is_ok());
    let path = Path::new(word);
    !word.as_encoded_bytes().starts_with(b"-")
        && !path.exists()
        && (is_number || path.extension().is_none())
}

/// Whether the `next` word belongs to one that means this.
fn has_value(meant: Meant, next: &OsStr) -> bool {
    match meant {
        Needless(value, _) | Impossible(value, _) | Before(value, _) => value,
        Filter(value, _) | Tracks(value, _) | Flags(value, _) => value,
        Param => foreign::is_value(next),
        _ => true,
    }
}

/// Why there is no encoder of this name.
fn why_not_encoder(name: &str) -> String {
    let is_av1 = name.contains("av1");
    let why = if is_av1 {
        ""
    } else {
        "av1enc makes AV1 only; "
    };
    format!("{why}of ffmpeg's encoders it has libsvtav1, libaom-av1, librav1e and av1_qsv")
}

/// HandBrakeCLI's `seconds:60`, which was `duration:60` once, as ffmpeg has it.
fn seconds(time: &str) -> String {
    let units = ["seconds:", "duration:"];
    let seconds = units.iter().find_map(|unit| time.strip_prefix(unit));
    seconds.unwrap_or(time).to_owned()
}

/// Whether an option and the `next` word were meant to be one value: `-a -c:a copy`.
fn is_unquoted(option: &str, next: &OsStr) -> bool {
    let is_option = option.starts_with('-') && !option.contains([' ', '=']);
    is_option && !next.as_encoded_bytes().starts_with(b"-") && is_no_name(next)
}

/// Whether a file has subtitles and no picture.
fn is_subtitles(name: &OsStr) -> bool {
    let ending = Path::new(name).extension().unwrap_or_default();
    let all = ["srt", "ass", "ssa", "sup", "idx", "vtt"];
    all.iter().any(|it| ending.eq_ignore_ascii_case(it))
}

/// Films for a loop of a shell.
fn listed(films: &[OsString]) -> String {
    let ending = |film: &OsString| Path::new(film).extension().map(OsStr::to_owned);
    let first = films.first().and_then(ending);
    let is_plain = |ending: &OsString| {
        ending
            .to_str()
            .is_some_and(|text| text.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    let are_alike = films
        .iter()
        .all(|film| ending(film) == first && Path::new(film).components().count() == 1);
    match first.filter(is_plain) {
        Some(ending) if are_alike && films.len() > MOST_LISTED => {
            format!("./*.{}", ending.display())
        }
        _ => {
            let from_here = |film: &OsString| match film.as_encoded_bytes().first() {
                Some(b'-') => quoted(Path::new(".").join(film).as_os_str()),
                _ => quoted(film),
            };
            films.iter().map(from_here).collect::<Vec<_>>().join(" ")
        }
    }
}
