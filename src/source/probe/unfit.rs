//! Films that cannot be taken as they are, and the words for it.

use std::{fmt::Display, fs::File, path::Path, process::Command};

use anyhow::{Result, bail, ensure};
use serde::de::DeserializeOwned;

use super::{
    ffprobe::{FfFile, FfFrame, FfStream, ffprobe},
    kinds,
    picture::{color, pixel_layout},
    tracks::COPIED,
};
use crate::{
    film::media::{BT2020, Carry, CodePoint, Fields},
    os::{exit::UnfitFilm, process::ToolFailure, toolbox::Toolbox},
};

/// How files begin that name others, behind a byte order mark and white space, and what they are.
const LISTS: [(&str, &str); 7] = [
    ("#EXTM3U", "a playlist (HLS, M3U)"),
    ("ffconcat", "a list of files (ffconcat)"),
    ("[playlist]", "a playlist (PLS)"),
    ("MPLS", "a playlist (of a Blu-ray)"),
    ("v=0", "the description of a broadcast (SDP)"),
    ("# VobSub", "the index of subtitles (VobSub)"),
    ("RTSPtext", "a reference to a broadcast (QuickTime)"),
];

/// What is in such files that are XML, and what they are.
const LISTS_IN_XML: [(&str, &str); 5] = [
    ("<MPD", "a playlist (DASH)"),
    ("<playlist", "a playlist (XSPF)"),
    ("<smil", "a playlist (SMIL)"),
    ("<SmoothStreamingMedia", "a playlist (Smooth Streaming)"),
    (
        "CompositionPlaylist",
        "a composition of several files (IMF)",
    ),
];

/// What kind of list of other files begins with `head`, if one does.
fn list(head: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins = |(beginning, _): &&(&str, _)| text.starts_with(beginning);
    let holds = |(part, _): &&(&str, _)| text.starts_with('<') && text.contains(part);
    let known = LISTS.iter().find(begins);
    let known = known.or_else(|| LISTS_IN_XML.iter().find(holds));
    known.map(|(_, kind)| *kind)
}

/// Refuses what names other files, before any tool sees it that would read those.
pub(super) fn refuse_list(file: &mut File, shown: impl Display) -> Result<()> {
    match list(&kinds::head(file)) {
        Some(kind) => bail!(UnfitFilm(format!(
            "`{shown}` is not a film: it is {kind}; name the film itself"
        ))),
        None => Ok(()),
    }
}

/// What ffprobe says of `input`, if it is one film in one file.
pub(super) fn describe<T: DeserializeOwned>(
    tools: &Toolbox,
    input: &Path,
    what: &[&str],
) -> Result<T> {
    let shown = input.display();
    let described = ffprobe(tools, input, what);
    let Err(error) = described else {
        return described;
    };
    let said = |words: &str| {
        let failure = error.downcast_ref::<ToolFailure>();
        failure.is_some_and(|failure| failure.stderr.iter().any(|line| line.contains(words)))
    };
    let mut file = File::open(input).ok();
    if let Some(kind) = file.as_mut().and_then(kinds::of) {
        bail!(UnfitFilm(format!("`{shown}` is not a film: it is {kind}")));
    }
    if said("not on whitelist") {
        bail!(UnfitFilm(format!(
            "`{shown}` is not a film: it is of a kind that is no film, or names others; name the film itself"
        )));
    }
    let head = file.as_mut().map(kinds::head).unwrap_or_default();
    if head
        .get(4..8)
        .is_some_and(|name| [b"styp".as_slice(), b"moof", b"sidx"].contains(&name))
    {
        bail!(UnfitFilm(format!(
            "`{shown}` is a segment of a stream without its beginning: put the initialisation segment in front of it"
        )));
    }
    let failure = error.downcast_ref();
    match failure.and_then(|failure| why_no_film(failure, &head)) {
        Some(why) => bail!(UnfitFilm(format!(
            "`{shown}` is not a film that can be read: {why}"
        ))),
        None => Err(error.context(format!("asking ffprobe what `{shown}` is"))),
    }
}

/// What a file lacks that ffprobe refuses, in words for people; `None` where the file may not be at fault.
fn why_no_film(failure: &ToolFailure, head: &[u8]) -> Option<String> {
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
        Some(said) => Some(meant(&said, head)),
        None => refused.then(|| "it is in no format that ffmpeg knows".to_owned()),
    }
}

/// Names of boxes with which files of the MP4 and QuickTime kind begin, behind four bytes.
const FIRST_BOXES: [&[u8]; 7] = [
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid",
];

/// What a reader of ffmpeg means that has `said` this of a file with this `head`.
fn meant(said: &str, head: &[u8]) -> String {
    let other = |kind| {
        format!("it does not begin as {kind} does, and is damaged or not what its name says")
    };
    let is_of_boxes = head
        .get(4..8)
        .is_some_and(|name| FIRST_BOXES.contains(&name));
    match said {
        "moov atom not found" if is_of_boxes => {
            "its index (moov) is missing: it was never finished, or its end is cut off".to_owned()
        }
        "moov atom not found" => other("MP4 or QuickTime"),
        // The numbers of Matroska's elements: whatever is wrong with them, they are none.
        said if said.contains("EBML") => other("Matroska"),
        said => format!("it is damaged, or not what its name says (ffmpeg: {said})"),
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
    // Those of ffmpeg's readers of pictures: `png_pipe`, `bmp_pipe`.
    let is_picture = file.format.format_name.ends_with("_pipe");
    let Some(format) = film
        .pix_fmt
        .as_deref()
        .filter(|format| pixel_layout(format).is_none())
    else {
        return Ok(());
    };
    let filter = conversion(color(film, frame, false).primaries);
    ensure!(!is_picture, "it is a picture, and no film");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_known_by_their_beginnings_and_films_are_none() {
        for (text, kind) in [
            ("#EXTM3U\n#EXT-X-VERSION:3\n", "(HLS, M3U)"),
            ("\u{feff}#EXTM3U\r\n", "(HLS, M3U)"),
            ("\u{feff}\n ffconcat version 1.0\n", "(ffconcat)"),
            ("MPLS0200\0\0", "(of a Blu-ray)"),
            (
                "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg\"/>",
                "(DASH)",
            ),
            ("<playlist version=\"1\"/>", "(XSPF)"),
        ] {
            assert!(
                list(text.as_bytes()).is_some_and(|known| known.contains(kind)),
                "{text}"
            );
        }
        for film in [
            "YUV4MPEG2 W8 H8\nFRAME\n",
            "\u{1a}E\u{7}#EXTM3U",
            "RIFF<MPD",
        ] {
            assert_eq!(list(film.as_bytes()), None);
        }
    }

    #[test]
    fn what_ffmpeg_says_is_told_only_where_it_says_more() {
        let mp4 = b"\0\0\0\x18ftypisom";
        assert!(meant("moov atom not found", mp4).starts_with("its index (moov) is missing"));
        let other = meant("moov atom not found", b"something");
        assert!(other.starts_with("it does not begin as MP4"), "{other}");
        for said in [
            "EBML header parsing failed",
            "0x00 at pos 0 (0x0) invalid as first byte of an EBML number",
        ] {
            let meant = meant(said, b"something");
            assert!(
                meant.starts_with("it does not begin as Matroska"),
                "{meant}"
            );
        }
        let said = "File ended prematurely at pos. 300 (0x12c)";
        assert!(meant(said, b"").contains(said));
    }
}
