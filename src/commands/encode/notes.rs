//! What a proof says beside what was compared: who has read the film and why, what changes in it, what was left out.

use anyhow::Result;

use super::{made::Made, run::Run};
use crate::work::handed;

impl Run<'_> {
    /// Sentences for people; what a decoder complained of is none of them yet.
    pub(super) fn notes(&self, made: &Made) -> Result<Vec<String>> {
        let mut notes: Vec<String> = self.reason_for_the_reader()?.into_iter().collect();
        notes.extend(made.notes.iter().cloned());
        notes.extend(self.note_of_size(&made.chunks));
        notes.extend(made.media.container.warnings.iter().cloned());
        if let Some(record) = self.job.carried() {
            notes.extend(handed::not_carried(&self.probed.container, &record));
        }
        Ok(notes)
    }

    /// Why ffmpeg has read the film, and not FFMS2, if there is a reason in the film.
    fn reason_for_the_reader(&self) -> Result<Option<String>> {
        let record = self.job.reader()?.filter(|record| record.linear);
        Ok(record.and_then(|record| {
            let (why, reader) = (record.why?, record.reader);
            Some(format!(
                "{why}: {reader} has read the film from its beginning to its end"
            ))
        }))
    }
}
