//! What holds where nobody says anything: the lowest layer, below tables, the file of settings and the command line. Clap has
//! no defaults of its own for these options, so that what is said can be told from what is not; the help names them in words,
//! and a test holds both together. What depends on the film or on the machine is decided later, and has no line here.

use clap::ValueEnum;

use crate::cli::{
    ChunkMethod, ChunkOrder, DynamicHdrChoice, EncoderName, OnChange, OnInterrupt, PixFormat,
    ScMethod, ShowProgress, SourceClass, SplitMethod, Tier,
};

/// `--encoder`.
pub(super) const ENCODER: EncoderName = EncoderName::Auto;
/// `--pix-format`: 10 bit, also of a source of 8.
pub(super) const PIX_FORMAT: PixFormat = PixFormat::Yuv420p10le;
/// `--source-class`.
pub(super) const SOURCE_CLASS: SourceClass = SourceClass::Off;
/// `--tier`.
pub(super) const TIER: Tier = Tier::High;
/// `--stable-secs`.
pub(super) const STABLE_SECONDS: u64 = 0;
/// `--dynamic-hdr`.
pub(super) const DYNAMIC_HDR: DynamicHdrChoice = DynamicHdrChoice::Drop;
/// `--workers`.
pub(super) const WORKERS: &str = "auto";
/// `--memory-limit`.
pub(super) const MEMORY_LIMIT: &str = "auto";
/// `--on-interrupt`.
pub(super) const ON_INTERRUPT: OnInterrupt = OnInterrupt::Stop;
/// `--on-change`.
pub(super) const ON_CHANGE: OnChange = OnChange::Stop;
/// `--min-scene-len`: as av1an has it, a second of film.
pub(super) const MIN_SCENE_FRAMES: u64 = 24;
/// `--chunk-method`.
pub(super) const CHUNK_METHOD: ChunkMethod = ChunkMethod::Auto;
/// `--split-method`.
pub(super) const SPLIT_METHOD: SplitMethod = SplitMethod::AvScenechange;
/// `--sc-method`.
pub(super) const SC_METHOD: ScMethod = ScMethod::Standard;
/// `--chunk-order`.
pub(super) const CHUNK_ORDER: ChunkOrder = ChunkOrder::LongToShort;

/// `--progress`.
pub const PROGRESS: ShowProgress = ShowProgress::Auto;

/// Every option that has such a value, and the value as it would be typed.
pub(super) fn all() -> [(&'static str, String); 16] {
    [
        ("encoder", name(ENCODER)),
        ("pix-format", name(PIX_FORMAT)),
        ("source-class", name(SOURCE_CLASS)),
        ("tier", name(TIER)),
        ("stable-secs", STABLE_SECONDS.to_string()),
        ("dynamic-hdr", name(DYNAMIC_HDR)),
        ("workers", WORKERS.to_owned()),
        ("memory-limit", MEMORY_LIMIT.to_owned()),
        ("on-interrupt", name(ON_INTERRUPT)),
        ("on-change", name(ON_CHANGE)),
        ("min-scene-len", MIN_SCENE_FRAMES.to_string()),
        ("chunk-method", name(CHUNK_METHOD)),
        ("split-method", name(SPLIT_METHOD)),
        ("sc-method", name(SC_METHOD)),
        ("chunk-order", name(CHUNK_ORDER)),
        ("progress", name(PROGRESS)),
    ]
}

fn name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_help_names_every_value_that_is_built_in() {
        let command = Cli::command();
        for (option, value) in all() {
            let mut arguments = command.get_arguments();
            let arg = arguments
                .find(|arg| arg.get_long() == Some(option))
                .unwrap();
            let help = arg.get_help().unwrap().to_string();
            let named = format!("[default: {value}]");
            assert!(
                help.ends_with(&named),
                "--{option}: {help}, and it is {value}"
            );
        }
    }

    #[test]
    fn clap_has_no_value_for_what_a_settings_file_may_say() {
        let command = Cli::command();
        let switch = |arg: &&clap::Arg| !arg.get_action().takes_values();
        let has_value = |arg: &&clap::Arg| !switch(arg) && !arg.get_default_values().is_empty();
        let found: Vec<_> = command.get_arguments().filter(has_value).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
