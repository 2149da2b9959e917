//! What is said to people of what happens.

use crate::{
    cli::{Layer, Setting},
    event::{Aimed, Clip, Decided, Event, Figures, Proof, Stage},
    os::words::{bytes, clock, count, plain},
};

/// Text that programs, files and their names say, without what moves a cursor, ends a line, or has others read it backwards.
#[must_use]
pub fn one_line(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(|c: char| c.is_control() || turns(c), "\u{fffd}")
}

/// An event whose sentence people understand.
#[must_use]
pub fn plainly(mut event: Event) -> Event {
    match &mut event {
        Event::Warning { message } | Event::Note { message } | Event::Detail { message } => {
            *message = plain(message);
        }
        Event::Neighbour(easing) => easing.message = plain(&easing.message),
        _ => (),
    }
    event
}

/// What tables have decided, in a line each: the class with its reasons, and what they set.
#[must_use]
pub fn decided(decided: &Decided) -> Vec<String> {
    let class = decided.class.as_ref().map(|class| {
        let sure = decided.confidence.unwrap_or_default();
        format!(
            "source class {class} ({sure:.2}): {}",
            decided.reasons.join("; ")
        )
    });
    let of_tables = decided
        .settings
        .iter()
        .filter(|setting| setting.from == Layer::Table);
    class.into_iter().chain(of_tables.map(by)).collect()
}

/// What an option is set to, and by whom.
#[must_use]
pub fn by(setting: &Setting) -> String {
    let from = match setting.from {
        Layer::BuiltIn => "built in",
        Layer::Table => "by table",
        Layer::Config => "by settings",
        Layer::Environment => "by environment",
        Layer::Line => "as typed",
    };
    let at = setting
        .at
        .as_ref()
        .map(|at| format!(" {at}"))
        .unwrap_or_default();
    // A flag is typed without a value.
    let value = Some(&setting.value).filter(|value| *value != "true");
    let value = value.map_or_else(String::new, |value| format!(" {value}"));
    let dashes = if setting.name.len() == 1 { "-" } else { "--" };
    format!("{dashes}{}{value}, {from}{at}", setting.name)
}

/// What is known of a test clip.
#[must_use]
pub fn clip(clip: &Clip) -> String {
    let shown = clip.clip.to_string_lossy();
    let lines = [
        shown.replace(|c: char| c.is_control(), "\u{fffd}"),
        indented(&figures(&clip.figures)),
    ];
    lines.join("\n")
}

fn indented(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// The figures of a test clip, a line each.
#[must_use]
pub fn figures(of: &Figures) -> Vec<String> {
    let percent = 100.0 * of.bytes as f64 / of.source_bytes.max(1) as f64;
    let measured = [
        of.vmaf.map(|value| format!("VMAF {value:.2}")),
        of.xpsnr.map(|value| format!("XPSNR {value:.2} dB")),
    ];
    let measured: Vec<String> = measured.into_iter().flatten().collect();
    let mut lines = vec![
        format!(
            "{} from {} on: {}",
            count(of.frames, "frame"),
            clock(of.begins_seconds),
            of.why
        ),
        format!(
            "{} -> {} ({percent:.1} %)",
            bytes(of.source_bytes),
            bytes(of.bytes)
        ),
        format!(
            "the whole film: about {} in about {}",
            bytes(of.estimated_bytes),
            clock(of.estimated_seconds)
        ),
    ];
    lines.extend((!measured.is_empty()).then(|| measured.join(", ")));
    lines.extend(of.remarks.iter().cloned());
    lines
}

/// What stands in front of the progress bar.
#[must_use]
pub fn label(stage: Stage) -> &'static str {
    match stage {
        Stage::Probe => "Probing",
        Stage::Index => "Indexing",
        Stage::Trial => "Trying",
        Stage::Encode => "Encoding",
        Stage::Join => "Joining",
        Stage::Verify => "Verifying",
    }
}

/// How a size that is wanted will be had, in a line.
#[must_use]
pub fn aimed(aimed: &Aimed) -> String {
    let Aimed {
        target_bytes,
        other_bytes,
        crf,
        places,
        tried,
    } = aimed;
    let tried: Vec<String> = tried.iter().map(f64::to_string).collect();
    format!(
        "size     {}, of which {} are not the picture: begins with CRF {crf}, by {} tried with {}",
        bytes(*target_bytes),
        bytes(*other_bytes),
        count(*places as u64, "place"),
        tried.join(", ")
    )
}

/// Tracks as findings name them, and as people call them.
const KINDS: [(&str, &str); 3] = [
    ("video track", "further video track"),
    ("sound track", "sound track"),
    ("subtitle track", "subtitle track"),
];
/// How tracks are compared: how a finding begins to tell it, and in one word.
const HOW: [(&str, &str); 5] = [
    ("hashes", "packet by packet"),
    ("all samples", "sample by sample"),
    ("words", "word by word"),
    ("sound", "by how it sounds"),
    (
        "length",
        "by its length alone, for your options move it in time",
    ),
];

/// What was compared, and that it agreed, in one line.
#[must_use]
pub fn proven(proof: &Proof) -> String {
    let compared = compared(proof);
    match &proof.damaged {
        None => format!("proven: {compared}"),
        Some(said) => {
            format!(
                "not proven, for the source is damaged ({said}); as far as it can be decoded: {compared}"
            )
        }
    }
}

fn compared(proof: &Proof) -> String {
    let decoded = if proof.decoded { " decoded" } else { "" };
    let frames = count(proof.frames, "frame");
    let error_ms = proof.max_time_error_ms;
    let alike = match proof.pictures_alike {
        0 => String::new(),
        still => format!(" ({still} more stand still)"),
    };
    let pictures = count(proof.pictures as u64, "picture");
    let all = match proof.all_pictures {
        true => ", all compared",
        false => "",
    };
    let mut parts = vec![
        format!("{frames}{decoded}, times within {error_ms:.1} ms"),
        format!("{pictures} like the source's{alike}{all}"),
    ];
    parts.extend(tracks(proof));
    for (number, one) in [
        (proof.chapters, "chapter"),
        (proof.attachments, "attachment"),
    ] {
        parts.extend((number > 0).then(|| count(number as u64, one)));
    }
    parts.push(proof.color.clone());
    parts.extend(
        proof
            .hdr10
            .then(|| "HDR10 in bitstream and container".to_owned()),
    );
    let truncated = proof.truncated.as_ref();
    parts.extend(truncated.map(|how| format!("of a source that is cut short: {how}")));
    parts.join(", ")
}

/// How many tracks of each kind were compared, by how.
fn tracks(proof: &Proof) -> impl Iterator<Item = String> {
    let pairs = KINDS
        .into_iter()
        .flat_map(|kind| HOW.map(|how| (kind, how)));
    pairs.filter_map(|((what, one), (by, how))| {
        let of_kind = proof
            .findings
            .iter()
            .filter(|finding| finding.what.starts_with(what));
        let number = of_kind.filter(|finding| finding.by.starts_with(by)).count();
        (number > 0).then(|| format!("{} {how}", count(number as u64, one)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{
        Finding,
        Property::{Fields, SoundTrack, SubtitleTrack},
        What,
    };

    #[test]
    fn the_proof_is_one_line() {
        let compared = |what: What, by: &str| Finding::new(what, "the same", "the same", by, true);
        let proof = Proof {
            frames: 1,
            duration_seconds: 0.04,
            max_time_error_ms: 0.24,
            tracks: [1, 2, 0],
            chapters: 3,
            attachments: 1,
            color: "bt709".to_owned(),
            hdr10: true,
            pictures: 1,
            pictures_alike: 2,
            decoded: true,
            all_pictures: true,
            truncated: Some("the index is missing".to_owned()),
            damaged: None,
            notes: Vec::new(),
            findings: vec![
                compared(SoundTrack.of_track(1), "hashes of all packets"),
                compared(SoundTrack.of_track(2), "hashes of all packets"),
                compared(SubtitleTrack.of_track(1), "words and times"),
                compared(Fields.into(), "ffprobe"),
            ],
        };
        assert_eq!(
            proven(&proof),
            "proven: 1 frame decoded, times within 0.2 ms, 1 picture like the source's (2 more stand still), all compared, 2 sound \
             tracks packet by packet, 1 subtitle track word by word, 3 chapters, 1 attachment, bt709, HDR10 in bitstream and \
             container, of a source that is cut short: the index is missing"
        );
        let damaged = Proof {
            damaged: Some("Invalid NAL unit size".to_owned()),
            ..proof
        };
        let said = proven(&damaged);
        assert!(
            said.starts_with("not proven, for the source is damaged (Invalid"),
            "{said}"
        );
    }
}
