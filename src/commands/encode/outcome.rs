//! What a run came to.

use super::prepared::Prepared;
use crate::{event::Report, plan::Plan};

/// What a run came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The film is encoded.
    Encoded(Box<Report>),
    /// An earlier run has encoded it, and was ended before it could clear up.
    Named,
    /// Only the plan was wanted.
    Planned(Box<Plan>),
    /// Only the scenes were wanted.
    Scenes,
    /// The job directory is complete: other hosts can encode its chunks.
    Prepared(Prepared),
}
