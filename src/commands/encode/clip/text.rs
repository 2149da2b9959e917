//! What to look for in a test clip.

use super::files::{Cut, Files};
use crate::{
    commands::encode::run::Run,
    decide::stretch::Still,
    encoder::Quality,
    event::Figures,
    os::{process::quoted, words::clock},
    ui::text::figures,
};

/// What to look for, by what goes wrong at too low a quality.
const LOOK_FOR: &str = "\
What to look for, the clip beside the source's stretch, at the size at which you watch films:

  grain          is it there, as fine and as lively as in the source? Smooth, waxy faces and walls have lost it.
  fine texture   hair, cloth, grass, brick: are they still sharp, also while they move?
  banding        skies, fog and walls in weak light: are there steps where the source is smooth?
  blocks in the  in shadows and dark backgrounds: do squares stand still while the picture moves, or flicker?
  dark           Make the room dark, or the screen bright.

The clip has no sound. If it is not good enough, a lower --crf makes it better and larger, and a lower --preset better and
slower; the same stretch is then encoded again. If it is better than you can see, a higher --crf makes the film smaller.
";

/// The text beside a clip.
pub(super) fn beside(run: &Run<'_>, cut: &Cut, of: &Figures) -> String {
    let files = Files::of(run.config);
    let (clip, source) = (
        quoted(files.clip.as_os_str()),
        quoted(files.source.as_os_str()),
    );
    let (recipe, kept) = (&run.plan.recipe, kept(cut));
    let quality = match recipe.video.quality {
        Quality::Crf(crf) => format!("CRF {crf}, "),
        Quality::Own => String::new(),
    };
    let film = quoted(run.config.input.as_os_str());
    format!(
        "av1enc: a test clip of {film}\n\n{clip}\n  {}, {quality}preset {}, {} bit\n{}\n{source}\n  {kept}\n\n{}\n{LOOK_FOR}",
        recipe.encoder.version,
        recipe.video.preset,
        recipe.video.picture.bit_depth,
        lines(&figures(of)),
        stills(&cut.stills, of),
    )
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

fn kept(cut: &Cut) -> &'static str {
    match cut.packets {
        true => "the source's own packets: the same pictures, compared one by one",
        false => {
            "the same pictures, encoded without loss (FFV1), for the source's packets cannot be cut there; compared one by one"
        }
    }
}

/// What the rows of the picture are.
fn stills(stills: &[Still], of: &Figures) -> String {
    let fps = of.frames.saturating_sub(1) as f64 / of.seconds.max(0.001);
    let row = |still: &Still| {
        let at = still.picture as f64 / fps.max(0.001);
        format!(
            "  {:<8} frame {}, {} into the clip\n",
            still.shows,
            still.picture,
            clock(at)
        )
    };
    let rows: String = stills.iter().map(row).collect();
    format!(
        "The picture beside this text has the source on the left and the clip on the right, from top to bottom:\n{rows}"
    )
}
