//! How it is decided what nobody says, and whether a film is encoded at all.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    built_in,
    size::{SizeLimit, TargetSize},
    tables::Tables,
    usage,
};
use crate::{
    cli::{CrfTable, DynamicHdrChoice, EncodeArgs, Layer, SkipRule, SourceClass, Tier},
    os::exit::UsageError,
};

/// All rules by which a film is left as it is.
const RULES: [SkipRule; 7] = [
    SkipRule::Av1,
    SkipRule::HevcWeb,
    SkipRule::Small,
    SkipRule::Marked,
    SkipRule::Copying,
    SkipRule::DynamicHdr,
    SkipRule::Own,
];

/// How it is decided what nobody says, and whether a film is encoded at all.
#[derive(Debug, Clone)]
pub struct Deciding {
    /// What kind of source the film is, or who says so.
    pub class: SourceClass,
    /// The table that says crf and preset, if one does.
    pub table: Option<CrfTable>,
    /// What is added to what the table by size says.
    pub tier: Tier,
    /// The tables.
    pub tables: Tables,
    /// The file in which they are, if it is the user's.
    pub file: Option<PathBuf>,
    /// Why a film is left as it is.
    pub skip: Vec<SkipRule>,
    /// Whether films in modern codecs are encoded all the same.
    pub force: bool,
    /// How small a film may be.
    pub least: Least,
    /// How long a film must not have changed.
    pub stable: Duration,
    /// Whether it is written down why a film was skipped or failed.
    pub why: bool,
    /// How large the output may be.
    pub size: Option<SizeLimit>,
    /// How large the output is to be.
    pub target: Option<TargetSize>,
    /// Whether a film is marked whose output was too large.
    pub mark: bool,
}

/// How small a film may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Least {
    /// So many bytes.
    Bytes(u64),
    /// What the table says for its size.
    Table,
}

impl Least {
    fn parse(text: Option<&str>) -> Result<Self, UsageError> {
        match text {
            None => Ok(Self::Bytes(0)),
            Some("table") => Ok(Self::Table),
            // As a file manager has them, and as they are everywhere here: a G is 2^30 bytes.
            Some(size) => match parse_size::Config::new().with_binary().parse_size(size) {
                Ok(bytes) => Ok(Self::Bytes(bytes)),
                Err(_) => usage(format!(
                    "--min-bytes {size}: a size such as 2G or 500M, or table"
                )),
            },
        }
    }
}

impl Deciding {
    /// What a command line in the directory `cwd` says of it.
    ///
    /// # Errors
    /// What in it contradicts itself, or is wrong with its file of tables.
    pub(super) fn of(args: &EncodeArgs, cwd: &Path) -> Result<Self, UsageError> {
        let file = args.tables.as_ref().map(|file| cwd.join(file));
        let tables = match &file {
            Some(file) => Tables::read(file)?,
            None => Tables::built_in()?,
        };
        Ok(Self {
            class: args.source_class.unwrap_or(built_in::SOURCE_CLASS),
            table: table(args)?,
            tier: args.tier.unwrap_or(built_in::TIER),
            tables,
            file,
            skip: rules(args)?,
            force: args.force_reencode,
            least: Least::parse(args.min_bytes.as_deref())?,
            stable: Duration::from_secs(args.stable_secs.unwrap_or(built_in::STABLE_SECONDS)),
            why: args.why,
            size: SizeLimit::of(args)?,
            target: TargetSize::of(args)?,
            mark: args.mark,
        })
    }

    /// Whether films are left as they are for this reason.
    #[must_use]
    pub fn skips(&self, rule: SkipRule) -> bool {
        self.skip.contains(&rule)
    }
}

/// The table that says crf and preset.
fn table(args: &EncodeArgs) -> Result<Option<CrfTable>, UsageError> {
    let class = args.source_class.unwrap_or(built_in::SOURCE_CLASS);
    let table = match (args.crf_table, class) {
        (Some(CrfTable::Class), SourceClass::Off) => {
            return usage("--crf-table class needs a class: add --source-class auto");
        }
        (None, SourceClass::Off) => None,
        (None, _) => Some(CrfTable::Class),
        (table, _) => table,
    };
    if args.tier.is_some_and(|tier| tier != Tier::High) && table != Some(CrfTable::Size) {
        return usage("--tier changes what the table by size says: add --crf-table size");
    }
    if args.no_defaults && table.is_some() {
        return usage(
            "--no-defaults sets nothing by a table: leave out --source-class and --crf-table",
        );
    }
    Ok(table)
}

/// Why films are left as they are. One that is given by hand, without a word of it, is always encoded.
fn rules(args: &EncodeArgs) -> Result<Vec<SkipRule>, UsageError> {
    let class = args.source_class.unwrap_or(built_in::SOURCE_CLASS);
    let refuses = args.dynamic_hdr.unwrap_or(built_in::DYNAMIC_HDR) == DynamicHdrChoice::Refuse;
    let mut rules = match &args.skip {
        Some(rules) if rules.contains(&SkipRule::None) && rules.len() > 1 => {
            return usage("--skip none goes alone: leave out the others");
        }
        Some(rules) if rules.contains(&SkipRule::Small) && args.min_bytes.is_none() => {
            return usage("--skip small needs to know what is small: add --min-bytes 2G");
        }
        Some(rules) => rules.clone(),
        None if class == SourceClass::Off => Vec::new(),
        None => RULES
            .into_iter()
            .filter(|rule| *rule != SkipRule::DynamicHdr)
            .collect(),
    };
    // Who refuses them does not ask for a rule.
    if refuses && !rules.contains(&SkipRule::DynamicHdr) {
        rules.push(SkipRule::DynamicHdr);
    }
    rules.retain(|rule| *rule != SkipRule::None);
    Ok(rules)
}

/// What was typed of rules that nobody has asked for.
pub(super) fn idle(args: &EncodeArgs) -> Vec<String> {
    let rules = rules(args).unwrap_or_default();
    let needs: [(&str, &[SkipRule]); 3] = [
        ("min-bytes", &[SkipRule::Small]),
        ("stable-secs", &[SkipRule::Copying]),
        ("force-reencode", &[SkipRule::Av1, SkipRule::HevcWeb]),
    ];
    let is_typed = |name: &str| {
        let mut said = args.said.iter();
        said.any(|setting| setting.name == name && setting.from == Layer::Line)
    };
    let needless = needs
        .into_iter()
        .filter(|(name, of)| is_typed(name) && !of.iter().any(|rule| rules.contains(rule)))
        .map(|(name, _)| {
            format!("--{name}: without --source-class or --skip every film is encoded")
        });
    let mark = is_typed("mark").then(|| idle_mark(args, &rules)).flatten();
    needless.chain(mark).collect()
}

/// Why `--mark` has nothing to do.
fn idle_mark(args: &EncodeArgs, rules: &[SkipRule]) -> Option<String> {
    let why = if args.max_size_ratio.is_none() && args.min_saving.is_none() {
        "without --max-size-ratio or --min-saving no film is marked"
    } else if !rules.contains(&SkipRule::Marked) {
        "without --skip marked or --source-class a marked film is encoded again"
    } else {
        return None;
    };
    Some(format!("--mark: {why}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn deciding(words: &[&str]) -> Result<Deciding, UsageError> {
        let cli = Cli::try_parse_from(["av1enc", "in.mkv"].iter().chain(words)).unwrap();
        Deciding::of(&cli.encode, Path::new("/"))
    }

    #[test]
    fn a_bare_run_decides_nothing_and_skips_nothing() {
        let bare = deciding(&[]).unwrap();
        assert_eq!((bare.class, bare.table), (SourceClass::Off, None));
        assert_eq!(bare.skip, []);
        assert_eq!(bare.stable, Duration::ZERO);
    }

    #[test]
    fn a_class_brings_its_table_and_all_rules() {
        let auto = deciding(&["--source-class", "auto"]).unwrap();
        assert_eq!(auto.table, Some(CrfTable::Class));
        assert_eq!(auto.skip.len(), RULES.len() - 1);
        assert!(!auto.skips(SkipRule::DynamicHdr));
        let none = deciding(&["--source-class", "web", "--skip", "none"]).unwrap();
        assert_eq!((none.skip, none.class), (Vec::new(), SourceClass::Web));
        let refused = deciding(&["--dynamic-hdr", "refuse"]).unwrap();
        assert_eq!(refused.skip, [SkipRule::DynamicHdr]);
        let two = deciding(&["--skip", "av1,small", "--min-bytes", "2G"]).unwrap();
        assert_eq!(two.skip, [SkipRule::Av1, SkipRule::Small]);
        assert_eq!(two.least, Least::Bytes(2 << 30));
    }

    #[test]
    fn what_contradicts_itself_is_said_with_what_to_type() {
        for (words, says) in [
            (&["--crf-table", "class"][..], "--source-class auto"),
            (&["--tier", "archive"], "--crf-table size"),
            (
                &["--tier", "fast", "--crf-table", "quick"],
                "--crf-table size",
            ),
            (&["--no-defaults", "--crf-table", "size"], "leave out"),
            (&["--skip", "small"], "--min-bytes 2G"),
            (&["--skip", "none,av1"], "goes alone"),
            (&["--min-bytes", "much"], "2G"),
            (&["--tables", "/nowhere.toml"], "av1enc tables >"),
        ] {
            let error = deciding(words).unwrap_err().to_string();
            assert!(error.contains(says), "{words:?}: {error}");
        }
    }
}
