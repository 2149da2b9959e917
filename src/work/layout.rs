//! Channels of sound for libopus, which takes eight layouts and refuses every other one, and for AAC.
//!
//! What it takes was found by running: libopus of ffmpeg 5.1.9 and 9.0.2 with every layout that `ffmpeg -layouts` names.
//! A channel keeps its place, or takes that of its twin (side for back) where the layout lacks its own; what a layout has
//! and the film has not is silent. Only channels that have no place in any layout are mixed into others.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

pub use crate::settings::sound::codec;
use crate::{
    event::{Sink, note, warn},
    os::{exit::UsageError, toolbox::Toolbox},
    source::probe,
};

/// What libopus takes, the smallest first: ffmpeg's name, and its channels.
const TAKEN: &[(&str, &str)] = &[
    ("mono", "FC"),
    ("stereo", "FL+FR"),
    ("3.0", "FL+FR+FC"),
    ("quad", "FL+FR+BL+BR"),
    ("5.0", "FL+FR+FC+BL+BR"),
    ("5.1", "FL+FR+FC+LFE+BL+BR"),
    ("6.1", "FL+FR+FC+LFE+BC+SL+SR"),
    ("7.1", "FL+FR+FC+LFE+BL+BR+SL+SR"),
];

/// Layouts of which ffmpeg 5.1.9 and 9.0.2 exchange the channels when libopus orders them in their own way, which is their
/// default: the centre of 5.0 comes out at the back. In the order of Vorbis each channel is in its place.
const EXCHANGED: [&str; 2] = ["5.0", "6.1"];
/// The option for that order.
const ORDER_OF_VORBIS: [&str; 2] = ["-mapping_family", "1"];

/// The other layouts that ffmpeg has names for (`ffmpeg -layouts` of 5.1.9 and 9.0.2).
const OTHERS: &[(&str, &str)] = &[
    ("2.1", "FL+FR+LFE"),
    ("3.0(back)", "FL+FR+BC"),
    ("4.0", "FL+FR+FC+BC"),
    ("quad(side)", "FL+FR+SL+SR"),
    ("3.1", "FL+FR+FC+LFE"),
    ("5.0(side)", "FL+FR+FC+SL+SR"),
    ("4.1", "FL+FR+FC+LFE+BC"),
    ("5.1(side)", "FL+FR+FC+LFE+SL+SR"),
    ("6.0", "FL+FR+FC+BC+SL+SR"),
    ("6.0(front)", "FL+FR+FLC+FRC+SL+SR"),
    ("3.1.2", "FL+FR+FC+LFE+TFL+TFR"),
    ("hexagonal", "FL+FR+FC+BL+BR+BC"),
    ("6.1(back)", "FL+FR+FC+LFE+BL+BR+BC"),
    ("6.1(front)", "FL+FR+LFE+FLC+FRC+SL+SR"),
    ("7.0", "FL+FR+FC+BL+BR+SL+SR"),
    ("7.0(front)", "FL+FR+FC+FLC+FRC+SL+SR"),
    ("7.1(wide)", "FL+FR+FC+LFE+BL+BR+FLC+FRC"),
    ("7.1(wide-side)", "FL+FR+FC+LFE+FLC+FRC+SL+SR"),
    ("7.1(top)", "FL+FR+FC+LFE+TFL+TFR+BL+BR"),
    ("5.1.2", "FL+FR+FC+LFE+BL+BR+TFL+TFR"),
    ("octagonal", "FL+FR+FC+BL+BR+BC+SL+SR"),
    ("cube", "FL+FR+BL+BR+TFL+TFR+TBL+TBR"),
    ("5.1.4", "FL+FR+FC+LFE+BL+BR+TFL+TFR+TBL+TBR"),
    ("7.1.2", "FL+FR+FC+LFE+BL+BR+SL+SR+TFL+TFR"),
    ("7.1.4", "FL+FR+FC+LFE+BL+BR+SL+SR+TFL+TFR+TBL+TBR"),
    (
        "hexadecagonal",
        "FL+FR+FC+BL+BR+BC+SL+SR+TFL+TFC+TFR+TBL+TBC+TBR+WL+WR",
    ),
    ("downmix", "DL+DR"),
];

/// Channels of which one may stand in the other's place.
const TWINS: &[(&str, &str)] = &[
    ("SL", "BL"),
    ("SR", "BR"),
    ("BL", "SL"),
    ("BR", "SR"),
    ("DL", "FL"),
    ("DR", "FR"),
];

/// Where a channel that no layout has is mixed to. Two places have half of its power each.
const MIXED: &[(&str, &[&str])] = &[
    ("FLC", &["FL"]),
    ("FRC", &["FR"]),
    ("WL", &["FL"]),
    ("WR", &["FR"]),
    ("TFL", &["FL"]),
    ("TFR", &["FR"]),
    ("TFC", &["FC"]),
    ("TBL", &["BL"]),
    ("TBR", &["BR"]),
    ("TBC", &["BL", "BR"]),
    ("BC", &["BL", "BR"]),
];
/// Gain of a channel that is mixed to another one, as in ITU-R BS.775: three decibels less.
const MIX: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// How much of a channel there is in each side of stereo, left and right, where the front is 1. The centre, in which films have
/// their dialogue, is as loud there as the front is; surrounds are half as loud; low frequencies are left out, as in ITU-R
/// BS.775.
const IN_STEREO: &[(&str, [f64; 2])] = &[
    ("FL", [1.0, 0.0]),
    ("FR", [0.0, 1.0]),
    ("FC", [1.0, 1.0]),
    ("FLC", [1.0, 0.0]),
    ("FRC", [0.0, 1.0]),
    ("WL", [1.0, 0.0]),
    ("WR", [0.0, 1.0]),
    ("SL", [0.5, 0.0]),
    ("SR", [0.0, 0.5]),
    ("BL", [0.5, 0.0]),
    ("BR", [0.0, 0.5]),
    ("BC", [0.5 * MIX, 0.5 * MIX]),
    ("TFL", [0.5, 0.0]),
    ("TFR", [0.0, 0.5]),
    ("TFC", [0.5 * MIX, 0.5 * MIX]),
    ("TBL", [0.5, 0.0]),
    ("TBR", [0.0, 0.5]),
    ("TBC", [0.5 * MIX, 0.5 * MIX]),
    ("LFE", [0.0, 0.0]),
    ("LFE2", [0.0, 0.0]),
];

/// The filter that mixes sound of `layout` down to stereo, divided so that nothing clips; `None` where a channel of it is not
/// known.
#[must_use]
pub fn to_stereo(layout: &str) -> Option<String> {
    let mut inputs = vec![Vec::new(); 2];
    for channel in channels_of(layout)? {
        let (_, gains) = IN_STEREO.iter().find(|(name, _)| *name == channel)?;
        for (inputs, gain) in inputs
            .iter_mut()
            .zip(gains)
            .filter(|(_, gain)| **gain > 0.0)
        {
            inputs.push((channel, *gain));
        }
    }
    Some(pan("stereo", &["FL", "FR"], &inputs))
}

/// The channels of a layout: ffmpeg's name, or the channels themselves.
fn channels_of(layout: &str) -> Option<Vec<&str>> {
    let mut all = TAKEN.iter().chain(OTHERS);
    let named = all.find(|(name, _)| *name == layout);
    let channels = named.map(|(_, channels)| *channels);
    let channels = channels.or(layout.contains('+').then_some(layout))?;
    // Mono has no side.
    (channels != "FC").then(|| channels.split('+').collect())
}

/// What is done with sound so that libopus takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// A filter of ffmpeg.
    pub filter: String,
    /// The layout that comes out of it, by ffmpeg's name.
    pub layout: &'static str,
    /// Channels that are mixed into others.
    pub mixed: Vec<String>,
    /// Whether the layout has channels that the sound has not.
    pub silent: bool,
}

/// How sound of `layout` (ffmpeg's name, or its channels: `FL+FR+LFE`) is given to libopus; `None` if it takes it as it is,
/// or nothing is known of the layout.
#[must_use]
pub fn for_opus(layout: &str) -> Option<Fit> {
    if TAKEN.iter().any(|(name, _)| *name == layout) {
        return None;
    }
    let channels = channels_of(layout)?;
    let fit = |mix: bool| {
        TAKEN
            .iter()
            .find_map(|(name, places)| fit_into(&channels, name, places, mix))
    };
    fit(false).or_else(|| fit(true))
}

/// Fits `channels` into one layout, if all of them have a place there.
fn fit_into(channels: &[&str], layout: &'static str, places: &str, mix: bool) -> Option<Fit> {
    let places: Vec<&str> = places.split('+').collect();
    let twin = |channel: &str| {
        let twin = TWINS.iter().find(|(one, _)| *one == channel)?.1;
        // Not where the twin is there itself.
        (places.contains(&twin) && !channels.contains(&twin)).then_some(twin)
    };
    let place = |channel: &str| {
        places
            .iter()
            .copied()
            .find(|place| *place == channel)
            .or_else(|| twin(channel))
    };
    let mut inputs: Vec<Vec<(&str, f64)>> = vec![Vec::new(); places.len()];
    let mut mixed = Vec::new();
    for channel in channels {
        let (to, gain) = match place(channel) {
            Some(place) => (vec![place], 1.0),
            None if mix => {
                let (_, to) = MIXED.iter().find(|(one, _)| one == channel)?;
                mixed.push((*channel).to_owned());
                // Where only the sides are there, the back is at the sides.
                let back = |to: &&str| {
                    places
                        .iter()
                        .copied()
                        .find(|place| place == to)
                        .or_else(|| twin(to))
                };
                (to.iter().map(back).collect::<Option<Vec<_>>>()?, MIX)
            }
            None => return None,
        };
        for (place, inputs) in places.iter().zip(&mut inputs) {
            inputs.extend(to.contains(place).then_some((*channel, gain)));
        }
    }
    let silent = inputs.iter().any(Vec::is_empty);
    let filter = if silent || !mixed.is_empty() {
        pan(layout, &places, &inputs)
    } else {
        rename(layout, &places, &inputs)
    };
    Some(Fit {
        filter,
        layout,
        mixed,
        silent,
    })
}

/// The filter that gives every channel of `layout` another name. `pan` would do more than that: where it only has to put
/// channels in another order, it converts one layout into the other as well (ffmpeg 5.1.9 and 9.0.2, 6.1(back) to 6.1).
fn rename(layout: &str, places: &[&str], inputs: &[Vec<(&str, f64)>]) -> String {
    let pairs = places.iter().zip(inputs);
    let pairs = pairs.flat_map(|(place, inputs)| {
        inputs
            .iter()
            .map(move |(channel, _)| format!("{channel}-{place}"))
    });
    format!(
        "channelmap=map={}:channel_layout={layout}",
        pairs.collect::<Vec<_>>().join("|")
    )
}

/// The filter that mixes `inputs` into the places of `layout`; what has none is silent.
fn pan(layout: &str, places: &[&str], inputs: &[Vec<(&str, f64)>]) -> String {
    // What is louder than everything is not clipped, and the channels keep their balance.
    let loudest = inputs
        .iter()
        .map(|inputs| inputs.iter().map(|(_, gain)| gain).sum())
        .fold(1.0, f64::max);
    let term = |(channel, gain): &(&str, f64)| match gain / loudest {
        1.0 => (*channel).to_owned(),
        gain => format!("{gain:.4}*{channel}"),
    };
    let mut filter = format!("pan={layout}");
    for (place, inputs) in places
        .iter()
        .zip(inputs)
        .filter(|(_, inputs)| !inputs.is_empty())
    {
        filter += &format!(
            "|{place}={}",
            inputs.iter().map(term).collect::<Vec<_>>().join("+")
        );
    }
    filter
}

/// Options of ffmpeg's by which a user says himself what becomes of the channels.
fn is_users(option: &str) -> bool {
    let name = option.split(':').next().unwrap_or_default();
    [
        "-af",
        "-filter",
        "-filter_complex",
        "-lavfi",
        "-ac",
        "-channel_layout",
        "-ch_layout",
        "-mapping_family",
    ]
    .contains(&name)
}

/// Whether `args` encode sound track `n` with libopus.
#[must_use]
pub fn is_opus(args: &[String], n: usize) -> bool {
    codec(args, n) == Some("libopus")
}

#[derive(Debug, Deserialize)]
struct Stream {
    index: usize,
    #[serde(default)]
    channels: usize,
    channel_layout: Option<String>,
}

impl Stream {
    /// The layout, or that which ffmpeg takes for this number of channels where the file names none.
    fn layout(&self) -> &str {
        let guessed = match self.channels {
            3 => "2.1",
            4 => "4.0",
            5 => "5.0",
            6 => "5.1",
            7 => "6.1",
            8 => "7.1",
            _ => "",
        };
        self.channel_layout
            .as_deref()
            .filter(|layout| *layout != "unknown")
            .unwrap_or(guessed)
    }
}

/// Sound that is encoded.
pub struct Sound<'a> {
    /// The file in which it is,
    pub input: &'a Path,
    /// and the streams of it, in order, each with its number among all sound of the output, from 0.
    pub kept: &'a [(usize, usize)],
    /// ffmpeg's options for it.
    pub args: &'a [String],
    /// Which of the tracks are mixed down to stereo.
    pub mixed_down: &'a [bool],
}

/// Layouts that ffmpeg's AAC is read back with, and 6.1, which readers take any seven channels for (ffmpeg 5.1.9). The others it
/// describes channel by channel; ffmpeg itself then calls them unknown, and whoever plays them goes by their number: the back
/// of 6.1(back) would be heard at the sides. `downmix` it refuses.
const NAMED_BY_AAC: [&str; 13] = [
    "mono",
    "stereo",
    "2.1",
    "3.0",
    "3.0(back)",
    "4.0",
    "quad",
    "quad(side)",
    "5.0",
    "5.1",
    "6.0(front)",
    "6.1",
    "7.1",
];

/// How sound of `layout` is given to ffmpeg's AAC: what that has no name for fits as it would for Opus.
fn for_aac(layout: &str) -> Option<Fit> {
    for_opus(layout).filter(|_| !NAMED_BY_AAC.contains(&layout))
}

/// An encoder that does not take every layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoder {
    Opus,
    Aac,
}

impl Encoder {
    /// That of ffmpeg's name, if it is one.
    fn of(codec: &str) -> Option<Self> {
        match codec {
            "libopus" => Some(Self::Opus),
            "aac" => Some(Self::Aac),
            _ => None,
        }
    }

    /// Its name, and how a layout is given to it.
    fn fit(self, layout: &str) -> (&'static str, Option<Fit>) {
        match self {
            Self::Opus => ("Opus", for_opus(layout)),
            Self::Aac => ("AAC", for_aac(layout)),
        }
    }
}

impl Sound<'_> {
    /// More options of ffmpeg's for the tracks: those that mix down, and those without which an encoder would not take their
    /// layout. What is mixed for an encoder is warned of.
    ///
    /// # Errors
    /// If ffprobe cannot read the file; a [`UsageError`] if a track that is to be mixed down has channels that nobody knows.
    pub fn options(&self, tools: &Toolbox, sink: &Sink) -> Result<Vec<String>> {
        if self.args.iter().any(|arg| is_users(arg)) {
            return Ok(Vec::new());
        }
        let entries = [
            "-select_streams",
            "a",
            "-show_entries",
            "stream=index,channels,channel_layout",
        ];
        let found: Vec<Stream> = probe::streams(tools, self.input, &entries)
            .context("reading the layouts of the sound")?;
        let mut options = Vec::new();
        for (n, (number, stream)) in self.kept.iter().enumerate() {
            let Some(stream) = found.iter().find(|found| found.index == *stream) else {
                continue;
            };
            let layout = stream.layout();
            if self.mixed_down.get(n) == Some(&true) {
                let filter = to_stereo(layout).ok_or_else(|| no_stereo(*number, layout))?;
                options.extend([format!("-filter:a:{n}"), filter]);
            } else {
                let encoder = codec(self.args, n).and_then(Encoder::of);
                options.extend(
                    encoder
                        .into_iter()
                        .flat_map(|encoder| fitted((n, *number), encoder, layout, sink)),
                );
            }
        }
        Ok(options)
    }
}

fn no_stereo(number: usize, layout: &str) -> UsageError {
    UsageError(format!(
        "--downmix stereo: sound track {} has channels of which ffmpeg says `{layout}`, and nobody knows where they belong: leave \
         --downmix out",
        number + 1
    ))
}

/// Options by which an encoder takes track `n` of this `layout`, which is `number` of all.
fn fitted((n, number): (usize, usize), encoder: Encoder, layout: &str, sink: &Sink) -> Vec<String> {
    let mut options = Vec::new();
    let (name, fit) = encoder.fit(layout);
    let becomes = fit.as_ref().map_or(layout, |fit| fit.layout);
    if encoder == Encoder::Opus && EXCHANGED.contains(&becomes) {
        options.extend([
            format!("{}:a:{n}", ORDER_OF_VORBIS[0]),
            ORDER_OF_VORBIS[1].to_owned(),
        ]);
    }
    let Some(Fit {
        filter,
        layout: becomes,
        mixed,
        silent,
    }) = fit
    else {
        return options;
    };
    if !mixed.is_empty() {
        let mixed = mixed.join(", ");
        warn(
            sink,
            format!(
                "sound track {}: {layout} becomes {becomes}, of which {mixed} are mixed into the others: {name} has no place for them",
                number + 1
            ),
        );
    } else if silent {
        note(
            sink,
            format!(
                "sound track {}: {layout} becomes {becomes} with silent channels: {name} has no {layout}",
                number + 1
            ),
        );
    }
    options.extend([format!("-filter:a:{n}"), filter]);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(layout: &str) -> String {
        for_opus(layout).map(|fit| fit.filter).unwrap_or_default()
    }

    #[test]
    fn what_libopus_takes_is_left_as_it_is_and_so_is_what_is_unknown() {
        for layout in [
            "mono",
            "stereo",
            "3.0",
            "quad",
            "5.0",
            "5.1",
            "6.1",
            "7.1",
            "",
            "unknown",
            "ambisonic 1",
            "A+B",
        ] {
            assert_eq!(for_opus(layout), None, "{layout}");
        }
    }

    #[test]
    fn aac_has_what_it_is_read_back_with_and_the_rest_as_opus_has_it() {
        for layout in NAMED_BY_AAC {
            assert_eq!(for_aac(layout), None, "{layout}");
        }
        for (layout, becomes) in [
            ("5.1(side)", "5.1"),
            ("6.1(back)", "6.1"),
            ("7.1(wide)", "5.1"),
            ("downmix", "stereo"),
            ("3.1", "5.1"),
        ] {
            let fit = for_aac(layout).unwrap();
            assert_eq!(
                (fit.layout, Some(&fit)),
                (becomes, for_opus(layout).as_ref())
            );
        }
    }

    #[test]
    fn where_only_names_differ_channels_are_renamed() {
        for (layout, renamed) in [
            (
                "quad(side)",
                "channelmap=map=FL-FL|FR-FR|SL-BL|SR-BR:channel_layout=quad",
            ),
            (
                "5.0(side)",
                "channelmap=map=FL-FL|FR-FR|FC-FC|SL-BL|SR-BR:channel_layout=5.0",
            ),
            (
                "5.1(side)",
                "channelmap=map=FL-FL|FR-FR|FC-FC|LFE-LFE|SL-BL|SR-BR:channel_layout=5.1",
            ),
            (
                "FL+FR+FC+LFE+SL+SR",
                "channelmap=map=FL-FL|FR-FR|FC-FC|LFE-LFE|SL-BL|SR-BR:channel_layout=5.1",
            ),
            (
                "6.1(back)",
                "channelmap=map=FL-FL|FR-FR|FC-FC|LFE-LFE|BC-BC|BL-SL|BR-SR:channel_layout=6.1",
            ),
            (
                "downmix",
                "channelmap=map=DL-FL|DR-FR:channel_layout=stereo",
            ),
        ] {
            let fit = for_opus(layout).unwrap();
            assert_eq!(
                (fit.filter.as_str(), fit.mixed.len(), fit.silent),
                (renamed, 0, false),
                "{layout}"
            );
        }
    }

    #[test]
    fn what_lacks_channels_has_silent_ones_and_nothing_is_mixed() {
        for (layout, filled) in [
            ("2.1", "pan=5.1|FL=FL|FR=FR|LFE=LFE"),
            ("3.1", "pan=5.1|FL=FL|FR=FR|FC=FC|LFE=LFE"),
            ("4.0", "pan=6.1|FL=FL|FR=FR|FC=FC|BC=BC"),
            ("4.1", "pan=6.1|FL=FL|FR=FR|FC=FC|LFE=LFE|BC=BC"),
            ("3.0(back)", "pan=6.1|FL=FL|FR=FR|BC=BC"),
            ("6.0", "pan=6.1|FL=FL|FR=FR|FC=FC|BC=BC|SL=SL|SR=SR"),
            ("hexagonal", "pan=6.1|FL=FL|FR=FR|FC=FC|BC=BC|SL=BL|SR=BR"),
            ("7.0", "pan=7.1|FL=FL|FR=FR|FC=FC|BL=BL|BR=BR|SL=SL|SR=SR"),
        ] {
            let fit = for_opus(layout).unwrap();
            assert_eq!(
                (fit.filter.as_str(), fit.mixed.len(), fit.silent),
                (filled, 0, true),
                "{layout}"
            );
        }
    }

    #[test]
    fn channels_without_a_place_are_mixed_in_balance() {
        let wide = for_opus("7.1(wide)").unwrap();
        assert_eq!(
            wide.filter,
            "pan=5.1|FL=0.5858*FL+0.4142*FLC|FR=0.5858*FR+0.4142*FRC|FC=0.5858*FC|LFE=0.5858*LFE|BL=0.5858*BL|BR=0.5858*BR"
        );
        assert_eq!(wide.mixed, ["FLC", "FRC"]);
        assert_eq!(for_opus("octagonal").unwrap().mixed, ["BC"]);
        assert!(
            filter("octagonal").contains("|BL=0.5858*BL+0.4142*BC|"),
            "{}",
            filter("octagonal")
        );
        assert_eq!(for_opus("cube").unwrap().layout, "quad");
        // Every layout that has a name is taken in one way or another.
        assert!(OTHERS.iter().all(|(layout, _)| for_opus(layout).is_some()));
    }

    #[test]
    fn stereo_has_the_centre_as_loud_as_the_front_and_does_not_clip() {
        for (layout, mixed) in [
            (
                "5.1",
                "pan=stereo|FL=0.4000*FL+0.4000*FC+0.2000*BL|FR=0.4000*FR+0.4000*FC+0.2000*BR",
            ),
            (
                "5.1(side)",
                "pan=stereo|FL=0.4000*FL+0.4000*FC+0.2000*SL|FR=0.4000*FR+0.4000*FC+0.2000*SR",
            ),
            (
                "3.0",
                "pan=stereo|FL=0.5000*FL+0.5000*FC|FR=0.5000*FR+0.5000*FC",
            ),
            ("2.1", "pan=stereo|FL=FL|FR=FR"),
            ("FL+FR+LFE", "pan=stereo|FL=FL|FR=FR"),
        ] {
            assert_eq!(to_stereo(layout).as_deref(), Some(mixed), "{layout}");
        }
        for unknown in ["ambisonic 1", "", "mono", "FL+FR+X"] {
            assert_eq!(to_stereo(unknown), None, "{unknown}");
        }
        let named = TAKEN
            .iter()
            .chain(OTHERS)
            .filter(|(name, _)| !["mono", "downmix"].contains(name));
        for (name, channels) in named {
            let filter = to_stereo(name).unwrap();
            for side in filter.split('|').skip(1) {
                let (_, sum) = side.split_once('=').unwrap();
                let gain = |term: &str| {
                    term.split_once('*')
                        .map_or(1.0, |(gain, _)| gain.parse::<f64>().unwrap())
                };
                let all: f64 = sum.split('+').map(gain).sum();
                assert!(all <= 1.001, "{name}: {channels}: {filter}");
            }
        }
    }

    #[test]
    fn only_tracks_that_libopus_encodes_are_fitted_and_the_users_word_counts() {
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (text, first, second) in [
            ("-c:a libopus -b:a 96k", true, true),
            ("-acodec libopus", true, true),
            ("-c copy -c:a:1 libopus", false, true),
            ("-c:a:1 flac -c:a libopus -c:a:0 aac", false, true),
            ("-c:a flac", false, false),
        ] {
            assert_eq!(
                [is_opus(&args(text), 0), is_opus(&args(text), 1)],
                [first, second],
                "{text}"
            );
        }
        for text in [
            "-af volume=2",
            "-ac 2",
            "-ac:a:0 2",
            "-filter:a:1 x",
            "-channel_layout:a stereo",
            "-mapping_family 255",
        ] {
            assert!(args(text).iter().any(|arg| is_users(arg)), "{text}");
        }
        assert!(!is_users("-acodec") && !is_users("-c:a") && !is_users("libopus"));
    }
}
