//! What of the wishes of a good neighbour cannot work on this machine, and which of them would help.

use std::{fs, path::Path};

use super::check::Check;
use crate::{
    neighbour::policy,
    os::{
        processors::{self, Node, shown},
        sensors,
    },
    settings::neighbour::Neighbour,
};

/// The checks of what is `wanted`; `root` is `/` but in tests.
pub fn checks(wanted: &Neighbour, root: &Path) -> Vec<Check> {
    let Neighbour { standing, limits } = wanted;
    let nodes = processors::nodes(root);
    let mut lacking = policy::lacking(limits, root);
    if standing.numa.is_some() && nodes.len() < 2 {
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
    let spread = standing.numa.is_none().then(|| spread(&nodes, root));
    let checks = lacking.into_iter().map(check);
    checks.chain(spread.flatten()).collect()
}

/// Nodes of memory: unless it is spread over them, all frames lie where this process has started, and half of the encoders
/// read them from afar.
fn spread(nodes: &[Node], root: &Path) -> Option<Check> {
    // The second field is the policy.
    let maps = fs::read_to_string(root.join("proc/self/numa_maps")).unwrap_or_default();
    let mut policies = maps.lines().filter_map(|line| line.split(' ').nth(1));
    let is_spread = policies.any(|policy| policy.starts_with("interleave"));
    (nodes.len() > 1 && !is_spread).then(|| {
        let numbers = nodes.iter().map(|node| node.number).collect();
        let note = format!(
            "has the nodes {}, and memory is not spread over them",
            shown(&numbers)
        );
        Check::warning("NUMA", note).advise(["av1enc INPUT --numa interleave"])
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        cli::NumaChoice,
        settings::neighbour::{Limits, Standing},
    };

    /// What is said of nodes on a machine that has these.
    fn said(online: &str, policy: &str, wanted: Option<NumaChoice>) -> Option<Check> {
        let root = tempfile::tempdir().unwrap();
        let maps = format!("55ac0eb41000 {policy} file=/usr/bin/x mapped=2\n7f00 {policy} heap\n");
        for (path, text) in [
            ("sys/devices/system/node/online", online),
            ("proc/self/numa_maps", &maps),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let wanted = Neighbour {
            standing: Standing {
                numa: wanted,
                ..Standing::default()
            },
            limits: Limits {
                max_temp: None,
                battery: None,
                schedule: None,
                pause_while: None,
                long_pause: Duration::ZERO,
            },
        };
        let mut checks = checks(&wanted, root.path());
        assert!(checks.len() < 2, "{checks:?}");
        checks.pop()
    }

    #[test]
    fn several_nodes_of_memory_want_it_to_be_spread() {
        assert_eq!(said("0\n", "default", None), None);
        assert_eq!(said("0-1\n", "interleave:0-1", None), None);
        assert_eq!(said("0-1\n", "default", Some(NumaChoice::Node)), None);
        let check = said("0-1\n", "default", None).unwrap();
        assert_eq!(check.advice, ["av1enc INPUT --numa interleave"]);
        let check = said("0,2\n", "prefer:0", None).unwrap();
        assert!(check.note.unwrap().starts_with("has the nodes 0,2,"));
        let alone = said("0\n", "default", Some(NumaChoice::Node)).unwrap();
        assert_eq!(alone.name, "neighbour");
    }
}
