//! What each option came to be set to, and by whom.

use std::path::Path;

use crate::{
    cli::{Layer, Setting},
    decide::quality::{Choice, Chosen},
    settings::Config,
};

use super::{asked::Asked, recipe::Recipe};

/// All options with a value, those that the film's tables have a say in first.
pub(super) fn settings(
    config: &Config,
    choice: &Choice,
    asked: &Asked<'_>,
    recipe: &Recipe,
) -> Vec<Setting> {
    let origin = Origin { config };
    let crf = match &config.deciding.target {
        Some(target) => origin.of_target(&target.said),
        None => {
            let in_params = asked.crf.is_some() || asked.other_rate.is_some();
            let crf = recipe.video.quality.to_string();
            origin.of("crf", crf, in_params, choice.crf.as_ref())
        }
    };
    let preset = recipe.video.preset.to_string();
    let in_params = asked.preset.is_some();
    let preset = origin.of("preset", preset, in_params, choice.preset.as_ref());
    let grain = recipe.encoder.grain_option().and_then(|name| {
        let mut extra = recipe.video.extra.iter();
        let grain = extra.find(|param| param.name == name)?;
        let value = grain.value.clone().unwrap_or_default();
        Some(origin.of(name, value, asked.has(name), choice.grain.as_ref()))
    });
    let decided = [Some(crf), Some(preset), grain];
    let decided: Vec<Setting> = decided.into_iter().flatten().collect();
    let others = config.said.iter().filter(|said| {
        let mut names = decided.iter().map(|setting| &setting.name);
        names.all(|name| *name != said.name)
    });
    let others: Vec<Setting> = others.cloned().collect();
    decided.into_iter().chain(others).collect()
}

struct Origin<'a> {
    config: &'a Config,
}

impl Origin<'_> {
    /// Who has set an option to a value: the user by the option itself or, `in_params`, among the encoder's, else the table,
    /// else nobody.
    fn of<T>(
        &self,
        name: &str,
        value: String,
        in_params: bool,
        chosen: Option<&Chosen<T>>,
    ) -> Setting {
        let said = |name: &str| self.config.said.iter().find(|said| said.name == name);
        let params = said("video-params");
        let (from, at) = if let Some(said) = said(name) {
            (said.from, said.at.clone())
        } else if in_params {
            let from = params.map_or(Layer::Line, |params| params.from);
            (from, Some("in --video-params".to_owned()))
        } else if let Some(chosen) = chosen {
            (Layer::Table, Some(self.table(&chosen.at)))
        } else {
            (Layer::BuiltIn, None)
        };
        Setting {
            name: name.to_owned(),
            value,
            from,
            at,
        }
    }

    /// The CRF where a size is wanted, as an option `said` it.
    fn of_target(&self, said: &str) -> Setting {
        let mut settings = self.config.said.iter();
        let target = settings.find(|setting| setting.name == "target-size");
        Setting {
            name: "crf".to_owned(),
            value: "of each chunk".to_owned(),
            from: target.map_or(Layer::Line, |target| target.from),
            at: Some(format!("for {said}")),
        }
    }

    fn table(&self, at: &str) -> String {
        let file = self.config.deciding.file.as_deref();
        match file.and_then(Path::file_name) {
            Some(file) => format!("{at} of {}", file.to_string_lossy()),
            None => at.to_owned(),
        }
    }
}
