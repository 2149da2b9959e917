//! How good and how slow a film is encoded where nobody says it: what a table has for its size.

use serde::Serialize;

use super::{
    Film,
    class::{self, Class, Classified},
};
use crate::{
    cli::{CrfTable, SourceClass, Tier},
    encoder::Family,
    os::exit::UsageError,
    settings::{
        deciding::Deciding,
        params::Crf,
        tables::{self, Row, Table, Tables},
    },
};

/// What tables say of a film; nothing where nobody asks them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// The class of the film.
    pub class: Option<Classified>,
    /// The constant rate factor.
    pub crf: Option<Chosen<Crf>>,
    /// The preset.
    pub preset: Option<Chosen<i32>>,
    /// The strength of film grain.
    pub grain: Option<Chosen<u32>>,
}

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chosen<T> {
    /// The value.
    pub value: T,
    /// The table and the size in it.
    pub at: String,
}

/// What the tables say of a `film` for encoders of a `family`.
///
/// # Errors
/// If the table that is wanted has nothing for that family.
pub fn choose(deciding: &Deciding, family: Family, film: &Film<'_>) -> Result<Choice, UsageError> {
    let class = (deciding.class != SourceClass::Off).then(|| class::of(deciding, film));
    let codec = film.container.video.codec.as_str();
    let Some(wanted) = deciding.table else {
        let crf = (!family.has_crf()).then(|| of_qsv(&deciding.tables, film));
        return Ok(Choice {
            class,
            crf: crf.flatten(),
            ..Choice::default()
        });
    };
    let (key, table) = named(&deciding.tables, wanted, class.as_ref(), codec);
    let found = Found {
        key,
        table,
        family,
        size: deciding.tables.size_of(film.pixels()),
    };
    let mut choice = found.choice()?;
    if wanted == CrfTable::Size {
        choice.step(deciding.tier, &deciding.tables);
    }
    Ok(Choice { class, ..choice })
}

/// The table that is wanted, and its key.
fn named<'a>(
    tables: &'a Tables,
    wanted: CrfTable,
    class: Option<&Classified>,
    codec: &str,
) -> (&'static str, &'a Table) {
    match (wanted, class.map(|found| found.class)) {
        (CrfTable::Class, Some(Class::Remux)) => ("class.remux", &tables.class.remux),
        (CrfTable::Class, Some(Class::Low)) => ("class.low", &tables.class.low),
        (CrfTable::Class, _) => ("class.web", &tables.class.web),
        (CrfTable::Size, _) => ("size", &tables.size),
        (CrfTable::Quick, _) => ("quick", &tables.quick),
        (CrfTable::Codec, _) => match codec {
            "av1" => ("codec.av1", &tables.codec.av1),
            "hevc" | "vp9" => ("codec.hevc", &tables.codec.hevc),
            _ => ("codec.h264", &tables.codec.h264),
        },
    }
}

/// A table, and for what it is looked into.
struct Found<'a> {
    key: &'static str,
    table: &'a Table,
    family: Family,
    size: &'a str,
}

impl Found<'_> {
    fn choice(&self) -> Result<Choice, UsageError> {
        let (name, own) = self.family.own(self.table);
        let common = self.table.crf.as_ref();
        let common = common.filter(|_| self.family.has_crf());
        let crf = self.value(&format!("{name}.crf"), own.crf.as_ref());
        let crf = crf.or_else(|| self.value("crf", common));
        if crf.is_none() {
            return Err(UsageError(format!(
                "--crf-table: [{}] of the tables has no crf for {name}: add {name}.crf to it in a file that --tables names, \
                 choose another with --crf-table, or another encoder with -e",
                self.key
            )));
        }
        Ok(Choice {
            class: None,
            crf,
            preset: self.value(&format!("{name}.preset"), own.preset.as_ref()),
            grain: self.value(&format!("{name}.grain"), own.grain.as_ref()),
        })
    }

    fn value<T: Copy>(&self, what: &str, row: Option<&Row<T>>) -> Option<Chosen<T>> {
        Some(Chosen {
            value: tables::at(row, self.size)?,
            at: format!("{}.{what}, {}", self.key, self.size),
        })
    }
}

/// av1_qsv's global_quality for a film of which no table is asked.
fn of_qsv(tables: &Tables, film: &Film<'_>) -> Option<Chosen<Crf>> {
    let (video, qsv) = (&film.container.video, &tables.av1_qsv);
    let (key, row) = match video.codec.as_str() {
        "mpeg2video" | "mpeg1video" | "vc1" | "prores" | "dnxhd" | "ffv1" => ("older", &qsv.older),
        "h264" => ("h264", &qsv.h264),
        _ => ("modern", &qsv.modern),
    };
    let deeper = if video.bit_depth > 8 { qsv.deeper } else { 0 };
    let size = tables.size_of(film.pixels());
    Some(Chosen {
        value: Crf::whole(tables::at(Some(row), size)? + deeper),
        at: format!("av1-qsv.{key}, {size}"),
    })
}

impl Choice {
    /// What is added to what the size says.
    fn step(&mut self, tier: Tier, tables: &Tables) {
        let (name, steps) = match tier {
            Tier::High => return,
            Tier::VeryHigh => ("very-high", tables.tier.very_high),
            Tier::Archive => ("archive", tables.tier.archive),
            Tier::Fast => ("fast", tables.tier.fast),
        };
        let with = |at: &str| format!("{at}, tier.{name}");
        if let Some(crf) = &mut self.crf {
            crf.value = crf.value.moved(steps.crf);
            crf.at = with(&crf.at);
        }
        if let Some(preset) = &mut self.preset {
            let [least, most] = steps.presets.unwrap_or([i32::MIN, i32::MAX]);
            preset.value = (preset.value + steps.preset).clamp(least, most);
            preset.at = with(&preset.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::{
        cli::Cli,
        film::media::{Container, examples},
        settings::Config,
    };

    const SIZES: [(u32, u32); 5] = [
        (720, 576),
        (1280, 720),
        (1920, 1080),
        (2560, 1440),
        (3840, 2160),
    ];

    fn container(size: (u32, u32), codec: &str) -> Container {
        let mut container = examples::media().container;
        (container.video.width, container.video.height) = size;
        container.video.codec = codec.to_owned();
        container
    }

    fn choose_for(
        words: &[&str],
        family: Family,
        container: &Container,
    ) -> Result<Choice, UsageError> {
        let cli = Cli::try_parse_from(["av1enc", "in.mkv"].iter().chain(words)).unwrap();
        let config = Config::new(&cli.encode)?;
        assert!(config.input.ends_with(Path::new("in.mkv")));
        let film = Film {
            name: "in.mkv",
            container,
            fps: None,
        };
        choose(&config.deciding, family, &film)
    }

    /// Crf, preset and grain, from the smallest size to the largest.
    fn by_size(words: &[&str], family: Family) -> Vec<(f64, Option<i32>, Option<u32>)> {
        let of = |size| {
            let choice = choose_for(words, family, &container(size, "h264")).unwrap();
            (
                choice.crf.unwrap().value.value(),
                choice.preset.map(|chosen| chosen.value),
                choice.grain.map(|chosen| chosen.value),
            )
        };
        SIZES.into_iter().map(of).collect()
    }

    fn crfs(words: &[&str], family: Family) -> Vec<f64> {
        by_size(words, family).into_iter().map(|of| of.0).collect()
    }

    fn presets(words: &[&str], family: Family) -> Vec<i32> {
        let rows = by_size(words, family).into_iter();
        rows.map(|of| of.1.unwrap()).collect()
    }

    #[test]
    fn without_a_table_nothing_is_chosen() {
        let film = container((1920, 1080), "h264");
        for family in [
            Family::SvtAv1,
            Family::Libsvtav1,
            Family::Libaom,
            Family::Librav1e,
        ] {
            assert_eq!(choose_for(&[], family, &film).unwrap(), Choice::default());
        }
    }

    #[test]
    fn classes_have_their_crf_preset_and_grain() {
        let rows = |class: &str| by_size(&["--source-class", class], Family::SvtAv1);
        for (row, crf) in rows("remux")
            .into_iter()
            .zip([18.0, 18.0, 18.0, 18.0, 20.0])
        {
            assert_eq!(row, (crf, Some(3), Some(8)));
        }
        for (row, crf) in rows("web").into_iter().zip([26.0, 26.0, 26.0, 28.0, 28.0]) {
            assert_eq!(row, (crf, Some(5), None));
        }
        for row in rows("low") {
            assert_eq!(row, (30.0, Some(6), None));
        }
    }

    #[test]
    fn other_encoders_have_their_own_preset_and_grain() {
        for (class, family, crf, preset, grain) in [
            ("remux", Family::Libsvtav1, 18.0, 3, Some(8)),
            ("remux", Family::Libaom, 18.0, 3, Some(8)),
            ("remux", Family::Librav1e, 18.0, 4, None),
            ("web", Family::Libaom, 26.0, 4, None),
            ("web", Family::Librav1e, 26.0, 6, None),
            ("low", Family::Libaom, 30.0, 6, None),
            ("low", Family::Librav1e, 30.0, 8, None),
        ] {
            let row = by_size(&["--source-class", class], family)[2];
            assert_eq!(row, (crf, Some(preset), grain), "{class} {family:?}");
        }
    }

    #[test]
    fn global_quality_of_av1_qsv_goes_by_class_and_size() {
        let of = |class: &str| crfs(&["--source-class", class], Family::Av1Qsv);
        assert_eq!(of("remux"), [29.0, 30.0, 32.0, 34.0, 36.0]);
        assert_eq!(of("web"), [32.0, 33.0, 34.0, 35.0, 36.0]);
        assert_eq!(of("low"), [36.0, 37.0, 38.0, 39.0, 40.0]);
    }

    #[test]
    fn global_quality_without_a_class_is_28_to_32_at_1080p_and_20_to_40_everywhere() {
        for codec in ["mpeg2video", "vc1", "h264", "hevc", "vp9", "av1", "?"] {
            for (size, depth) in SIZES.into_iter().flat_map(|size| [(size, 8), (size, 10)]) {
                let mut film = container(size, codec);
                film.video.bit_depth = depth;
                let crf = choose_for(&[], Family::Av1Qsv, &film).unwrap().crf.unwrap();
                let range = if size.1 == 1080 {
                    28.0..=32.0
                } else {
                    20.0..=40.0
                };
                assert!(
                    range.contains(&crf.value.value()),
                    "{codec} {size:?} {depth}: {crf:?}"
                );
            }
        }
    }

    #[test]
    fn the_table_by_size_and_its_tiers() {
        let with = |tier| ["--crf-table", "size", "--tier", tier];
        let svt = Family::SvtAv1;
        assert_eq!(crfs(&with("high"), svt), [25.0, 24.0, 23.0, 22.0, 21.0]);
        assert_eq!(presets(&with("high"), svt), [5, 5, 4, 4, 3]);
        assert_eq!(
            crfs(&with("very-high"), svt),
            [25.0, 24.0, 23.0, 22.0, 21.0]
        );
        assert_eq!(presets(&with("very-high"), svt), [4, 4, 3, 3, 2]);
        assert_eq!(crfs(&with("archive"), svt), [23.0, 22.0, 21.0, 20.0, 19.0]);
        assert_eq!(presets(&with("archive"), svt), [3, 3, 2, 2, 2]);
        assert_eq!(crfs(&with("fast"), svt), [27.0, 26.0, 25.0, 24.0, 23.0]);
        assert_eq!(presets(&with("fast"), svt), [6, 6, 6, 6, 5]);
    }

    #[test]
    fn the_table_by_codec() {
        for (codec, row) in [
            ("h264", [28.0, 26.0, 24.0, 22.0, 20.0]),
            ("mpeg2video", [28.0, 26.0, 24.0, 22.0, 20.0]),
            ("hevc", [30.0, 28.0, 26.0, 24.0, 22.0]),
            ("vp9", [30.0, 28.0, 26.0, 24.0, 22.0]),
            ("av1", [35.0, 33.0, 31.0, 29.0, 27.0]),
        ] {
            for (size, crf) in SIZES.into_iter().zip(row) {
                let film = container(size, codec);
                let choice = choose_for(&["--crf-table", "codec"], Family::SvtAv1, &film).unwrap();
                assert_eq!(choice.crf.unwrap().value.value(), crf, "{codec} {size:?}");
                assert_eq!(choice.preset, None);
            }
        }
    }

    #[test]
    fn the_quick_table() {
        let words = ["--crf-table", "quick"];
        assert_eq!(crfs(&words, Family::SvtAv1), [28.0, 27.0, 26.0, 25.0, 24.0]);
        assert_eq!(presets(&words, Family::SvtAv1), [8; 5]);
    }

    #[test]
    fn a_value_says_where_it_stands() {
        let film = container((1920, 1080), "h264");
        let at = |words: &[&str]| {
            let choice = choose_for(words, Family::SvtAv1, &film).unwrap();
            choice.crf.unwrap().at
        };
        assert_eq!(at(&["--source-class", "remux"]), "class.remux.crf, 1080p");
        assert_eq!(
            at(&["--crf-table", "size", "--tier", "fast"]),
            "size.crf, 1080p, tier.fast"
        );
    }

    #[test]
    fn a_table_without_values_for_the_gpu_is_refused() {
        let film = container((1920, 1080), "h264");
        for table in ["size", "quick", "codec"] {
            let error = choose_for(&["--crf-table", table], Family::Av1Qsv, &film).unwrap_err();
            assert!(error.to_string().contains("no crf for av1-qsv"), "{error}");
        }
    }
}
