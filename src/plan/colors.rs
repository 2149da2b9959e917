//! The colours of the output: what the user forces, what the source says, what tags say of a source that says nothing.

use crate::{
    film::{
        hdr::Hdr10,
        media::{Color, Container, PQ, UNSPECIFIED},
    },
    settings::{ColorTags, ForcedColor},
};

/// Colours of the output: those that the user forces, else the source's, else the tags that the user gives for a source
/// without.
pub(super) fn colors(
    container: &Container,
    forced: &ForcedColor,
    tags: &ColorTags,
    warnings: &mut Vec<String>,
) -> (Color, Hdr10) {
    let source = container.video.color;
    let hdr10 = Hdr10 {
        mastering: forced.mastering.or(container.video.hdr10.mastering),
        content_light: forced
            .content_light
            .unwrap_or(container.video.hdr10.content_light),
    };
    let mut fallback = tags.color.clone();
    if let Some(transfer) = fallback
        .transfer
        .filter(|transfer| Color::is_hdr_transfer(*transfer))
    {
        let unsaid = forced.transfer.is_none() && source.transfer == UNSPECIFIED;
        if let Some(why) = why_not_hdr(container, &hdr10).filter(|_| unsaid) {
            warnings.push(hdr_left_out(transfer, tags, why));
            fallback.transfer = None;
        }
        let other = forced.transfer.unwrap_or(source.transfer);
        // The rest of the line is about that transfer.
        if fallback.transfer.is_none() || other != UNSPECIFIED && other != transfer {
            (fallback.primaries, fallback.matrix) = (None, None);
        }
    }
    let mut ignored = false;
    let mut code = |source: u8, forced: Option<u8>, fallback: Option<u8>| match (forced, source) {
        (Some(forced), _) => forced,
        (None, UNSPECIFIED) => fallback.unwrap_or(UNSPECIFIED),
        (None, source) => {
            ignored |= fallback.is_some_and(|fallback| fallback != source);
            source
        }
    };
    let primaries = code(source.primaries, forced.primaries, fallback.primaries);
    let transfer = code(source.transfer, forced.transfer, fallback.transfer);
    let matrix = code(source.matrix, forced.matrix, fallback.matrix);
    ignored |= forced.range.is_none()
        && source.range.is_some()
        && fallback.range.is_some_and(|f| Some(f) != source.range);
    let color = Color {
        primaries,
        transfer,
        matrix,
        range: forced.range.or(source.range).or(fallback.range),
        chroma_location: forced.chroma_location.unwrap_or(source.chroma_location),
    };
    if ignored {
        warnings.push(format!(
            "{}: the source says {source}, which is kept; colour tags are for sources without",
            tags.flag
        ));
    }
    (color, hdr10)
}

/// Why a source of which nobody says that it is PQ or HLG is neither. People share command lines for HDR, and use them
/// for every film.
fn why_not_hdr(container: &Container, hdr10: &Hdr10) -> Option<&'static str> {
    let video = &container.video;
    let dynamic = video.dynamic_hdr.hdr10_plus || video.dynamic_hdr.dolby_vision_profile.is_some();
    if video.bit_depth == 8 {
        Some("the source has 8 bits")
    } else if hdr10.is_empty() && !dynamic {
        Some("the source has no HDR metadata")
    } else {
        None
    }
}

/// What is left out of colour tags that would make PQ or HLG of a source that is neither, and what to type instead.
fn hdr_left_out(transfer: u8, tags: &ColorTags, why: &str) -> String {
    let name = if transfer == PQ { "PQ" } else { "HLG" };
    let mut params = format!("--transfer-characteristics {transfer}");
    for (option, code) in [
        ("color-primaries", tags.color.primaries),
        ("matrix-coefficients", tags.color.matrix),
    ] {
        params.extend(code.map(|code| format!(" --{option} {code}")));
    }
    format!(
        "{}: the colours of {name} are left out: {why}. If it is {name} all the same: -v \"{params}\"",
        tags.flag
    )
}
