//! What of the wishes of a good neighbour cannot work on this machine.

use std::path::Path;

use super::check::Check;
use crate::{
    neighbour::policy,
    os::{processors, sensors},
    settings::neighbour::Neighbour,
};

/// The checks of what is `wanted`; `root` is `/` but in tests.
pub fn checks(wanted: &Neighbour, root: &Path) -> Vec<Check> {
    let Neighbour { standing, limits } = wanted;
    let mut lacking = policy::lacking(limits, root);
    if standing.numa.is_some() && processors::nodes(root).len() < 2 {
        lacking
            .push("--numa: this machine has one node of memory: it does nothing here".to_owned());
    }
    if standing.disks.is_some() && !sensors::disks_heed_turns(root) {
        lacking.push(
            "--ionice: no disk of this machine has a scheduler that heeds it (bfq, mq-deadline): it may do nothing here"
                .to_owned(),
        );
    }
    let check = |why| Check::warning("neighbour", why);
    lacking.into_iter().map(check).collect()
}
