//! A plan in words.

use super::text;
use crate::{cli::Layer, os::words::count, plan::Plan};

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
    lines.push(tracks(plan));
    lines.extend(plan.class.iter().map(|class| format!("class    {class}")));
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

fn tracks(plan: &Plan) -> String {
    let [video, sound, subtitles] = plan.source.track_counts().map(|n| n as u64);
    let args = plan.recipe.audio_args.as_ref();
    let how = args.map_or_else(|| "copied".to_owned(), |args| args.join(" "));
    format!(
        "tracks   {}, {} ({how}), {}, {}, {}",
        count(video, "video track"),
        count(sound, "sound track"),
        count(subtitles, "subtitle track"),
        count(plan.source.chapters as u64, "chapter"),
        count(plan.source.attachments as u64, "attachment"),
    )
}
