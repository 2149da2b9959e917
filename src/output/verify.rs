//! The output, read back by other people's tools, against what the source is and the recipe says -> [`Proof`]: a list of findings.

use std::{io::BufReader, ops, path::Path, process::Command, thread};

use anyhow::{Context, Result};
use num_rational::Ratio;

use crate::{
    event::Proof,
    film::media::{Color, Container, Fields, MediaInfo, Range, SoundSpan, Track, TrackKind},
    finding::{self, Finding},
    job::{Encoded, Job, names::Name},
    os::{process::outcome, toolbox::Toolbox, words::count},
    output::content::{self, Films},
    plan::recipe::Recipe,
    source::{
        packets::Announced,
        places::{self, Comparison, Film, References, Seen},
        probe::{self, Found, Identified, IdentifiedTrack, file_url},
    },
    stream::bitstream::{Units, hdr_disagreement},
};

/// Matroska rounds times to a millisecond, and the source's were rounded before; a frame that is further off is wrong.
const MAX_TIME_ERROR_MS: f64 = 1.6;
/// A container may be shorter than its pictures by this much, in seconds: a last one may have no duration.
const DURATION_TOLERANCE: f64 = 1.0;
/// Containers give the shape of pixels by whole numbers.
const ASPECT_TOLERANCE: f64 = 0.01;

/// What the output is compared with.
pub struct Wanted<'a> {
    /// The job, with the link to the source.
    pub job: &'a Job,
    /// What the source is.
    pub media: &'a MediaInfo,
    /// How it was encoded.
    pub recipe: &'a Recipe,
    /// Its chunks, in order.
    pub chunks: &'a [Encoded],
}

/// Where the source's pictures are looked at.
pub struct Pictures<'a> {
    /// The pictures as packets announce them.
    pub announced: &'a Announced,
    /// What another program shows, if that was looked at already.
    pub references: Option<References>,
}

/// Compares `file` with the source; with `decode`, every frame is decoded as well.
///
/// # Errors
/// [`Unproven`](crate::finding::Unproven) with all that is not as it must be; others if a file cannot be read.
pub fn output(
    tools: &Toolbox,
    file: &Path,
    wanted: &Wanted<'_>,
    pictures: Pictures<'_>,
    decode: bool,
) -> Result<Proof> {
    let Wanted {
        job,
        media,
        recipe,
        chunks,
    } = *wanted;
    let container = &media.container;
    let video = container.video_position();
    let films = Films {
        tools,
        source: (job.dir(), job.source_link()),
        container,
        output: file,
    };
    // Each is a tool that reads the whole file, or takes its time to start.
    let (identified, found, shown, bits, tracks, places) = thread::scope(|scope| {
        let identified = scope.spawn(|| probe::identify(tools, file));
        let found = scope
            .spawn(|| probe::video_of(tools, file, video).context("reading the output's video"));
        let shown = scope.spawn(|| packet_times(tools, file, video));
        let tracks = scope.spawn(|| {
            let mut findings = films.copied(&content::pairs(container, true))?;
            if container.new_sound {
                // What was encoded was compared with the source at once; here, it is what is in the output.
                let record = job.sound()?;
                findings.extend(record.findings);
                findings.extend(films.encoded(&job.path(Name::Audio), &record.sync_ms)?);
            }
            Ok(findings)
        });
        let places = scope.spawn(|| {
            at_places(
                &films,
                media,
                pictures,
                (video, recipe.video.picture.color.range),
            )
        });
        let bits = bitstream(tools, file, video, recipe, chunks);
        (
            outcome(identified),
            outcome(found),
            outcome(shown),
            bits,
            outcome::<Result<_>>(tracks),
            outcome(places),
        )
    });
    let (identified, found, shown) = (identified?, found?, shown?);
    let (frames, max_time_error_ms) = times(&shown, media);
    let mut findings = frames;
    findings.push(bits?);
    let (picture_finding, compared) = places?;
    findings.push(picture_finding);
    findings.extend(tracks?);
    findings.extend(track_list(&identified, media));
    findings.extend(of_container(&identified, &found, media, recipe, video));
    findings.extend(track_tags(&found.track_tags, container));
    if container.new_sound {
        findings.push(new_sound(&found.sound, media));
    }
    if decode {
        findings.push(decode_all(tools, file, video, media.frames)?);
    }
    let findings = finding::all_agree(findings)?;
    Ok(Proof {
        frames: media.frames,
        duration_seconds: media.video_seconds(),
        max_time_error_ms,
        tracks: container.track_counts(),
        chapters: container.chapters,
        attachments: container.attachments,
        color: recipe.video.picture.color.to_string(),
        hdr10: !recipe.video.picture.hdr10.is_empty(),
        pictures: compared.agree,
        pictures_alike: compared.alike,
        decoded: decode,
        truncated: media.truncated.clone(),
        findings,
    })
}

/// Compares pictures at some places with what the source's decoder shows at the same times.
fn at_places(
    films: &Films<'_>,
    media: &MediaInfo,
    Pictures {
        announced,
        references,
    }: Pictures<'_>,
    (video, range): (usize, Option<Range>),
) -> Result<(Finding, Comparison)> {
    let Films {
        tools,
        source,
        container,
        output,
    } = *films;
    let references = match references {
        Some(references) => references,
        None => {
            let film = Film::source(tools, source.0, source.1, container);
            References::look(&film, announced, &places::choose(announced))
                .context("decoding some places of the source")?
        }
    };
    let (dir, name) = (
        output.parent().unwrap_or(Path::new("/")),
        output.file_name().unwrap_or_default(),
    );
    let (name, full_range) = (name.to_string_lossy(), range == Some(Range::Full));
    let film = Film {
        tools,
        dir,
        name: &name,
        stream: format!("0:v:{video}"),
        container: None,
        origin_ms: 0.0,
        full_range,
    };
    let clock = container.clock;
    let look = |run: &ops::Range<f64>| {
        let (from, until) = (clock.output_ms(run.start), clock.output_ms(run.end));
        let from = (from > media.time_ms(0)).then_some(from);
        film.look(from, until)
            .map(|looked| looked.seen)
            .context("decoding some places of the output")
    };
    let mut seen: Vec<Seen> = Vec::new();
    let places = references.runs(PLACE_MS);
    for runs in places.chunks(AT_ONCE) {
        let looked: Vec<_> = thread::scope(|scope| {
            let begun: Vec<_> = runs.iter().map(|run| scope.spawn(|| look(run))).collect();
            begun.into_iter().map(outcome).collect()
        });
        for place in looked {
            seen.extend(place?);
        }
    }
    let near = |ms: f64| {
        let at = clock.output_ms(ms);
        let distance = |seen: &&Seen| (seen.0 - at).abs();
        let nearest = seen
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        (distance(&nearest) <= MAX_TIME_ERROR_MS).then(|| nearest.1.clone())
    };
    let compared = references.compare(near);
    let looked = compared.agree + compared.wrong;
    let source = format!(
        "{} at {}",
        count(looked as u64, "picture"),
        count(places.len() as u64, "place")
    );
    let alike = if compared.alike > 0 {
        format!(", {} not told from those beside them", compared.alike)
    } else {
        String::new()
    };
    let output = format!(
        "{} nearest to the picture of their own time{alike}",
        compared.agree
    );
    let by = "small luma of both, decoded by ffmpeg";
    let each = references
        .groups()
        .iter()
        .all(|group| references.compare_within(group, near).is_the_place());
    let agrees = each && looked + compared.alike > 0;
    Ok((
        Finding::new("pictures at their times", source, output, by, agrees),
        compared,
    ))
}

/// Places that are decoded at once.
const AT_ONCE: usize = 3;
/// Pictures that are further apart than this, in milliseconds, are of two places.
const PLACE_MS: f64 = 1500.0;

/// Compares the list of tracks, in order.
fn track_list(identified: &Identified, media: &MediaInfo) -> Vec<Finding> {
    const BY: &str = "mkvmerge -J";
    let mut wanted: Vec<&Track> = media
        .container
        .other_tracks
        .iter()
        .chain([&media.container.video_track])
        .collect();
    wanted.sort_by_key(|track| track.id);
    let found: Vec<Track> = identified
        .tracks
        .iter()
        .filter_map(IdentifiedTrack::track)
        .collect();
    let kinds = |tracks: &mut dyn Iterator<Item = TrackKind>| {
        tracks
            .map(|kind| format!("{kind:?}").to_lowercase())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let should = kinds(&mut wanted.iter().map(|track| track.kind));
    let mut findings = vec![Finding::same(
        "tracks",
        should,
        kinds(&mut found.iter().map(|track| track.kind)),
        BY,
    )];
    for (n, (found, wanted)) in (1..).zip(found.iter().zip(wanted)) {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        findings.push(Finding::same(
            format!("title of track {n}"),
            text(&wanted.title),
            text(&found.title),
            BY,
        ));
        let language = |track: &Track| track.language.clone().unwrap_or_else(|| "und".to_owned());
        // mkvmerge takes no language for English nowhere: what is not said is not set.
        if wanted.language.is_some() {
            findings.push(Finding::same(
                format!("language of track {n}"),
                language(wanted),
                language(found),
                BY,
            ));
        }
        findings.push(Finding::same(
            format!("flags of track {n}"),
            flags(wanted),
            flags(found),
            BY,
        ));
    }
    findings
}

/// The flags that are set.
fn flags(track: &Track) -> String {
    let f = track.flags;
    let all = [
        ("default", f.default),
        ("forced", f.forced),
        ("enabled", f.enabled),
        ("original", f.original),
        ("commentary", f.commentary),
        ("hearing impaired", f.hearing_impaired),
        ("visual impaired", f.visual_impaired),
        ("text descriptions", f.text_descriptions),
    ];
    let set: Vec<&str> = all
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| *name)
        .collect();
    if set.is_empty() {
        "none".to_owned()
    } else {
        set.join(", ")
    }
}

/// Times of all packets of the output's picture, and how long each is shown, in milliseconds, ascending.
fn packet_times(tools: &Toolbox, file: &Path, video: usize) -> Result<Vec<(f64, f64)>> {
    let mut command = Command::new(&tools.ffprobe);
    command.args(["-v", "error", "-select_streams", &format!("v:{video}")]);
    command
        .args([
            "-show_entries",
            "packet=pts_time,duration_time",
            "-of",
            "csv=p=0",
            "-i",
        ])
        .arg(file_url(file));
    let output = tools
        .children
        .output(command)
        .context("reading the output's frames")?;
    let ms = |text: Option<&str>| {
        text?
            .trim()
            .parse::<f64>()
            .ok()
            .map(|seconds| seconds * 1000.0)
    };
    let packet = |line: &str| {
        let mut fields = line.split(',');
        Some((ms(fields.next())?, ms(fields.next()).unwrap_or(0.0)))
    };
    let mut found: Vec<(f64, f64)> = String::from_utf8_lossy(&output)
        .lines()
        .filter_map(packet)
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(found)
}

/// Compares number and time of all frames; also returns the largest difference of a time in milliseconds.
fn times(found: &[(f64, f64)], media: &MediaInfo) -> (Vec<Finding>, f64) {
    const BY: &str = "times of all packets, by ffprobe";
    let count = Finding::same("frames", media.frames, found.len() as u64, BY);
    let errors = found
        .iter()
        .enumerate()
        .map(|(n, (time, _))| (n, (time - media.time_ms(n)).abs()));
    let Some((frame, worst)) = errors
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|_| count.agrees)
    else {
        return (vec![count], f64::NAN);
    };
    let at = |ms: f64| format!("frame {frame} at {ms:.1} ms");
    let (source, output) = (at(media.time_ms(frame)), at(found[frame].0));
    let most = Finding::new(
        "times of frames",
        source,
        output,
        BY,
        worst <= MAX_TIME_ERROR_MS,
    );
    let mut findings = vec![count, most];
    if let (Some(ends_ms), Some((last, lasts))) = (media.ends_ms, found.last()) {
        let (wanted, found) = (ends_ms, last + lasts);
        let end = |ms: f64| format!("{ms:.1} ms");
        let near = (wanted - found).abs() <= 2.0 * MAX_TIME_ERROR_MS;
        findings.push(Finding::new(
            "end of the last frame",
            end(wanted),
            end(found),
            "ffprobe",
            near,
        ));
    }
    (findings, worst)
}

/// Reads the whole bitstream of the output: its head says the colours and HDR10, and its pictures are those of the
/// chunks, in their order, bit for bit.
fn bitstream(
    tools: &Toolbox,
    file: &Path,
    video: usize,
    recipe: &Recipe,
    chunks: &[Encoded],
) -> Result<Finding> {
    let mut command = Command::new(&tools.ffmpeg);
    command
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file_url(file));
    command.args([
        "-map",
        &format!("0:v:{video}"),
        "-c",
        "copy",
        "-f",
        "ivf",
        "-",
    ]);
    let said = tools.children.stream(command, |ivf| {
        let mut units = Units::new(BufReader::with_capacity(1 << 20, ivf))
            .context("reading the output's video")?;
        for chunk in chunks.iter().map(Encoded::record) {
            let mut pictures = blake3::Hasher::new();
            for n in chunk.chunk.start..chunk.chunk.end {
                let there = units
                    .next_unit(&mut pictures)
                    .with_context(|| format!("frame {n} of the output is damaged"))?;
                if !there {
                    return Ok(Some(format!("its end before frame {n}")));
                }
            }
            if pictures.finalize().to_hex().as_str() != chunk.pictures {
                let (start, end) = (chunk.chunk.start, chunk.chunk.end - 1);
                return Ok(Some(format!("others for frames {start} to {end}")));
            }
        }
        if units.next_unit(&mut blake3::Hasher::new())? {
            return Ok(Some("more than were encoded".to_owned()));
        }
        let header = units
            .header
            .as_ref()
            .context("the output's video has no sequence header")?;
        Ok(header.disagreement(
            recipe.video.picture.bit_depth,
            &recipe.video.picture.color,
            &recipe.video.picture.hdr10,
        ))
    })?;
    let agrees = said.is_none();
    let output = said.unwrap_or_else(|| "the same, bit for bit".to_owned());
    let by = "hashes of all encoded pictures, and the sequence header";
    Ok(Finding::new(
        "encoded pictures",
        "those of the chunks",
        output,
        by,
        agrees,
    ))
}

/// Compares what the container says of the film.
fn of_container(
    identified: &Identified,
    found: &Found,
    media: &MediaInfo,
    recipe: &Recipe,
    video: usize,
) -> Vec<Finding> {
    let container = &media.container;
    let chapters: usize = identified
        .chapters
        .iter()
        .map(|chapters| chapters.num_entries)
        .sum();
    let mut findings = vec![
        Finding::same("codec", "av1", found.video.codec.as_str(), "ffprobe"),
        Finding::same("chapters", container.chapters, chapters, "mkvmerge -J"),
        Finding::same(
            "attachments",
            container.attachments,
            identified.attachments.len(),
            "mkvmerge -J",
        ),
    ];
    findings.extend(chapter_times(&found.chapters, container));
    let shape = |aspect: Ratio<u32>| f64::from(*aspect.numer()) / f64::from(*aspect.denom());
    let (is, should) = (found.video.sample_aspect, container.video.sample_aspect);
    let near = (shape(is) / shape(should) - 1.0).abs() <= ASPECT_TOLERANCE;
    findings.push(Finding::new(
        "shape of a pixel",
        should.to_string(),
        is.to_string(),
        "ffprobe",
        near,
    ));
    let scan = |fields: Option<Fields>| {
        fields.map_or("progressive".to_owned(), |fields| fields.to_string())
    };
    let (should, is) = (scan(container.video.fields), scan(found.video.fields));
    findings.push(Finding::same("fields", should, is, "ffprobe"));
    let hdr10 = hdr_disagreement(&found.container_hdr10, &recipe.video.picture.hdr10);
    if !recipe.video.picture.hdr10.is_empty() || hdr10.is_some() {
        let agrees = hdr10.is_none();
        let output = hdr10.unwrap_or_else(|| "the same".to_owned());
        findings.push(Finding::new(
            "HDR10 of the container",
            "as planned",
            output,
            "ffprobe",
            agrees,
        ));
    }
    // What the source says of its length is a hint; what its tracks hold is compared one by one.
    let end = media.video_seconds();
    let output = found.duration_seconds.unwrap_or(0.0);
    let seconds = |seconds: f64| format!("{seconds:.1} s");
    let agrees = output + DURATION_TOLERANCE >= end;
    findings.push(Finding::new(
        "duration",
        seconds(end),
        seconds(output),
        "ffprobe",
        agrees,
    ));
    let text = |text: Option<&str>| text.unwrap_or("none").to_owned();
    let title = identified.container.properties.title.as_deref();
    findings.push(Finding::same(
        "title",
        text(container.title.as_deref()),
        text(title),
        "mkvmerge -J",
    ));
    let track = (tag_text(&container.video_tags), tag_text(&found.video_tags));
    findings.push(Finding::same(
        "tags of the picture",
        track.0,
        track.1,
        "ffprobe",
    ));
    if !container.direct {
        findings.push(Finding::same(
            "tags",
            tag_text(&container.tag_list),
            tag_text(&found.tags),
            "ffprobe",
        ));
    } else {
        findings.push(Finding::same(
            "tags",
            container.tags,
            identified.tag_count(),
            "mkvmerge -J",
        ));
    }
    let (space, found_space) = (
        container.space.to_string(),
        identified.space(video).to_string(),
    );
    findings.push(Finding::same(
        "picture in space",
        space,
        found_space,
        "mkvmerge -J",
    ));
    let color = identified.video_color(video).unwrap_or_default();
    let codes = |color: &Color| [color.primaries, color.transfer, color.matrix];
    let agrees = codes(&color) == codes(&recipe.video.picture.color)
        && (recipe.video.picture.color.range.is_none()
            || color.range == recipe.video.picture.color.range);
    let colors = Finding::new(
        "colours of the container",
        recipe.video.picture.color.to_string(),
        color.to_string(),
        "mkvmerge -J",
        agrees,
    );
    findings.push(colors);
    findings
}

/// Names and values of tags, or that there are none.
fn tag_text(tags: &[(String, String)]) -> String {
    let tags: Vec<String> = tags
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if tags.is_empty() {
        "none".to_owned()
    } else {
        tags.join(", ")
    }
}

/// Compares the tags of the tracks that mkvmerge does not take from the source itself.
fn track_tags(found: &[Vec<(String, String)>], container: &Container) -> Vec<Finding> {
    let mut wanted: Vec<&Track> = container
        .other_tracks
        .iter()
        .chain([&container.video_track])
        .collect();
    wanted.sort_by_key(|track| track.id);
    let ours = |track: &Track| {
        let new = container.new_sound && track.kind == TrackKind::Audio;
        track.id != container.video_track.id && (new || !container.direct)
    };
    let pairs = (1..)
        .zip(wanted.into_iter().zip(found))
        .filter(|(_, (track, _))| ours(track));
    pairs
        .map(|(n, (track, found))| {
            Finding::same(
                format!("tags of track {n}"),
                tag_text(&track.tags),
                tag_text(found),
                "ffprobe",
            )
        })
        .collect()
}

/// Compares where chapters begin.
fn chapter_times(found: &[(f64, String)], container: &Container) -> Option<Finding> {
    let wanted: Vec<f64> = container
        .chapter_list
        .iter()
        .map(|(ms, _)| container.clock.output_ms(*ms))
        .collect();
    if wanted.len() != found.len() || wanted.is_empty() {
        // How many there are is a finding of its own.
        return None;
    }
    let error = |(found, wanted): (&(f64, String), &f64)| (found.0 - wanted.max(0.0)).abs();
    let (n, worst) = found
        .iter()
        .zip(&wanted)
        .map(error)
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let at = |ms: f64| format!("chapter {} at {ms:.1} ms", n + 1);
    Some(Finding::new(
        "times of chapters",
        at(wanted[n]),
        at(found[n].0),
        "ffprobe",
        worst <= MAX_TIME_ERROR_MS,
    ))
}

/// Compares the number of tracks of sound that was encoded anew; what is in them is another finding.
fn new_sound(found: &[SoundSpan], media: &MediaInfo) -> Finding {
    Finding::same(
        "sound tracks",
        media.container.sound.len(),
        found.len(),
        "ffprobe",
    )
}

/// Decodes every frame.
fn decode_all(tools: &Toolbox, file: &Path, video: usize, frames: u64) -> Result<Finding> {
    let mut command = Command::new(&tools.ffmpeg);
    command
        .args(["-nostdin", "-v", "error", "-xerror", "-i"])
        .arg(file_url(file));
    command.args([
        "-map",
        &format!("0:v:{video}"),
        "-fps_mode",
        "passthrough",
        "-f",
        "framecrc",
        "-",
    ]);
    let output = tools
        .children
        .output(command)
        .context("decoding the output")?;
    let decoded = String::from_utf8_lossy(&output)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count() as u64;
    Ok(Finding::same(
        "frames that can be decoded",
        frames,
        decoded,
        "all, decoded by ffmpeg",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::film::{
        hdr::Hdr10,
        media::{
            Carry, Clock, DynamicHdr, Space, Subsampling, Timing, TrackFlags, UNSPECIFIED, Video,
        },
    };

    fn track(id: u64, kind: TrackKind) -> Track {
        Track {
            id,
            kind,
            codec: "x".to_owned(),
            language: Some("eng".to_owned()),
            language_ietf: None,
            title: Some(format!("number {id}")),
            flags: TrackFlags::default(),
            tags: Vec::new(),
            stream: id as usize,
            carry: Carry::Copy,
            begins_ms: None,
            hidden: 0,
            opus_delay: 0,
            sync_ms: 0,
        }
    }

    /// Four frames at 25 a second, the first at 10 ms, with two tracks of sound around them and one of subtitles.
    fn media() -> MediaInfo {
        let video = Video {
            stream: 1,
            codec: "h264".to_owned(),
            width: 64,
            height: 36,
            sample_aspect: Ratio::from_integer(1),
            pixel_format: "yuv420p".to_owned(),
            bit_depth: 8,
            subsampling: Subsampling::Yuv420,
            color: Color::default(),
            hdr10: Hdr10::default(),
            dynamic_hdr: DynamicHdr::default(),
            extras: Vec::new(),
            fields: None,
            rotation: 0,
        };
        let container = Container {
            format: "Matroska".to_owned(),
            direct: true,
            clock: Clock {
                origin_ms: 0.0,
                first_ms: 9.6,
                offset_us: 400,
            },
            restarts: false,
            new_sound: false,
            duration_seconds: Some(10.0),
            declared_frames: None,
            bytes: 1,
            video,
            video_track: track(1, TrackKind::Video),
            other_tracks: vec![
                track(0, TrackKind::Audio),
                track(2, TrackKind::Audio),
                track(3, TrackKind::Subtitles),
            ],
            title: Some("A film".to_owned()),
            tags: 1,
            space: Space::default(),
            tag_list: Vec::new(),
            video_tags: vec![("COMMENT".to_owned(), "x".to_owned())],
            chapters: 2,
            chapter_list: vec![(0.0, "One".to_owned()), (99.6, "Two".to_owned())],
            attachments: 1,
            sound: vec![SoundSpan {
                start_ms: None,
                seconds: Some(9.0),
                rate: None,
            }],
            warnings: Vec::new(),
        };
        let (timing, fps) = (Timing::Constant { start_ms: 10.0 }, Ratio::from_integer(25));
        MediaInfo {
            container,
            frames: 4,
            fps,
            timing,
            ends_ms: None,
            width: 64,
            height: 36,
            truncated: None,
        }
    }

    fn disagreeing(findings: Vec<Finding>) -> Vec<String> {
        findings
            .into_iter()
            .filter(|finding| !finding.agrees)
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn a_frame_that_is_missing_or_late_is_found() {
        let mut media = media();
        let times = |ms: &[f64], media: &MediaInfo| {
            let packets: Vec<(f64, f64)> = ms.iter().map(|ms| (*ms, 40.0)).collect();
            times(&packets, media)
        };
        assert_eq!(
            disagreeing(times(&[10.0, 50.4, 90.0, 130.0], &media).0),
            [""; 0]
        );
        assert_eq!(
            disagreeing(times(&[10.0, 50.0, 90.0], &media).0),
            ["frames"]
        );
        assert_eq!(disagreeing(times(&[], &media).0), ["frames"]);
        for (ends_ms, wrong) in [(171.0, vec![]), (5130.0, vec!["end of the last frame"])] {
            media.ends_ms = Some(ends_ms);
            assert_eq!(
                disagreeing(times(&[10.0, 50.0, 90.0, 130.0], &media).0),
                wrong
            );
        }
        media.ends_ms = None;
        let (findings, worst) = times(&[10.0, 50.0, 92.0, 130.0], &media);
        assert_eq!(
            findings[1].to_string().split(" (").next(),
            Some(
                "times of frames: frame 2 at 90.0 ms in the source, frame 2 at 92.0 ms in the output"
            )
        );
        assert_eq!(
            (disagreeing(findings), worst),
            (vec!["times of frames".to_owned()], 2.0)
        );
    }

    fn identified(change: impl FnOnce(&mut serde_json::Value)) -> Identified {
        let track = |id: u64, kind: &str| {
            let properties =
                serde_json::json!({"language": "eng", "track_name": format!("number {id}")});
            serde_json::json!({"id": id, "type": kind, "codec": "x", "properties": properties})
        };
        let tracks = [
            track(0, "audio"),
            track(1, "video"),
            track(2, "audio"),
            track(3, "subtitles"),
        ];
        let mut json = serde_json::json!({
            "container": {"type": "Matroska", "supported": true, "properties": {"title": "A film"}},
            "tracks": tracks, "chapters": [{"num_entries": 2}], "attachments": [{}],
            "global_tags": [{"num_entries": 1}]});
        change(&mut json);
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_track_that_is_another_one_is_found_by_what_it_says_of_itself() {
        let media = media();
        let found = |change: &dyn Fn(&mut serde_json::Value)| {
            disagreeing(track_list(&identified(change), &media))
        };
        assert_eq!(found(&|_| ()), [""; 0]);
        assert_eq!(
            found(&|json| json["tracks"][0]["type"] = "subtitles".into()),
            ["tracks"]
        );
        assert_eq!(
            found(&|json| drop(json["tracks"].as_array_mut().unwrap().pop())),
            ["tracks"]
        );
        let set = |name: &str, value: serde_json::Value| {
            found(&|json| json["tracks"][2]["properties"][name] = value.clone())
        };
        assert_eq!(set("language", "fre".into()), ["language of track 3"]);
        assert_eq!(set("track_name", "x".into()), ["title of track 3"]);
        assert_eq!(set("forced_track", true.into()), ["flags of track 3"]);
        assert_eq!(set("default_track", false.into()), ["flags of track 3"]);
    }

    #[test]
    fn chapters_that_begin_elsewhere_are_found() {
        let container = media().container;
        let found = |ms: [f64; 2]| {
            let chapters = ms.map(|ms| (ms, String::new()));
            chapter_times(&chapters, &container).map(|finding| finding.agrees)
        };
        assert_eq!(found([0.0, 100.0]), Some(true));
        assert_eq!(found([0.0, 105.0]), Some(false));
        // How many there are is another finding.
        assert_eq!(chapter_times(&[], &container), None);
    }

    #[test]
    fn tags_of_tracks_that_mkvmerge_does_not_take_itself_are_compared() {
        let mut container = media().container;
        container.other_tracks[0].tags = vec![("ARTIST".to_owned(), "N. N.".to_owned())];
        let found = |container: &Container, name: &str| {
            let tags = vec![
                vec![(name.to_owned(), "N. N.".to_owned())],
                Vec::new(),
                Vec::new(),
                Vec::new(),
            ];
            disagreeing(track_tags(&tags, container))
        };
        assert_eq!(found(&container, "PERFORMER"), [""; 0]);
        container.direct = false;
        assert_eq!(found(&container, "ARTIST"), [""; 0]);
        assert_eq!(found(&container, "PERFORMER"), ["tags of track 1"]);
    }

    #[test]
    fn tracks_are_compared_with_those_of_their_kind_in_the_order_of_the_film() {
        let mut container = media().container;
        let places = |container: &Container| -> Vec<(usize, String)> {
            content::pairs(container, true)
                .into_iter()
                .map(|pair| (pair.track.stream, pair.output))
                .collect()
        };
        let all = [
            (0, "0:a:0".to_owned()),
            (2, "0:a:1".to_owned()),
            (3, "0:s:0".to_owned()),
        ];
        assert_eq!(places(&container), all);
        // Sound that is encoded anew has other packets.
        container.new_sound = true;
        assert_eq!(places(&container), all[2..]);
    }

    #[test]
    fn sound_that_was_encoded_anew_has_all_its_tracks() {
        let media = media();
        let span = SoundSpan {
            start_ms: None,
            seconds: Some(9.0),
            rate: None,
        };
        assert_eq!(disagreeing(vec![new_sound(&[span], &media)]), [""; 0]);
        assert_eq!(disagreeing(vec![new_sound(&[], &media)]), ["sound tracks"]);
    }

    #[test]
    fn what_the_container_says_is_compared_one_by_one() {
        let media = media();
        let recipe = |color: Color| {
            let mut recipe = recipe();
            recipe.video.picture.color = color;
            recipe
        };
        let found_with = |change: &dyn Fn(&mut serde_json::Value),
                          aspect: u32,
                          codec: &str,
                          tagged: bool,
                          fields| {
            let mut video = media.container.video.clone();
            (video.codec, video.sample_aspect) = (codec.to_owned(), Ratio::new(aspect, 1));
            video.fields = fields;
            let found = Found {
                video,
                container_hdr10: Hdr10::default(),
                duration_seconds: Some(10.0),
                tags: Vec::new(),
                video_tags: media.container.video_tags[..usize::from(tagged)].to_vec(),
                track_tags: Vec::new(),
                sound: Vec::new(),
                chapters: Vec::new(),
            };
            disagreeing(of_container(
                &identified(change),
                &found,
                &media,
                &recipe(Color::default()),
                0,
            ))
        };
        let found = |change: &dyn Fn(&mut serde_json::Value), aspect: u32, codec: &str| {
            found_with(change, aspect, codec, true, None)
        };
        assert_eq!(
            found_with(&|_| (), 1, "av1", false, None),
            ["tags of the picture"]
        );
        assert_eq!(
            found_with(&|_| (), 1, "av1", true, Some(Fields::Bb)),
            ["fields"]
        );
        let stereo = &|json: &mut serde_json::Value| {
            json["tracks"][1]["properties"]["stereo_mode"] = 1.into()
        };
        assert_eq!(found(stereo, 1, "av1"), ["picture in space"]);
        assert_eq!(found(&|_| (), 1, "av1"), [""; 0]);
        assert_eq!(found(&|_| (), 1, "hevc"), ["codec"]);
        assert_eq!(found(&|_| (), 2, "av1"), ["shape of a pixel"]);
        assert_eq!(
            found(&|json| json["chapters"] = serde_json::json!([]), 1, "av1"),
            ["chapters"]
        );
        assert_eq!(
            found(
                &|json| json["attachments"] = serde_json::json!([]),
                1,
                "av1"
            ),
            ["attachments"]
        );
        assert_eq!(
            found(
                &|json| json["global_tags"] = serde_json::json!([]),
                1,
                "av1"
            ),
            ["tags"]
        );
        assert_eq!(
            found(
                &|json| json["container"]["properties"]["title"] = "x".into(),
                1,
                "av1"
            ),
            ["title"]
        );
        let color = &|json: &mut serde_json::Value| {
            json["tracks"][1]["properties"]["color_primaries"] = 9.into()
        };
        assert_eq!(found(color, 1, "av1"), ["colours of the container"]);
        assert_eq!(Color::default().primaries, UNSPECIFIED);
    }

    fn recipe() -> Recipe {
        let encoder = serde_json::json!({"family": "svt-av1", "fork": "mainline", "version": "v", "number": [4, 2]});
        let scenes = serde_json::json!({"max": 240, "min": 24, "analysis_height": 720});
        serde_json::from_value(serde_json::json!({
            "encoder": encoder, "params": [], "quality": {"crf": 28.0}, "preset": 6, "bit_depth": 10, "color": Color::default(),
            "hdr10": Hdr10::default(), "scenes": scenes, "audio_args": null}))
        .unwrap()
    }
}
