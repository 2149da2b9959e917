//! ffprobe and mkvmerge -> [`Container`]: what the source is, before any frame is read.

mod ffprobe;
mod mkvmerge;
mod picture;
mod ask;
mod tracks;
mod edits;
mod kinds;
mod unfit;
mod directory;

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
    thread,
};

use anyhow::{Context, Error, Result, anyhow, ensure};
use num_rational::Ratio;

use self::edits::Lists;
use self::ffprobe::{FfFile, FfFrame, FfPackets, FfStream, RESTARTING, rate};
pub(crate) use self::ffprobe::{LOOKING_FAR, streams};
pub use self::{
    ask::{
        Found, bytes_of_sound, complaint_between, extras_at_places, has_packets_after,
        packet_times, video_of,
    },
    ffprobe::file_url,
    mkvmerge::{Entries, Identified, IdentifiedContainer, IdentifiedTrack, identify},
};
use crate::{
    film::{
        media::{Clock, Color, Container, MATROSKA, Space, Track, Video},
        tags,
    },
    os::{
        exit::UnfitFilm,
        process::{outcome, quoted},
        toolbox::Toolbox,
        words::count,
    },
    source::ending,
};

/// What a probe found.
#[derive(Debug, Clone)]
pub struct Probed {
    /// What the container says.
    pub container: Container,
    /// Frame rates that the container names, the likeliest first.
    pub rates: Vec<Ratio<u32>>,
    /// How the file is seen to be cut short, if it is.
    pub truncated: Option<String>,
    /// Whether it is of a kind that begins and ends anywhere: a part of a stream.
    pub ends_anywhere: bool,
}

/// Reads what `input` (an absolute path) is.
///
/// # Errors
/// If it is missing; [`UnfitFilm`] if it is empty, no film, or one that cannot be encoded whole. The error says what to
/// type next.
pub fn probe(tools: &Toolbox, input: &Path) -> Result<Probed> {
    let (bytes, truncated) = at_hand(input)?;
    let Description {
        file,
        lists,
        begins_late,
        glimpse,
    } = Description::of(tools, input)?;
    let film = film_of(&file, input)?;
    let look = Look {
        tools,
        input,
        file: &file,
        film,
    };
    let seen = look.at_the_beginning(glimpse)?;
    let direct = seen.direct();

    let mut warnings = Vec::new();
    let mut video = look.picture(&seen.frame, &mut warnings)?;
    let writer = file.format.tag("ENCODER").unwrap_or_default();
    video.bit_rate = film.bit_rate(writer);
    look.tell_of_data(direct, &mut warnings);
    let mut clock = clock(&file, film, &seen.frame, direct);
    let (video_track, mut other_tracks) = look.tracks(&seen, &mut clock, &mut warnings)?;
    lists.tell(&file, &mut other_tracks);
    look.tell_of_covers(&seen, &mut warnings);
    look.tell_of_colors(&seen, &video.color, &mut warnings);

    let space = look.space(&seen).of(&video, &mut warnings);
    let sound = file.sound_spans(|stream| other_tracks.iter().any(|track| track.stream == stream));
    let rates = [&film.r_frame_rate, &film.avg_frame_rate];
    let identified = &seen.identified;
    Ok(Probed {
        truncated,
        ends_anywhere: RESTARTING.contains(&file.format.format_name.as_str()),
        rates: rates.into_iter().filter_map(|text| rate(text)).collect(),
        container: Container {
            format: seen.format(&file),
            direct,
            restarts: !direct && file.restarts(),
            new_sound: false,
            copied_sound: Vec::new(),
            dropped: Vec::new(),
            begins_late,
            duration_seconds: file.format.duration_seconds(),
            declared_frames: film.declared_frames(writer),
            bytes,
            video,
            video_track,
            other_tracks,
            title: look.title(&seen),
            tags: identified.tag_count(),
            space,
            tag_list: match direct {
                true => Vec::new(),
                false => look.tags(),
            },
            video_tags: look.video_tags(direct),
            chapters: look.chapters(&seen),
            chapter_list: file.places_of_chapters(clock),
            attachments: identified.attachments.len(),
            sound,
            clock,
            warnings,
        },
    })
}

/// What ffprobe says of a file, and its own lists where they say it better.
struct Description {
    file: FfFile,
    lists: Lists,
    /// Whether sound begins so late that ffmpeg knows it only if it is told to look far.
    begins_late: bool,
    glimpse: Glimpse,
}

impl Description {
    /// That of `input`.
    ///
    /// # Errors
    /// [`UnfitFilm`], if it is no film, or one whose lists ffmpeg does not heed.
    fn of(tools: &Toolbox, input: &Path) -> Result<Self> {
        let (file, glimpse) = Glimpse::beside(tools, input, || {
            unfit::describe::<FfFile>(tools, input, &DESCRIPTION)
        });
        let mut file = file?;
        if film_of(&file, input).is_ok_and(|film| film.pix_fmt.is_none()) {
            // It may be that its first pictures could not be read, for a moment.
            file = unfit::describe(tools, input, &DESCRIPTION)?;
        }
        let unknown = file.unknown_sound();
        if unknown > 0 {
            file = unfit::describe(
                tools,
                input,
                &[DESCRIPTION.as_slice(), &LOOKING_FAR].concat(),
            )?;
        }
        let begins_late = file.unknown_sound() < unknown;
        let lists = Lists::of(&file, input);
        lists.refuse_pauses(&file, input)?;
        if let Some(chapters) = lists.chapters(tools, input, &file)? {
            file.chapters = chapters;
        }
        Ok(Self {
            file,
            lists,
            begins_late,
            glimpse,
        })
    }
}

/// Whether a shell would have put other names in the place of this one.
fn is_pattern(input: &Path) -> bool {
    let bytes = input.as_os_str().as_encoded_bytes();
    bytes.iter().any(|byte| b"*?".contains(byte))
}

/// That a file cannot be read, and what to do about it.
fn unreadable(input: &Path, error: io::Error) -> Error {
    let shown = input.display();
    let what = match fs::read_link(input) {
        Ok(to) => format!("`{shown}`, a link to `{}`", to.display()),
        Err(_) => format!("`{shown}`"),
    };
    match error.kind() {
        ErrorKind::PermissionDenied => {
            let named = quoted(input.as_os_str());
            anyhow!("cannot read {what}: {error}; `namei -l {named}` shows who may")
        }
        _ if is_pattern(input) => Error::new(error).context(format!(
            "cannot read {what}: a shell replaces such a pattern by the names of films only if it is not quoted and matches any"
        )),
        _ => Error::new(error).context(format!("cannot read {what}")),
    }
}

/// Bytes of a file that is at hand, and how it is seen to be cut short, if it is.
fn at_hand(input: &Path) -> Result<(u64, Option<String>)> {
    let shown = input.display();
    let metadata = fs::metadata(input).map_err(|error| unreadable(input, error))?;
    ensure!(
        !metadata.is_dir(),
        UnfitFilm(format!("`{shown}` {}", directory::instead(input)))
    );
    ensure!(
        metadata.is_file(),
        UnfitFilm(format!(
            "`{shown}` is not a regular file, and the source is read at many places at once: write it into a file, and name that"
        ))
    );
    ensure!(
        metadata.len() > 0,
        UnfitFilm(format!("`{shown}` is empty: copy or download it again"))
    );
    let mut file = fs::File::open(input).map_err(|error| unreadable(input, error))?;
    unfit::refuse_list(&mut file, shown)?;
    // Whoever reads it will say what is wrong with it.
    let truncated = ending::cut_short(&mut file, metadata.len()).unwrap_or(None);
    Ok((metadata.len(), truncated))
}

/// The stream that is encoded: the first that is a film.
fn film_of<'a>(file: &'a FfFile, input: &Path) -> Result<&'a FfStream> {
    let mut streams = file.streams.iter();
    streams.find(|stream| stream.is_film()).with_context(|| {
        UnfitFilm(format!(
            "`{}` has no video to encode ({})",
            input.display(),
            file.kinds()
        ))
    })
}

/// A film that is looked at.
struct Look<'a> {
    tools: &'a Toolbox,
    input: &'a Path,
    file: &'a FfFile,
    /// The stream that is encoded.
    film: &'a FfStream,
}

/// What ffprobe is asked of a film.
const DESCRIPTION: [&str; 5] = [
    "-show_format",
    "-show_streams",
    "-show_chapters",
    "-show_programs",
    "-show_data",
];

/// What can be seen of a file before it is known whether it is a film: each is one run of a tool that takes its time to
/// start.
struct Glimpse {
    first: Result<FfPackets>,
    identified: Result<Identified>,
    likely: Result<Option<FfFrame>>,
}

impl Glimpse {
    /// Looks while `work` is done, and returns what came of that as well.
    fn beside<T>(tools: &Toolbox, input: &Path, work: impl FnOnce() -> T) -> (T, Self) {
        thread::scope(|scope| {
            let identified = scope.spawn(|| identify(tools, input));
            let first = scope.spawn(|| ask::first_packets(tools, input));
            let likely = scope.spawn(|| ask::likely_first_frame(tools, input));
            let done = work();
            let glimpse = Self {
                first: outcome(first),
                identified: outcome(identified),
                likely: outcome(likely),
            };
            (done, glimpse)
        })
    }
}

/// Tags that are the picture's in Matroska, wherever other containers have them.
const OF_THE_PICTURE: [&str; 2] = ["TIMECODE", "REEL_NAME"];

/// What is seen at the beginning of a film.
struct Seen {
    /// Its first picture.
    frame: FfFrame,
    /// The first packets of all tracks.
    first: FfPackets,
    /// What mkvmerge says of it.
    identified: Identified,
}

impl Seen {
    /// Whether mkvmerge takes its tracks from the source itself.
    fn direct(&self) -> bool {
        self.identified.container.kind.as_deref() == Some(MATROSKA)
    }

    /// What the container is, by mkvmerge's name or else ffmpeg's.
    fn format(&self, file: &FfFile) -> String {
        let kind = self.identified.container.kind.clone();
        kind.unwrap_or_else(|| file.format.format_name.clone())
    }
}

impl Look<'_> {
    /// The first picture and the first packets, and what mkvmerge says, of a film that can be taken.
    fn at_the_beginning(&self, glimpse: Glimpse) -> Result<Seen> {
        let (tools, input, film) = (self.tools, self.input, self.film);
        let shown = input.display();
        unfit::refuse_unknown(tools, film)
            .with_context(|| format!("`{shown}` cannot be encoded"))?;
        let Glimpse {
            first,
            identified,
            likely,
        } = glimpse;
        let frame = match likely {
            Ok(Some(frame)) if frame.stream_index == Some(film.index) => Ok(Some(frame)),
            _ => ask::first_frame(tools, input, film.index)
                .with_context(|| format!("cannot read the first frame of `{shown}`")),
        };
        let first = first.with_context(|| format!("cannot read the first packets of `{shown}`"))?;
        ensure!(
            !self.file.is_encrypted() && !first.is_encrypted(),
            UnfitFilm(format!(
                "`{shown}` is encrypted: it must be decrypted first"
            ))
        );
        ensure!(
            matches!(frame, Ok(Some(_))) || !first.packets.is_empty(),
            UnfitFilm(format!(
                "`{shown}` has the head of a film and nothing that is shown: it is the initialisation segment of a stream, \
                 was never finished, or names other files that hold its pictures"
            ))
        );
        let mut frame = frame?.with_context(|| {
            UnfitFilm(format!(
                "`{shown}` cannot be encoded: no frame of it can be decoded"
            ))
        })?;
        if film.codec_name == "av1" {
            // Whoever decodes them will say what is wrong with them.
            let extras = ask::av1_extras(tools, input, film.index, 0.0).unwrap_or_default();
            frame.later.extend(extras);
        }
        Ok(Seen {
            frame,
            first,
            identified: identified?,
        })
    }

    /// What its pictures are.
    fn picture(&self, frame: &FfFrame, warnings: &mut Vec<String>) -> Result<Video> {
        let (file, film) = (self.file, self.film);
        let unfit = || UnfitFilm(format!("`{}` cannot be encoded", self.input.display()));
        unfit::refuse_rgb(file, film, frame).with_context(unfit)?;
        let mut video = picture::video(film, frame, warnings).with_context(unfit)?;
        let contradicted = picture::order_of_contradiction(self.tools, self.input, (film, frame))?;
        video.fields = contradicted.or(video.fields);
        if let Some(fields) = video.fields {
            warnings.push(format!(
                "the source is {fields}: it is encoded as it is, and the output says so. To deinterlace it first, and encode \
                 that: {}",
                unfit::filtering(file, film, unfit::deinterlacing(fields), "DEINTERLACED.mkv")
            ));
        }
        Ok(video)
    }

    /// The tags of the film, without those that are its picture's in Matroska.
    fn tags(&self) -> Vec<(String, String)> {
        let mut tags = tags::kept(&self.file.tags_with_programme(self.film.index));
        tags.retain(|(name, _)| !OF_THE_PICTURE.contains(&name.as_str()));
        tags
    }

    /// The tags of the picture's track. Outside of Matroska (`direct`) its time code may be a track of its own, or be said of
    /// the whole film.
    fn video_tags(&self, direct: bool) -> Vec<(String, String)> {
        let mut kept = self.film.kept_tags(&self.file.format);
        let elsewhere = self
            .file
            .streams
            .iter()
            .filter(|stream| stream.is_timecode());
        let elsewhere = elsewhere.map(|stream| &stream.tags);
        let all = std::iter::once(&self.film.tags).chain(elsewhere);
        for tags in all.chain([&self.file.format.tags]).filter(|_| !direct) {
            for (name, value) in tags::kept(tags) {
                let is_new = kept.iter().all(|(known, _)| *known != name);
                if is_new && OF_THE_PICTURE.contains(&name.as_str()) {
                    kept.push((name, value));
                }
            }
        }
        tags::as_of_a_track(kept)
    }

    /// Says which tracks of data are left out: all but those that become a tag of the picture's track or chapters.
    fn tell_of_data(&self, direct: bool, warnings: &mut Vec<String>) {
        let kept = self.video_tags(direct);
        let is_kept = |stream: &FfStream| {
            let tags = tags::kept(&stream.tags);
            let is_tag = stream.is_timecode()
                && tags
                    .iter()
                    .filter(|(name, _)| OF_THE_PICTURE.contains(&name.as_str()))
                    .all(|tag| kept.contains(tag));
            is_tag || stream.is_text_of_chapters() && !self.file.chapters.is_empty()
        };
        let streams = self.file.streams.iter();
        let data = streams.filter(|stream| stream.codec_type == "data" && !is_kept(stream));
        let data = data.count();
        if data > 0 {
            warnings.push(format!(
                "left out: {} (metadata with times and the like); Matroska has none",
                count(data as u64, "data track")
            ));
        }
    }

    /// Which of the file's films it is.
    fn position(&self) -> usize {
        let mut films = self.file.streams.iter().filter(|stream| stream.is_film());
        films
            .position(|film| film.index == self.film.index)
            .unwrap_or(0)
    }

    /// The track that is encoded and all others that are kept, with where each begins. The `clock` makes room for those that
    /// begin before it.
    fn tracks(
        &self,
        seen: &Seen,
        clock: &mut Clock,
        warnings: &mut Vec<String>,
    ) -> Result<(Track, Vec<Track>)> {
        let (tools, input, file) = (self.tools, self.input, self.file);
        let direct = seen.direct();
        let (video_track, mut others) = match direct {
            true => tracks::split_tracks(file, &seen.identified, self.position(), warnings)
                .with_context(|| {
                    UnfitFilm(format!("`{}` cannot be joined whole", input.display()))
                })?,
            false => tracks::carried_tracks(file, self.film, warnings, &|stream, carry| {
                tracks::takes(tools, input, stream, carry)
            })?,
        };
        for track in &mut others {
            let mut streams = file.streams.iter();
            let codec = streams
                .find(|stream| stream.index == track.stream)
                .map(|stream| stream.codec_name.as_str());
            seen.first.tell(track, codec, *clock);
        }
        if !direct {
            let is_empty = |track: &Track| tracks::is_empty(tools, input, &seen.first, track);
            tracks::leave_out_empty(file, &mut others, warnings, &is_empty)?;
            clock.make_room(others.iter().filter_map(Track::earliest_ms));
        }
        Ok((video_track, others))
    }

    /// How its pictures lie in space, as they are coded.
    fn space(&self, seen: &Seen) -> Space {
        match seen.direct() {
            true => seen.identified.space(self.position()),
            false => self.film.space(),
        }
    }

    /// How many chapters are kept.
    fn chapters(&self, seen: &Seen) -> usize {
        match seen.direct() {
            true => seen.identified.chapter_count(),
            false => self.file.chapters.len(),
        }
    }

    /// Says that the container gives other colours to its pictures than they have themselves, as ffmpeg decodes them.
    fn tell_of_colors(&self, seen: &Seen, color: &Color, warnings: &mut Vec<String>) {
        let said = seen.identified.video_color(self.position());
        let Some(said) = said.filter(|said| said.contradicts(color)) else {
            return;
        };
        warnings.push(format!(
            "its container says {said}, and its pictures {color}: what the pictures say is kept"
        ));
    }

    fn tell_of_covers(&self, seen: &Seen, warnings: &mut Vec<String>) {
        let streams = self.file.streams.iter();
        let covers = streams.filter(|stream| stream.is_picture()).count();
        let lost = covers.saturating_sub(seen.identified.attachments.len());
        if lost > 0 && !seen.direct() {
            warnings.push(format!(
                "left out: {}; mkvmerge does not read them in this container",
                count(lost as u64, "cover picture")
            ));
        }
    }

    fn title(&self, seen: &Seen) -> Option<String> {
        if seen.direct() {
            return seen.identified.container.properties.title.clone();
        }
        let title = self.file.format.tag("title");
        title.filter(|title| !title.is_empty()).map(str::to_owned)
    }
}

/// The clock of the film: the container's own where mkvmerge goes by it too; else it begins at the earliest packet of any
/// track, as ffmpeg lets it begin.
fn clock(file: &FfFile, stream: &FfStream, frame: &FfFrame, direct: bool) -> Clock {
    let origin = if direct {
        0.0
    } else {
        file.clock_origin(stream)
    };
    let first = frame.seconds().or(stream.start_seconds()).unwrap_or(origin) - origin;
    // Rounded up: nothing that is heard at the very beginning gets a time below zero. Less than a tick of any container
    // above a whole millisecond is one.
    const TICK_MS: f64 = 0.012;
    let whole = (first * 1000.0 - TICK_MS).ceil();
    let offset_us = if direct {
        0
    } else {
        ((whole - first * 1000.0) * 1000.0).round() as i64
    };
    Clock {
        origin_ms: origin * 1000.0,
        first_ms: first * 1000.0,
        offset_us,
    }
}
