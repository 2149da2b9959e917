//! Work on the other tracks, beside the chunks.

use super::{run::Run, size};
use crate::{
    crew::Aside,
    film::media::Container,
    output::preflight,
    work::{handed::Handing, sound},
};

impl Run<'_> {
    /// How the sound of a film that has some is encoded anew, if it is.
    pub(super) fn new_sound(&self, container: &Container) -> Option<sound::Wanted> {
        let recipe = &self.plan.recipe;
        let options = recipe.audio_args.as_ref();
        let options = options.filter(|_| container.new_sound)?;
        Some(sound::Wanted {
            args: options.args().to_vec(),
            shapes: recipe.shapes(),
        })
    }

    /// Work on the other tracks, beside the chunks: those that are copied are tried, sound may be encoded anew.
    pub(super) fn others(&self, container: &Container) -> Option<Aside> {
        let wanted = self.new_sound(container);
        let is_weighed = self.config.deciding.size.is_some() && container.has_copied_sound();
        if wanted.is_none() && !preflight::is_wanted(container) && !is_weighed {
            return None;
        }
        let tools = self.programs.tools.clone();
        let (sink, job, container) = (self.watch.sink.clone(), self.job.clone(), container.clone());
        Some(Box::new(move || {
            let handing = Handing {
                tools: &tools,
                job: &job,
                container: &container,
                sink: &sink,
            };
            job.room().wait("the film's other tracks", || {
                preflight::prove(&handing)?;
                wanted.iter().try_for_each(|wanted| {
                    sound::encode(&tools, &job, &container, wanted, &sink)?;
                    preflight::prove_sound(&handing)
                })?;
                Ok(if is_weighed {
                    size::of_sound(&handing)
                } else {
                    0
                })
            })
        }))
    }
}
