//! What may be wrong with tables that TOML understands.

use std::{collections::BTreeSet, ops::Range};

use toml::Spanned;

use super::{Classify, File, Limits, Own, Qsv, Rate, Row, Sizes, SoundRates, Table, Tier};

/// Where something is wrong, and what.
type Wrong = (Range<usize>, String);

/// What global_quality may be: outside of it av1_qsv is either wasteful or ugly.
const GLOBAL_QUALITY: std::ops::RangeInclusive<f64> = 20.0..=40.0;

/// The first thing that is wrong with a `file`, where `built_in` holds for what it leaves out.
pub(super) fn fault(file: &File, built_in: &File) -> Option<Wrong> {
    let sizes = file.sizes.as_ref().or(built_in.sizes.as_ref())?;
    file.sizes
        .as_ref()
        .and_then(gaps)
        .or_else(|| rows(file, sizes))
        .or_else(|| file.classify.as_ref().and_then(rates))
        .or_else(|| tiers(file))
        .or_else(|| of_sound(file.sound.as_ref()?))
        .or_else(|| strangers(file, built_in))
}

/// What libopus takes for a channel, in kbit/s, at the most; ffmpeg's AAC takes a little more. Below the least, neither is
/// speech.
const MOST_OF_A_CHANNEL: u32 = 256;
const LEAST_OF_SOUND: u32 = 6;

/// Which rate of sound no encoder takes.
fn of_sound(sound: &Spanned<SoundRates>) -> Option<Wrong> {
    let rates = sound.get_ref();
    let rows = [("opus", &rates.opus), ("aac", &rates.aac)];
    rows.into_iter().find_map(|(codec, row)| {
        let mut cells = (1..).zip(row);
        cells.find_map(|(channels, kbits)| {
            let most = channels * MOST_OF_A_CHANNEL;
            let s = if channels == 1 { "" } else { "s" };
            let what = format!(
                "sound.{codec}: {kbits} kbit/s for {channels} channel{s} is not from {LEAST_OF_SOUND} to {most}"
            );
            (!(LEAST_OF_SOUND..=most).contains(kbits)).then(|| (sound.span(), what))
        })
    })
}

/// What of the sizes is wrong: every number of pixels belongs to one.
fn gaps(sizes: &Sizes) -> Option<Wrong> {
    let mut all: Vec<(&String, &Spanned<Limits>)> = sizes.get_ref().iter().collect();
    all.sort_by_key(|(_, limits)| limits.get_ref().from);
    let (mut end, mut before) = (Some(0), "");
    for (name, limits) in &all {
        let wrong = |what: String| Some((limits.span(), format!("sizes.{name}: {what}")));
        let Limits { from, to } = *limits.get_ref();
        match end {
            Some(end) if from > end => {
                return wrong(format!("nothing is said of {end} to {from} pixels"));
            }
            Some(end) if from == end => (),
            _ => return wrong(format!("overlaps with {before}")),
        }
        if to.is_some_and(|to| to <= from) {
            return wrong("`to` is not more than `from`".to_owned());
        }
        (end, before) = (to, name);
    }
    match (all.last(), end) {
        (None, _) => Some((sizes.span(), "sizes: there are none".to_owned())),
        (Some((name, limits)), Some(end)) => Some((
            limits.span(),
            format!("sizes.{name}: nothing is said from {end} pixels on: leave `to` out"),
        )),
        (Some(_), None) => None,
    }
}

/// What of the tables by size is wrong.
fn rows(file: &File, sizes: &Sizes) -> Option<Wrong> {
    let classes = file.class.iter().flat_map(|class| {
        [
            ("class.remux", &class.remux),
            ("class.web", &class.web),
            ("class.low", &class.low),
        ]
    });
    let codecs = file.codec.iter().flat_map(|codec| {
        [
            ("codec.h264", &codec.h264),
            ("codec.hevc", &codec.hevc),
            ("codec.av1", &codec.av1),
        ]
    });
    let single = [("size", &file.size), ("quick", &file.quick)];
    let single = single
        .into_iter()
        .filter_map(|(key, table)| Some((key, table.as_ref()?)));
    classes
        .chain(codecs)
        .chain(single)
        .find_map(|(key, table)| of_table(key, table, sizes))
        .or_else(|| of_qsv(file.av1_qsv.as_ref()?, sizes))
        .or_else(|| of_row("min-bytes", file.min_bytes.as_ref()?, sizes))
}

fn of_table(key: &str, table: &Table, sizes: &Sizes) -> Option<Wrong> {
    let own = [
        ("svt-av1", &table.svt_av1),
        ("libaom", &table.libaom),
        ("librav1e", &table.librav1e),
        ("av1-qsv", &table.av1_qsv),
    ];
    let of_own = |(family, own): (&str, &Own)| {
        let key = |last: &str| format!("{key}.{family}.{last}");
        let crf = own.crf.as_ref();
        crf.and_then(|row| of_row(&key("crf"), row, sizes))
            .or_else(|| of_row(&key("preset"), own.preset.as_ref()?, sizes))
            .or_else(|| of_row(&key("grain"), own.grain.as_ref()?, sizes))
    };
    let crf = table.crf.as_ref();
    crf.and_then(|row| of_row(&format!("{key}.crf"), row, sizes))
        .or_else(|| own.into_iter().find_map(of_own))
        .or_else(|| {
            let row = table.av1_qsv.crf.as_ref()?;
            let key = format!("{key}.av1-qsv.crf");
            out_of_range(&key, row, |crf| crf.value())
        })
}

fn of_qsv(qsv: &Qsv, sizes: &Sizes) -> Option<Wrong> {
    let rows = [
        ("av1-qsv.older", &qsv.older),
        ("av1-qsv.h264", &qsv.h264),
        ("av1-qsv.modern", &qsv.modern),
    ];
    rows.into_iter().find_map(|(key, row)| {
        of_row(key, row, sizes)
            .or_else(|| out_of_range(key, row, |quality| f64::from(*quality)))
            .or_else(|| {
                out_of_range(&format!("{key} with deeper"), row, |quality| {
                    f64::from(quality.saturating_add(qsv.deeper))
                })
            })
    })
}

/// What of a row is no global_quality.
fn out_of_range<T>(key: &str, row: &Row<T>, number: impl Fn(&T) -> f64) -> Option<Wrong> {
    let mut cells = row.get_ref().iter();
    cells.find_map(|(size, cell)| {
        let number = number(cell.get_ref());
        let what = format!("{key}.{size}: {number} is not from 20 to 40");
        (!GLOBAL_QUALITY.contains(&number)).then(|| (cell.span(), what))
    })
}

/// Whether a row has a value for each size, and for nothing else.
fn of_row<T>(key: &str, row: &Row<T>, sizes: &Sizes) -> Option<Wrong> {
    let (known, row_sizes) = (sizes.get_ref(), row.get_ref());
    let other = row_sizes
        .iter()
        .find(|(size, _)| !known.contains_key(*size));
    if let Some((size, cell)) = other {
        return Some((cell.span(), format!("{key}: {size} is no size of [sizes]")));
    }
    let missing: Vec<&str> = known
        .keys()
        .filter(|size| !row_sizes.contains_key(*size))
        .map(String::as_str)
        .collect();
    let what = format!("{key}: no value for {}", missing.join(", "));
    (!missing.is_empty()).then(|| (row.span(), what))
}

/// Whether rates can be told from each other.
fn rates(classify: &Classify) -> Option<Wrong> {
    let named = [
        ("remux-over", &classify.remux_over),
        ("low-under", &classify.low_under),
    ];
    named.into_iter().find_map(|(key, rates)| {
        let [one, other] = *rates.get_ref();
        let is_none = |rate: Rate| rate.pixels == 0 || rate.mbit.is_nan() || rate.mbit <= 0.0;
        let wrong = is_none(one) || is_none(other) || one.pixels == other.pixels;
        let what =
            format!("classify.{key}: two rates above 0 are needed, at two numbers of pixels");
        wrong.then(|| (rates.span(), what))
    })
}

fn tiers(file: &File) -> Option<Wrong> {
    let tiers = file.tier.as_ref()?;
    let named: [(&str, &Tier); 3] = [
        ("very-high", &tiers.get_ref().very_high),
        ("archive", &tiers.get_ref().archive),
        ("fast", &tiers.get_ref().fast),
    ];
    named.into_iter().find_map(|(key, tier)| {
        let [least, most] = tier.presets?;
        let what = format!("tier.{key}.presets: {least} is more than {most}");
        (least > most).then(|| (tiers.span(), what))
    })
}

/// Whether the built-in tables are used with names of sizes that they do not know.
fn strangers(file: &File, built_in: &File) -> Option<Wrong> {
    let names = |sizes: &Sizes| -> BTreeSet<String> { sizes.get_ref().keys().cloned().collect() };
    let sizes = file.sizes.as_ref()?;
    let is_whole = file.class.is_some()
        && file.size.is_some()
        && file.codec.is_some()
        && file.quick.is_some()
        && file.av1_qsv.is_some()
        && file.min_bytes.is_some();
    let is_known = names(sizes) == names(built_in.sizes.as_ref()?);
    let what = "sizes: other names than the built-in ones need all tables by size in this file: class, size, codec, quick, \
                av1-qsv and min-bytes";
    (!is_whole && !is_known).then(|| (sizes.span(), what.to_owned()))
}
