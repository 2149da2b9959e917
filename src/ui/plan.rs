//! A plan in words.

use num_rational::Ratio;

use super::text::{self, one_line};
use crate::{
    cli::Layer,
    decide::target::{Aim, Scale},
    event::Intent,
    film::media::Container,
    os::words::{bytes, clock, count},
    plan::{Plan, recipe::Goal},
};

/// What will be done, before it is: what the film is, at this rate if it says one, and how it is encoded, at the level of
/// parallelism that the job was begun with.
#[must_use]
pub fn intended(plan: &Plan, fps: Option<Ratio<u32>>, lp: u32) -> Intent {
    let (video, workers) = (&plan.recipe.video, &plan.workers);
    let quality = match plan.recipe.goal() {
        Goal::Size { aim, .. } => format!("{}, ", target(&aim)),
        Goal::Crf(crf) => format!("CRF {crf}, "),
        Goal::Own => String::new(),
    };
    let encoding = format!(
        "{}, {quality}preset {}, {} bit; {} with --lp {lp}: {}",
        plan.recipe.encoder.version,
        video.preset,
        video.picture.bit_depth,
        count(workers.workers as u64, "worker"),
        workers.reason
    );
    Intent {
        source: one_line(&source(plan, fps)),
        encoding: one_line(&encoding),
        tracks: fates(plan).collect(),
        source_bytes: plan.source.bytes,
    }
}

/// The size that is wanted, and how it is had.
fn target(aim: &Aim) -> String {
    let Scale {
        least,
        most,
        quarters,
    } = aim.scale;
    let steps = if quarters { " in quarters" } else { "" };
    let size = bytes(aim.bytes);
    format!(
        "{size} in all, by CRFs of {least} to {most}{steps} that trials and finished chunks choose"
    )
}

fn source(plan: &Plan, fps: Option<Ratio<u32>>) -> String {
    let (container, picture) = (&plan.source, &plan.recipe.video.picture);
    let video = &container.video;
    let fps = fps.map(|fps| f64::from(*fps.numer()) / f64::from(*fps.denom()));
    let dynamic = if picture.color.is_hlg() {
        "HLG"
    } else if picture.color.is_pq() {
        "HDR10"
    } else {
        "SDR"
    };
    let parts = [
        Some(format!("{} {}x{}", video.codec, video.width, video.height)),
        fps.map(|fps| format!("{fps:.3} fps")),
        container.duration_seconds.map(clock),
        frames(container, fps),
        Some(dynamic.to_owned()),
        Some(bytes(container.bytes)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{}{}", parts.join(", "), others(plan))
}

/// What there is beside the picture.
fn others(plan: &Plan) -> String {
    let [video, sound, subtitles] = plan.source.track_counts();
    let numbers = [
        (video.saturating_sub(1), "further video track"),
        (sound, "sound track"),
        (subtitles, "subtitle track"),
        (plan.source.chapters, "chapter"),
        (plan.source.attachments, "attachment"),
    ];
    let there = numbers.into_iter().filter(|(number, _)| *number > 0);
    let there = there.map(|(number, one)| count(number as u64, one));
    let there: Vec<String> = there.collect();
    match there.as_slice() {
        [] => String::new(),
        _ => format!("; {}", there.join(", ")),
    }
}

/// How many frames there are, as far as that is said before they are counted.
fn frames(container: &Container, fps: Option<f64>) -> Option<String> {
    match (container.declared_frames, container.duration_seconds, fps) {
        (Some(frames), _, _) => Some(count(frames, "frame")),
        (None, Some(seconds), Some(fps)) => {
            Some(format!("about {:.0} frames", (seconds * fps).max(1.0)))
        }
        _ => None,
    }
}

/// What a person reads of a plan, one line for each decision.
#[must_use]
pub fn described(plan: &Plan) -> String {
    let (video, workers) = (&plan.source.video, &plan.workers);
    let mut lines = vec![
        format!(
            "input    {} ({}, {} {}x{} {})",
            plan.input,
            plan.source.format,
            video.codec,
            video.width,
            video.height,
            video.pixel_format
        ),
        format!("output   {}", plan.output),
        format!("encoder  {}", plan.encoder_line),
        format!(
            "workers  {} with --lp {}: {}",
            workers.workers, workers.lp, workers.reason
        ),
        format!("colours  {}", plan.recipe.video.picture.color),
    ];
    lines.extend(hdr10(plan));
    lines.push(format!("tracks   {}", tracks(plan)));
    lines.extend(fates(plan).map(|fate| format!("track    {fate}")));
    lines.extend(plan.class.iter().map(|class| format!("class    {class}")));
    let aim = plan.recipe.aim.as_ref();
    lines.extend(aim.map(|aim| format!("size     {}", target(aim))));
    lines.extend(settings(plan));
    let warnings = plan.warnings.iter();
    lines.extend(warnings.map(|warning| format!("warning  {warning}")));
    lines
        .join("\n")
        .replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

fn hdr10(plan: &Plan) -> Option<String> {
    let hdr10 = &plan.recipe.video.picture.hdr10;
    let mastering = hdr10.mastering.map_or_else(
        || "no mastering display".to_owned(),
        |display| display.to_string(),
    );
    let light = hdr10.content_light.map_or_else(
        || "no content light level".to_owned(),
        |light| format!("content light {light}"),
    );
    (!hdr10.is_empty()).then(|| format!("HDR10    {mastering}, {light}"))
}

/// What each option is set to, and by whom: one line for each that is not as it was built, and one for all others.
fn settings(plan: &Plan) -> Vec<String> {
    let is_decided = |name: &str| ["crf", "preset"].contains(&name);
    let (shown, built_in): (Vec<_>, Vec<_>) = plan
        .settings
        .iter()
        .partition(|setting| setting.from != Layer::BuiltIn || is_decided(&setting.name));
    let shown = shown
        .into_iter()
        .map(|setting| format!("setting  {}", text::by(setting)));
    let built_in: Vec<String> = built_in
        .into_iter()
        .map(|setting| format!("--{} {}", setting.name, setting.value))
        .collect();
    let rest = (!built_in.is_empty()).then(|| format!("built in {}", built_in.join(", ")));
    shown.chain(rest).collect()
}

/// What becomes of each track, where the user chooses among them.
fn fates(plan: &Plan) -> impl Iterator<Item = String> {
    let tracks = plan.recipe.tracks.iter();
    tracks.map(|fate| one_line(&fate.to_string()))
}

fn tracks(plan: &Plan) -> String {
    let [video, sound, subtitles] = plan.source.track_counts().map(|n| n as u64);
    let how = match (&plan.recipe.audio_args, plan.recipe.shapes().is_empty()) {
        (None, _) => "copied".to_owned(),
        (Some(options), true) => options.to_string(),
        (Some(_), false) => "some encoded".to_owned(),
    };
    format!(
        "{}, {} ({how}), {}, {}, {}",
        count(video, "video track"),
        count(sound, "sound track"),
        count(subtitles, "subtitle track"),
        count(plan.source.chapters as u64, "chapter"),
        count(plan.source.attachments as u64, "attachment"),
    )
}
