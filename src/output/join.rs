//! Chunks and the source's other tracks -> one Matroska file, through mkvmerge.

use std::{
    fs::File,
    io::{BufReader, BufWriter},
    path::Path,
    process::Command,
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use num_rational::Ratio;

use crate::{
    event::{Sink, warn},
    film::{
        hdr::{Hdr10, decimal},
        media::{
            Carry, Color, Container, Cropping, Fields, MediaInfo, Range, Space, Timing, Track,
            TrackKind, UNSPECIFIED,
        },
        tags,
    },
    job::{Encoded, Job, names::Name},
    os::{
        process::{Finished, ToolFailure},
        toolbox::Toolbox,
    },
    plan::recipe::Recipe,
    stream::bitstream::concatenate_ivf,
};

/// Files beside the chunks that mkvmerge has open: libraries, the source, the output.
const OTHER_FILES: u64 = 64;
/// More would be of no use.
const MOST_FILES: u64 = 4096;

/// What is joined.
pub struct Parts<'a> {
    /// The job.
    pub job: &'a Job,
    /// The source.
    pub media: &'a MediaInfo,
    /// The recipe.
    pub recipe: &'a Recipe,
    /// All chunks, in order.
    pub chunks: &'a [Encoded],
}

/// Joins the chunks with everything else of the source into `file`, a name as tools in the job's directory have it.
///
/// # Errors
/// If mkvmerge fails.
pub fn join(tools: &Toolbox, parts: &Parts<'_>, file: &Path, sink: &Sink) -> Result<()> {
    let (job, media) = (parts.job, parts.media);
    let rate = format!("0:{}/{}fps", media.fps.numer(), media.fps.denom());
    let video = few_files(parts)?;
    let mut args = strings(&[EACH_ITS_TIME, "--deterministic", &seed(parts), "--output"]);
    args.push(file.display().to_string());
    args.extend(appended(&picture_options(parts, &rate)?, &video));
    args.extend(source_args(tools, parts, video.len())?);
    mkvmerge(tools, job, (Name::Join, &args), sink)
        .context("joining the chunks with the other tracks")?;
    match media.container.video.fields {
        Some(fields) => mark_fields(tools, parts, file, fields),
        None => Ok(()),
    }
}

/// The chunks, in no more files than can be open at once: where there are more chunks, groups of them are put into one file
/// each. mkvmerge sees the same frames either way, and writes the same bytes.
fn few_files(parts: &Parts<'_>) -> Result<Vec<String>> {
    let job = parts.job;
    let chunks = parts.chunks.iter();
    let chunks: Vec<String> = chunks
        .map(|chunk| Name::Chunk(chunk.record().chunk.index).to_string())
        .collect();
    let at_once = files_at_once();
    if chunks.len() <= at_once {
        return Ok(chunks);
    }
    let mut groups = Vec::new();
    for (n, group) in chunks.chunks(at_once).enumerate() {
        let name = Name::Group(n);
        let part = job.part(name)?;
        let file = File::create(&part).map(|file| BufWriter::with_capacity(1 << 20, file));
        let open = |name: &String| {
            let file = File::open(job.dir().join(name))?;
            Ok(BufReader::with_capacity(1 << 20, file))
        };
        file.context("making its file")
            .and_then(|file| concatenate_ivf(group.iter().map(open), file))
            .context("joining a group of chunks")?;
        job.finish(name)?;
        groups.push(name.to_string());
    }
    Ok(groups)
}

/// All that is said of the encoded picture.
fn picture_options(parts: &Parts<'_>, rate: &str) -> Result<Vec<String>> {
    let (media, track) = (parts.media, &parts.media.container.video_track);
    let picture = &parts.recipe.video.picture;
    let tags = &media.container.video_tags;
    let plain = strings(&NOTHING_ELSE);
    Ok([
        plain,
        strings(&["--default-duration", rate]),
        tag_options(parts.job, tags, Name::TrackTags(track.id), 0)?,
        track_options(track, 0),
        shape_options(media),
        space_options(&media.container.space),
        color_options(&picture.color, &picture.hdr10),
        time_options(parts.job, media)?,
    ]
    .concat())
}

/// When the frames are shown, where that is not their number alone.
fn time_options(job: &Job, media: &MediaInfo) -> Result<Vec<String>> {
    if let (Timing::Constant { start_ms }, None) = (&media.timing, media.ends_ms) {
        let ms = start_ms.round();
        let sync = format!("0:{ms}");
        return Ok(match ms == 0.0 {
            true => Vec::new(),
            false => strings(&["--sync", &sync]),
        });
    }
    let mut text = String::from("# timestamp format v2\n");
    // One time more than there are frames says how long the last one is shown.
    let frames = usize::try_from(media.frames)?;
    for time in (0..frames).map(|n| media.time_ms(n)).chain(media.ends_ms) {
        text.push_str(&format!("{time:.6}\n"));
    }
    job.write(Name::Times, text.as_bytes())?;
    Ok(strings(&["--timestamps", &format!("0:{}", Name::Times)]))
}

/// Says in the joined file that its picture is interlaced. mkvmerge itself writes the order of fields, and not that there
/// are any.
fn mark_fields(tools: &Toolbox, parts: &Parts<'_>, file: &Path, fields: Fields) -> Result<()> {
    let mkvpropedit = tools
        .mkvpropedit
        .as_ref()
        .context("mkvpropedit, which marks an interlaced film, is not there")?;
    let mut command = Command::new(mkvpropedit);
    let track = format!("track:v{}", parts.media.container.video_position() + 1);
    command
        .current_dir(parts.job.dir())
        .args(["--ui-language", "en_US"])
        .arg(file)
        .args(["--edit", &track]);
    command.args([
        "--set",
        "interlaced=1",
        "--set",
        &format!("field-order={}", fields as u8),
    ]);
    tools
        .children
        .output(command)
        .map(drop)
        .context("marking the output as interlaced")
}

/// Joins the other tracks of `container`, without the picture, into `file` of the job, as they will be joined with it.
///
/// # Errors
/// If mkvmerge fails.
pub fn join_others(tools: &Toolbox, job: &Job, container: &Container, file: &Path) -> Result<()> {
    let mut inputs = Inputs::into(&relative(job, file));
    if container.direct {
        let but_tracks = ["--no-buttons", "--no-attachments"];
        let options = [&but_tracks[..], &NOTHING_ELSE].concat();
        inputs.source(tools, (job, container), &options)?;
    }
    inputs.handed(tools, job, container)?;
    // What mkvmerge warns of will be said when the film is joined.
    let silent: Sink = Arc::new(|_| ());
    mkvmerge(tools, job, (Name::OthersJoin, &inputs.in_order()), &silent)
}

/// Bytes of a file of Matroska in which nothing is (mkvmerge 74: 4329).
const NOTHING_BYTES: u64 = 4400;

/// How many bytes the output has beside its picture: all that is joined into `file` of the job, as it will be joined with it. The
/// sound that is encoded anew is there already.
///
/// # Errors
/// If mkvmerge fails.
pub fn weigh_all_but_picture(
    tools: &Toolbox,
    job: &Job,
    container: &Container,
    file: &Path,
) -> Result<u64> {
    let mut inputs = Inputs::into(&relative(job, file));
    inputs.all(tools, job, container)?;
    if inputs.files == 0 {
        return Ok(NOTHING_BYTES);
    }
    // What mkvmerge warns of will be said when the film is joined.
    let silent: Sink = Arc::new(|_| ());
    mkvmerge(tools, job, (Name::OthersJoin, &inputs.in_order()), &silent)?;
    let found = file.metadata();
    Ok(found
        .with_context(|| format!("reading {}", job.shown(file)))?
        .len())
}

/// Joins the sound that was encoded anew, alone, into `file` of the job, as it will be joined with the picture.
///
/// # Errors
/// If mkvmerge fails.
pub fn join_new_sound(
    tools: &Toolbox,
    job: &Job,
    container: &Container,
    file: &Path,
) -> Result<()> {
    let mut inputs = Inputs::into(&relative(job, file));
    inputs.new_sound(tools, job, container)?;
    // What mkvmerge warns of will be said when the film is joined.
    let silent: Sink = Arc::new(|_| ());
    mkvmerge(tools, job, (Name::OthersJoin, &inputs.in_order()), &silent)
}

/// The same job gives the same bytes: identifiers inside the file are made from this.
fn seed(parts: &Parts<'_>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(parts.job.source.hash.as_bytes());
    for chunk in parts.chunks {
        hasher.update(chunk.record().hash.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn relative(job: &Job, path: &Path) -> String {
    path.strip_prefix(job.dir())
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// Files that mkvmerge may have open at once: it inherits our limit, which is raised as far as we may.
fn files_at_once() -> usize {
    let limit = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) => {
            let wanted = hard.min(MOST_FILES).max(soft);
            if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
                wanted
            } else {
                soft
            }
        }
        Err(_) => 256,
    };
    usize::try_from(limit.min(MOST_FILES).saturating_sub(OTHER_FILES))
        .unwrap_or(1)
        .max(2)
}

/// `OPTIONS ( a ) + ( b ) + ( c )`: files appended to each other, each with the options.
fn appended(options: &[String], files: &[String]) -> Vec<String> {
    let mut args = Vec::new();
    for (n, file) in files.iter().enumerate() {
        if n > 0 {
            args.push("+".to_owned());
        }
        if n == 0 {
            args.extend_from_slice(options);
        } else {
            // Of an appended file only what concerns its times counts.
            args.extend(
                options
                    .iter()
                    .position(|o| o == "--default-duration")
                    .map_or(Vec::new(), |at| options[at..at + 2].to_vec()),
            );
        }
        args.extend(["(".to_owned(), file.clone(), ")".to_owned()]);
    }
    args
}

/// Language, title and flags of `track`, for the track number `id` of the file that follows.
fn track_options(track: &Track, id: usize) -> Vec<String> {
    let mut args = Vec::new();
    let mut set =
        |option: &str, value: &str| args.extend([format!("--{option}"), format!("{id}:{value}")]);
    if let Some(language) = track.language_ietf.as_ref().or(track.language.as_ref()) {
        set("language", language);
    }
    set("track-name", track.title.as_deref().unwrap_or(""));
    let flags = &track.flags;
    let yes = |flag: bool| if flag { "yes" } else { "no" };
    set("default-track-flag", yes(flags.default));
    set("forced-display-flag", yes(flags.forced));
    set("track-enabled-flag", yes(flags.enabled));
    // These are written only where they are set.
    for (option, flag) in [
        ("original-flag", flags.original),
        ("commentary-flag", flags.commentary),
        ("hearing-impaired-flag", flags.hearing_impaired),
        ("visual-impaired-flag", flags.visual_impaired),
        ("text-descriptions-flag", flags.text_descriptions),
    ] {
        if flag {
            set(option, "yes");
        }
    }
    args
}

/// Shape of the video track's pixels.
fn shape_options(media: &MediaInfo) -> Vec<String> {
    if let Some((width, height)) = media.container.space.crop.and_then(|crop| crop.shown) {
        return strings(&["--display-dimensions", &format!("0:{width}x{height}")]);
    }
    // With two eyes in one picture, the size is that of one of them (matroskadec.c, mkv_stereo_mode_display_mul).
    let one_eye = match media.container.space.stereo {
        1 | 8 | 9 | 11 => Ratio::new(1, 2),
        2 | 3 | 6 | 7 => Ratio::new(2, 1),
        _ => Ratio::from_integer(1),
    };
    match display_size(
        media.width,
        media.height,
        media.container.video.shape().sample_aspect() * one_eye,
    ) {
        Some((width, height)) => strings(&["--display-dimensions", &format!("0:{width}x{height}")]),
        None => Vec::new(),
    }
}

/// The size at which a picture is shown whose pixels are not square: of exactly its shape, and as near to its own size
/// as whole numbers allow. (mkvmerge's own `--aspect-ratio-factor` takes the shape of the picture into account twice.)
fn display_size(width: u32, height: u32, sample_aspect: Ratio<u32>) -> Option<(u64, u64)> {
    if *sample_aspect.numer() == 0 || sample_aspect == Ratio::from_integer(1) {
        return None;
    }
    let (width, height) = (u64::from(width), u64::from(height));
    let (num, den) = (
        u64::from(*sample_aspect.numer()),
        u64::from(*sample_aspect.denom()),
    );
    let stretched = Ratio::new(width * num, den);
    if stretched.is_integer() {
        return Some((stretched.to_integer(), height));
    }
    let shape = stretched / height;
    let times = Ratio::new(height, *shape.denom()).round().to_integer();
    // A ratio of numbers as large as the picture itself is an accident of rounding: so may ours be.
    Some(if times == 0 {
        (stretched.round().to_integer().max(1), height)
    } else {
        (shape.numer() * times, shape.denom() * times)
    })
}

/// How the picture lies in space, as elements of the container.
fn space_options(space: &Space) -> Vec<String> {
    let mut args = Vec::new();
    let mut set =
        |option: &str, value: String| args.extend([format!("--{option}"), format!("0:{value}")]);
    if space.stereo != 0 {
        set("stereo-mode", space.stereo.to_string());
    }
    if space.projection != 0 {
        set("projection-type", space.projection.to_string());
    }
    if let Some(private) = &space.private {
        set("projection-private", private.clone());
    }
    if let Some(Cropping { edges, .. }) = space.crop {
        let edges = edges.map(|pixels| pixels.to_string());
        set("cropping", edges.join(","));
    }
    for (angle, degrees) in ["yaw", "pitch", "roll"].into_iter().zip(space.pose) {
        if degrees != 0.0 {
            set(&format!("projection-pose-{angle}"), degrees.to_string());
        }
    }
    args
}

/// Colours and HDR10 as elements of the container.
fn color_options(color: &Color, hdr10: &Hdr10) -> Vec<String> {
    let mut args = Vec::new();
    let mut set =
        |option: &str, value: String| args.extend([format!("--{option}"), format!("0:{value}")]);
    for (option, code) in [
        ("color-primaries", color.primaries),
        ("color-transfer-characteristics", color.transfer),
        ("color-matrix-coefficients", color.matrix),
    ] {
        if code != UNSPECIFIED {
            set(option, code.to_string());
        }
    }
    if let Some(range) = color.range {
        // Matroska: 1 is "broadcast", 2 is "full".
        set(
            "color-range",
            if range == Range::Full { "2" } else { "1" }.to_owned(),
        );
    }
    if let Some(location) = color.chroma_location {
        // Matroska: horizontally 1 is "left"; vertically 1 is "top", 2 is "half".
        set(
            "chroma-siting",
            match location {
                crate::film::media::ChromaLocation::Left => "1,2".to_owned(),
                crate::film::media::ChromaLocation::TopLeft => "1,1".to_owned(),
            },
        );
    }
    if let Some(light) = hdr10.content_light {
        set("max-content-light", light.max_cll.to_string());
        set("max-frame-light", light.max_fall.to_string());
    }
    if let Some(display) = hdr10.mastering {
        let points = [display.red, display.green, display.blue];
        let points: Vec<String> = points
            .iter()
            .flat_map(|point| [decimal(point.x), decimal(point.y)])
            .collect();
        set("chromaticity-coordinates", points.join(","));
        set(
            "white-color-coordinates",
            format!("{},{}", decimal(display.white.x), decimal(display.white.y)),
        );
        set("max-luminance", decimal(display.max_luminance));
        set("min-luminance", decimal(display.min_luminance));
    }
    args
}

/// Everything but the encoded track, and the order of all tracks: that of the source. Where mkvmerge does not take the
/// tracks from the source itself, ffmpeg has handed them over.
fn source_args(tools: &Toolbox, parts: &Parts<'_>, video_files: usize) -> Result<Vec<String>> {
    let (job, container) = (parts.job, &parts.media.container);
    let order = vec![(container.video_track.id, "0:0".to_owned())];
    let mut inputs = Inputs {
        args: Vec::new(),
        order,
        files: video_files,
    };
    inputs.all(tools, job, container)?;
    Ok(inputs.in_order())
}

/// Every packet of sound has a time of its own: where several are in one block, all but the first have one that players reckon,
/// and that may be 3 ms from the source's.
const EACH_ITS_TIME: &str = "--disable-lacing";

/// What is not taken from a file beside its tracks.
const NOTHING_ELSE: [&str; 3] = ["--no-chapters", "--no-track-tags", "--no-global-tags"];

/// Files that mkvmerge joins, and its options for them.
struct Inputs {
    args: Vec<String>,
    /// Each track by its number in the source, and its place: the number of its file, and its own there.
    order: Vec<(u64, String)>,
    files: usize,
}

impl Inputs {
    /// Nothing yet, to be joined into the file `output`.
    fn into(output: &str) -> Self {
        Self {
            args: strings(&[EACH_ITS_TIME, "--output", output]),
            order: Vec::new(),
            files: 0,
        }
    }

    /// Adds all that the output has beside its picture.
    fn all(&mut self, tools: &Toolbox, job: &Job, container: &Container) -> Result<()> {
        if container.direct {
            self.source(tools, (job, container), &[])?;
            self.handed(tools, job, container)?;
        } else {
            self.handed(tools, job, container)?;
            self.said_of_film(job, container)?;
        }
        match container.new_sound {
            true => self.new_sound(tools, job, container),
            false => Ok(()),
        }
    }

    /// Adds a file, and returns its number.
    fn file(&mut self, options: &[&str], name: &str) -> usize {
        self.args.extend(strings(options));
        self.args
            .extend(["(".to_owned(), name.to_owned(), ")".to_owned()]);
        self.files += 1;
        self.files - 1
    }

    /// Adds the source, with the tracks that mkvmerge takes from it itself, and `options` for what else it has.
    fn source(
        &mut self,
        tools: &Toolbox,
        (job, container): (&Job, &Container),
        options: &[&str],
    ) -> Result<()> {
        let taken = || {
            let tracks = container.other_tracks.iter();
            tracks.filter(|track| container.takes_itself(track))
        };
        for (kind, name) in [
            (TrackKind::Video, "video"),
            (TrackKind::Audio, "audio"),
            (TrackKind::Subtitles, "subtitle"),
        ] {
            let ids: Vec<String> = taken()
                .filter(|track| track.kind == kind)
                .map(|track| track.id.to_string())
                .collect();
            self.args.extend(match ids.is_empty() {
                true => vec![format!("--no-{}", name.replace("subtitle", "subtitles"))],
                false => vec![format!("--{name}-tracks"), ids.join(",")],
            });
        }
        let tracks: Vec<&Track> = taken().collect();
        self.args.extend(direct_places(tools, job, &tracks)?);
        let source = self.file(options, job.source_link());
        self.order
            .extend(taken().map(|track| (track.id, format!("{source}:{}", track.id))));
        Ok(())
    }

    /// Adds the tracks that ffmpeg has handed over.
    fn handed(&mut self, tools: &Toolbox, job: &Job, container: &Container) -> Result<()> {
        let files = container.handed();
        if !files.is_empty() {
            // Every packet keeps its own time; several in one block have only that of the first.
            self.args.push("--disable-lacing".to_owned());
        }
        for (n, handed) in files.iter().enumerate() {
            let tracks = || (0..).zip(&handed.tracks);
            let name = Name::Others(n).to_string();
            for (id, track) in tracks() {
                let timed = Timed {
                    track,
                    file: &name,
                    stream: id,
                    id,
                    name: Name::SoundTimes(n, id),
                };
                let times = times_options(tools, job, container.restarts, &timed)?;
                let tags = tag_options(job, &track.tags, Name::TrackTags(track.id), id)?;
                let place = sync_options(track, id);
                self.args
                    .extend([track_options(track, id), times, place, tags].concat());
            }
            let others = self.file(&NOTHING_ELSE, &name);
            self.order
                .extend(tracks().map(|(n, track)| (track.id, format!("{others}:{n}"))));
        }
        Ok(())
    }

    /// Adds what the source has beside its tracks, of a film that mkvmerge does not read as we do.
    fn said_of_film(&mut self, job: &Job, container: &Container) -> Result<()> {
        if container.attachments > 0 {
            let tracks = ["--no-video", "--no-audio", "--no-subtitles", "--no-buttons"];
            let nothing = [tracks.as_slice(), &NOTHING_ELSE].concat();
            self.file(&nothing, job.source_link());
        }
        if let Some(title) = &container.title {
            self.args.extend(["--title".to_owned(), title.clone()]);
        }
        if !container.tag_list.is_empty() {
            let name = written_tags(job, Name::Tags, &container.tag_list)?;
            self.args
                .extend(strings(&["--global-tags", &name.to_string()]));
        }
        if !container.chapter_list.is_empty() {
            job.write(Name::Chapters, chapters(container).as_bytes())?;
            let (name, charset) = (Name::Chapters.to_string(), "--chapter-charset");
            self.args
                .extend(strings(&[charset, "UTF-8", "--chapters", &name]));
        }
        Ok(())
    }

    /// Adds the sound that was encoded anew. It was written later than it is to be heard: what an encoder puts in front of it
    /// needs a place, and has none here.
    fn new_sound(&mut self, tools: &Toolbox, job: &Job, container: &Container) -> Result<()> {
        let tracks = || {
            let tracks = container.other_tracks.iter();
            (0..).zip(tracks.filter(|track| container.is_new(track)))
        };
        let record = job.sound()?;
        for (n, track) in tracks() {
            let sync_ms = *record
                .sync_ms
                .get(n)
                .context("nothing is known of a sound track that was encoded anew")?;
            let tags = tag_options(job, &track.tags, Name::TrackTags(track.id), n)?;
            let place = match record.is_vorbis(n) {
                true => vorbis_place(tools, job, (track, n), sync_ms)?,
                false => strings(&["--sync", &format!("{n}:{sync_ms}")]),
            };
            self.args
                .extend([track_options(track, n), tags, place].concat());
        }
        let sound = self.file(&NOTHING_ELSE, &Name::Audio.to_string());
        self.order
            .extend(tracks().map(|(n, track)| (track.id, format!("{sound}:{n}"))));
        Ok(())
    }

    /// All arguments, the last of which give the tracks the order of the source.
    fn in_order(mut self) -> Vec<String> {
        self.order.sort_by_key(|(id, _)| *id);
        let order: Vec<String> = self.order.into_iter().map(|(_, place)| place).collect();
        if !order.is_empty() {
            self.args
                .extend(["--track-order".to_owned(), order.join(",")]);
        }
        self.args
    }
}

/// Where Vorbis belongs that was encoded anew as track `n`: at the times of its packets, moved by `sync_ms`.
fn vorbis_place(
    tools: &Toolbox,
    job: &Job,
    (track, n): (&Track, usize),
    sync_ms: i64,
) -> Result<Vec<String>> {
    let mut times = times_of(tools, job, &Name::Audio.to_string(), n)?;
    ensure!(
        !times.is_empty(),
        "packets of Vorbis that was encoded anew have no times"
    );
    times
        .iter_mut()
        .for_each(|time| *time += sync_ms as f64 / 1000.0);
    let told = told_times(job, Name::SourceTimes(track.id as usize), n, &times)?;
    // Several packets in one block have only the time of the first.
    Ok([strings(&["--disable-lacing"]), told].concat())
}

/// Where the tracks belong that mkvmerge takes from the source itself.
fn direct_places(tools: &Toolbox, job: &Job, tracks: &[&Track]) -> Result<Vec<String>> {
    let (mut places, mut told) = (Vec::new(), false);
    for track in tracks {
        let id = track.id as usize;
        let timed = Timed {
            track,
            file: job.source_link(),
            stream: track.stream,
            id,
            name: Name::SourceTimes(id),
        };
        let times = times_options(tools, job, false, &timed)?;
        told |= !times.is_empty();
        places.extend([times, sync_options(track, id)].concat());
    }
    if told {
        // Several packets in one block have only the time of the first.
        places.push("--disable-lacing".to_owned());
    }
    Ok(places)
}

/// A track of sound: where its packets are, and what its file of times is called.
struct Timed<'a> {
    track: &'a Track,
    /// A file of the job.
    file: &'a str,
    /// ffmpeg's number of the track there.
    stream: usize,
    /// mkvmerge's number of it.
    id: usize,
    name: Name,
}

/// Options that tell mkvmerge the times of all packets of a track where it would give them others. Where a recording was put
/// behind another (`restarts`), the last packet of one and the first of the other may overlap: mkvmerge moves all that
/// follows. Of Vorbis it reckons how long every packet is, and is wrong where short blocks follow long ones, which adds up.
fn times_options(
    tools: &Toolbox,
    job: &Job,
    restarts: bool,
    timed: &Timed<'_>,
) -> Result<Vec<String>> {
    let Track {
        kind, codec, carry, ..
    } = timed.track;
    let vorbis = codec.eq_ignore_ascii_case("vorbis");
    let may_overlap = restarts && !codec.starts_with("pcm");
    if *kind != TrackKind::Audio || *carry != Carry::Copy || !(vorbis || may_overlap) {
        return Ok(Vec::new());
    }
    let times = times_of(tools, job, timed.file, timed.stream)?;
    if times.is_empty() || !(vorbis || overlaps(&times)) {
        return Ok(Vec::new());
    }
    told_times(job, timed.name, timed.id, &times)
}

/// The times of all packets of a track in a file of the job, in seconds; none if one has none.
fn times_of(tools: &Toolbox, job: &Job, file: &str, stream: usize) -> Result<Vec<f64>> {
    let mut command = Command::new(&tools.ffprobe);
    command
        .current_dir(job.dir())
        .args(["-v", "error", "-select_streams", &stream.to_string()])
        .args(["-show_entries", "packet=pts_time", "-of", "csv=p=0", "-i"])
        .arg(format!("file:{file}"));
    let text = tools
        .children
        .output(command)
        .context("reading the times of the sound")?;
    Ok(times(&String::from_utf8_lossy(&text)).unwrap_or_default())
}

/// Tells mkvmerge the `times` in seconds of all packets of its track `id`, in a file of the job.
fn told_times(job: &Job, name: Name, id: usize, times: &[f64]) -> Result<Vec<String>> {
    let lines: String = times
        .iter()
        .map(|time| format!("{:.6}\n", time * 1000.0))
        .collect();
    job.write(name, format!("# timestamp format v2\n{lines}").as_bytes())?;
    Ok(strings(&["--timestamps", &format!("{id}:{name}")]))
}

/// Times that ffprobe prints, one a line; none if a packet has none, as the further ones of a block of Matroska: a list with
/// gaps would move all that follows.
fn times(text: &str) -> Option<Vec<f64>> {
    text.lines()
        .map(|line| line.trim().trim_end_matches(','))
        .filter(|line| !line.is_empty())
        .map(|line| line.parse().ok())
        .collect()
}

/// Whether a packet begins before the one before it is over, by more than times are rounded.
fn overlaps(times: &[f64]) -> bool {
    let mut lasts: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    lasts.sort_by(f64::total_cmp);
    let usual = lasts.get(lasts.len() / 2).copied().unwrap_or(0.0);
    lasts
        .first()
        .is_some_and(|shortest| *shortest < usual - 0.002)
}

/// Writes tags into a file of the job, and returns its name.
fn written_tags(job: &Job, name: Name, list: &[(String, String)]) -> Result<Name> {
    job.write(name, tags::xml(list).as_bytes())?;
    Ok(name)
}

/// Tags, which are written into the file of that `name`, for the track number `id` of the file that follows.
fn tag_options(job: &Job, tags: &[(String, String)], name: Name, id: usize) -> Result<Vec<String>> {
    if tags.is_empty() {
        return Ok(Vec::new());
    }
    Ok(strings(&[
        "--tags",
        &format!("{id}:{}", written_tags(job, name, tags)?),
    ]))
}

/// Moves a track, number `id` of the file that follows, where mkvmerge moves it by itself.
fn sync_options(track: &Track, id: usize) -> Vec<String> {
    if track.sync_ms == 0 {
        Vec::new()
    } else {
        strings(&["--sync", &format!("{id}:{}", track.sync_ms)])
    }
}

/// The chapters in the simple format that comes from OGM. It has no empty names.
fn chapters(container: &Container) -> String {
    let mut text = String::new();
    for (n, (ms, name)) in (1..).zip(&container.chapter_list) {
        let at = container.clock.output_ms(*ms).round().max(0.0) as u64;
        let (hours, minutes, seconds) = (at / 3_600_000, at / 60_000 % 60, at / 1000 % 60);
        let name = name.replace(['\r', '\n'], " ");
        let name = if name.trim().is_empty() {
            format!("Chapter {n:02}")
        } else {
            name
        };
        text += &format!(
            "CHAPTER{n:02}={hours:02}:{minutes:02}:{seconds:02}.{:03}\nCHAPTER{n:02}NAME={name}\n",
            at % 1000
        );
    }
    text
}

/// Runs mkvmerge in the job directory with its arguments in a file of that name: there may be thousands.
fn mkvmerge(
    tools: &Toolbox,
    job: &Job,
    (name, args): (Name, &[String]),
    sink: &Sink,
) -> Result<()> {
    job.write(name, &serde_json::to_vec_pretty(args)?)?;
    let mut command = Command::new(&tools.mkvmerge);
    command
        .current_dir(job.dir())
        .args(["--ui-language", "en_US", &format!("@{name}")]);
    let Finished {
        stdout, failure, ..
    } = tools.children.finish(command)?;
    match failure {
        None => Ok(()),
        // Exit code 1: the file is made, and there are warnings.
        Some(ToolFailure {
            status: Some(status),
            ..
        }) if status.code() == Some(1) => {
            for line in String::from_utf8_lossy(&stdout)
                .lines()
                .filter(|line| line.starts_with("Warning:"))
            {
                warn(
                    sink,
                    format!(
                        "mkvmerge says: {}",
                        line.trim_start_matches("Warning:").trim()
                    ),
                );
            }
            Ok(())
        }
        Some(failure) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::hdr::{ContentLight, MasteringDisplay};

    #[test]
    fn hdr10_becomes_elements_of_the_container_in_its_order() {
        let color = Color {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            range: Some(Range::Limited),
            chroma_location: None,
        };
        let mastering = "G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(10000000,1)";
        let hdr10 = Hdr10 {
            mastering: Some(MasteringDisplay::parse(mastering).unwrap()),
            content_light: Some(ContentLight {
                max_cll: 949,
                max_fall: 438,
            }),
        };
        let text = color_options(&color, &hdr10).join(" ");
        for part in [
            "--color-primaries 0:9",
            "--color-transfer-characteristics 0:16",
            "--color-matrix-coefficients 0:9",
            "--color-range 0:1",
            "--max-content-light 0:949",
            "--max-frame-light 0:438",
            "--min-luminance 0:0.0001",
            "--chromaticity-coordinates 0:0.7080,0.2920,0.1700,0.7970,0.1310,0.0460",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(color_options(&Color::default(), &Hdr10::default()).is_empty());
    }

    #[test]
    fn pixels_that_are_not_square_give_a_display_size_of_exactly_that_shape() {
        for ((width, height), sar, size) in [
            ((720, 576), (16, 15), Some((768, 576))),
            ((1440, 1080), (4, 3), Some((1920, 1080))),
            ((720, 480), (8, 9), Some((640, 480))),
            ((720, 480), (32, 27), Some((848, 477))),
            ((192, 144), (16, 15), Some((192, 135))),
            ((1920, 1080), (4096, 4095), Some((1920, 1080))),
            ((1920, 1080), (1, 1), None),
            ((1920, 1080), (0, 1), None),
        ] {
            assert_eq!(
                display_size(width, height, Ratio::new(sar.0, sar.1)),
                size,
                "{width}x{height} {sar:?}"
            );
        }
    }

    #[test]
    fn times_of_packets_are_a_list_without_gaps_or_none() {
        assert_eq!(times("0.000000\n\n0.003000,\n"), Some(vec![0.0, 0.003]));
        assert_eq!(times("0.000000\nN/A\n0.015000\n"), None);
        assert_eq!(times(""), Some(Vec::new()));
    }

    #[test]
    fn packets_of_sound_overlap_where_one_begins_too_early() {
        let even: Vec<f64> = (0..100)
            .map(|n| f64::from(n) * 0.021333)
            .map(|t: f64| (t * 1000.0).round() / 1000.0)
            .collect();
        assert!(!overlaps(&even) && !overlaps(&[]) && !overlaps(&[1.0]));
        let mut seam = even.clone();
        seam.iter_mut().skip(50).for_each(|time| *time -= 0.013);
        assert!(overlaps(&seam));
        let mut hole = even;
        hole.drain(40..60);
        assert!(!overlaps(&hole));
    }

    #[test]
    fn only_the_first_of_appended_files_carries_the_tracks_options() {
        let options = strings(&["--track-name", "0:x", "--default-duration", "0:24/1fps"]);
        let args = appended(&options, &strings(&["a", "b"])).join(" ");
        assert_eq!(
            args,
            "--track-name 0:x --default-duration 0:24/1fps ( a ) + --default-duration 0:24/1fps ( b )"
        );
    }
}
