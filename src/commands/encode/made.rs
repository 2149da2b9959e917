//! An encoded film, in parts.

use std::sync::Arc;

use crate::{
    film::media::MediaInfo,
    job::{Encoded, Job},
    source::{packets::Announced, places::References},
    work::handed::Handing,
};

/// An encoded film, in parts.
pub(super) struct Made {
    pub(super) media: Arc<MediaInfo>,
    pub(super) chunks: Vec<Encoded>,
    pub(super) resumed_chunks: usize,
    pub(super) announced: Arc<Announced>,
    pub(super) references: Option<References>,
    /// What a decoder complained of in the source: pictures that it made up, most likely.
    pub(super) damage: Vec<String>,
    /// What has turned out on the way, and was said.
    pub(super) notes: Vec<String>,
}

impl Made {
    /// The same, with the tracks as they get into the output.
    pub(super) fn carried(self, job: &Job) -> Self {
        let container = Handing::as_carried(&self.media.container, job.carried().as_ref());
        let media = Arc::new(MediaInfo {
            container,
            ..MediaInfo::clone(&self.media)
        });
        Self { media, ..self }
    }

    pub(super) fn encoder_seconds(&self) -> f64 {
        let records = self.chunks.iter().map(Encoded::record);
        records.map(|record| record.seconds).sum()
    }

    pub(super) fn video_bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.record().bytes).sum()
    }
}
