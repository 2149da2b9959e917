//! Films that cannot be taken as they are, and the words for it.

use std::{fs, io::Read, path::Path, process::Command};

use anyhow::{Result, bail, ensure};
use serde::de::DeserializeOwned;

use super::{
    ffprobe::{FfFile, FfFrame, FfStream, ONE_FILE, ffprobe},
    picture::{color, pixel_layout},
    tracks::COPIED,
};
use crate::{
    film::media::{BT2020, Carry, CodePoint, Fields},
    os::{exit::UnfitFilm, process::ToolFailure, toolbox::Toolbox},
};

/// Demuxers that read what a file names: other files, and files of others.
const LISTS: [(&str, &str); 5] = [
    ("hls", "a playlist (HLS)"),
    ("dash", "a playlist (DASH)"),
    ("concat", "a list of files (ffconcat)"),
    ("applehttp", "a playlist (HLS)"),
    ("imf", "a composition of several files (IMF)"),
];

/// What ffprobe says of `input`, if it is one film in one file.
pub(super) fn describe<T: DeserializeOwned>(
    tools: &Toolbox,
    input: &Path,
    what: &[&str],
) -> Result<T> {
    let shown = input.display();
    let described = ffprobe(tools, input, &[&ONE_FILE, what].concat());
    let Err(error) = described else {
        return described;
    };
    let said = |words: &str| {
        let failure = error.downcast_ref::<ToolFailure>();
        failure.is_some_and(|failure| failure.stderr.iter().any(|line| line.contains(words)))
    };
    if said("not on whitelist") {
        let of = |(name, kind): &(&str, &'static str)| said(&format!("[{name} @")).then_some(*kind);
        let kind = LISTS
            .iter()
            .find_map(of)
            .unwrap_or("of a kind that is no film");
        bail!(UnfitFilm(format!(
            "`{shown}` is not a film: it is {kind}; name the film itself"
        )));
    }
    let mut head = Vec::new();
    let _ = fs::File::open(input).and_then(|file| file.take(12).read_to_end(&mut head));
    if head
        .get(4..8)
        .is_some_and(|name| [b"styp".as_slice(), b"moof", b"sidx"].contains(&name))
    {
        bail!(UnfitFilm(format!(
            "`{shown}` is a segment of a stream without its beginning: put the initialisation segment in front of it"
        )));
    }
    match error.downcast_ref().and_then(why_no_film) {
        Some(why) => bail!(UnfitFilm(format!(
            "`{shown}` is not a film that ffprobe can read: {why}"
        ))),
        None => Err(error.context(format!("asking ffprobe what `{shown}` is"))),
    }
}

/// What a file lacks that ffprobe refuses, in words for people; `None` where the file may not be at fault.
fn why_no_film(failure: &ToolFailure) -> Option<String> {
    // `[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55b59f465440] moov atom not found`
    let of_format = |line: &String| Some(line.strip_prefix('[')?.split_once("] ")?.1.to_owned());
    let said = failure.stderr.iter().find_map(of_format);
    let refused = failure
        .stderr
        .last()?
        .ends_with("Invalid data found when processing input");
    let ran_to_its_end = failure.status?.code().is_some();
    match said {
        _ if !ran_to_its_end => None,
        Some(said) if said == "moov atom not found" => Some(
            "its index (moov) is missing: it was never finished, or its end is cut off".to_owned(),
        ),
        Some(said) => Some(format!("it is damaged, or not what its name says ({said})")),
        None => refused.then(|| "it is in no format that it knows".to_owned()),
    }
}

/// Refuses a codec that this ffmpeg does not know, or does not decode.
pub(super) fn refuse_unknown(tools: &Toolbox, film: &FfStream) -> Result<()> {
    if ["", "none", "unknown"].contains(&film.codec_name.as_str()) {
        bail!(UnfitFilm(format!(
            "its codec ({}) is none that this ffmpeg knows",
            film.codec_tag_string
        )));
    }
    if film.pix_fmt.is_none() {
        let mut command = Command::new(&tools.ffmpeg);
        command.args(["-v", "error", "-h", &format!("decoder={}", film.codec_name)]);
        let said = tools.children.finish(command)?.stderr;
        ensure!(
            !said
                .iter()
                .any(|line| line.contains("no decoders for it are available")),
            UnfitFilm(format!(
                "this ffmpeg has no decoder for its codec, {}",
                film.codec_name
            ))
        );
    }
    Ok(())
}

/// Refuses what is not YUV, with the command that makes it that.
pub(super) fn refuse_rgb(file: &FfFile, film: &FfStream, frame: &FfFrame) -> Result<()> {
    let Some(format) = film
        .pix_fmt
        .as_deref()
        .filter(|format| pixel_layout(format).is_none())
    else {
        return Ok(());
    };
    let filter = conversion(color(film, frame, false).primaries);
    bail!(
        "its pixel format {format} is not YUV; convert it first: {}",
        filtering(file, film, &filter, "CONVERTED.mkv")
    )
}

/// The filter that makes YUV of RGB with these primaries, with the matrix named where it is used and in the file. Of its own
/// accord ffmpeg takes that of BT.601 and names none.
fn conversion(primaries: CodePoint) -> String {
    // The names of the filter `scale` and of the tag.
    let (scale, tag) = if primaries == BT2020 {
        ("bt2020", "bt2020nc")
    } else {
        ("bt709", "bt709")
    };
    format!(
        "scale=out_color_matrix={scale}:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv444p16le,\
         setparams=colorspace={tag}:range=tv"
    )
}

/// The filter that makes whole pictures of fields, one of each.
pub(super) fn deinterlacing(fields: Fields) -> &'static str {
    if fields.top_first() {
        "bwdif=parity=tff"
    } else {
        "bwdif=parity=bff"
    }
}

/// The command that makes another film of this one, through a `filter`, without loss: with every track that Matroska can
/// hold, and every time.
pub(super) fn filtering(file: &FfFile, film: &FfStream, filter: &str, output: &str) -> String {
    let mut maps = "-map 0:V:0".to_owned();
    let mut codecs = "-c copy -c:v:0 ffv1".to_owned();
    let others = file
        .streams
        .iter()
        .filter(|stream| stream.index != film.index && !stream.is_picture());
    let carried = others
        .filter(|stream| stream.kind().is_some())
        .filter_map(|stream| {
            let carry = stream.carry(file.is_apples())?;
            let copied = carry != Carry::Copy || COPIED.contains(&stream.codec_name.as_str());
            Some((stream, if copied { carry } else { stream.lossless()? }))
        });
    for (n, (stream, carry)) in (1..).zip(carried) {
        maps += &format!(" -map 0:{}", stream.index);
        if carry != Carry::Copy {
            codecs += &format!(" -c:{n} {}", carry.codec());
        }
    }
    format!(
        "ffmpeg -i INPUT {maps} -map '0:t?' {codecs} -filter:v:0 '{filter}' -fps_mode passthrough -enc_time_base 1/1000 {output}"
    )
}
