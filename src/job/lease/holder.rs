//! Who holds a lease, as its file says, and whether this host knows by itself that he is dead.

use std::{fmt, process, time::Duration};

use serde::{Deserialize, Serialize};

use crate::os::{
    machine::{boot, host, installation, pid_namespace},
    process::life,
};

/// Who holds a lease: what its file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The name of his host.
    pub host: String,
    /// Which installation that is, where it has a number: hosts may have one name.
    pub installation: Option<String>,
    /// Which start of it.
    pub boot: String,
    /// The space of process numbers that his is one of.
    pub pid_namespace: u64,
    /// His process.
    pub pid: u32,
    /// When that began, in ticks since its host did.
    pub began: u64,
    /// Number of the file system, as his kernel counts them, if he holds a lock of it as well.
    pub device: Option<u64>,
    /// The number of this lease. No other has it.
    pub nonce: u64,
    /// After so many seconds without a beat he counts as dead.
    pub timeout_seconds: u64,
    /// Rises as long as he lives.
    pub beat: u64,
}

/// The numbers of leases are below this one: every program that reads JSON knows them exactly.
const NONCES: u64 = 1 << 53;
/// A lease's file has a multiple of so many bytes. A beat changes some of them, and never how many there are: on some network
/// file systems, a reader learns late that a file has grown.
const BLOCK: usize = 512;

impl Holder {
    /// This process, as the holder of a lease that nobody has had yet.
    #[must_use]
    pub fn this(timeout: Duration) -> Self {
        let pid = process::id();
        Self {
            host: host(),
            installation: installation(),
            boot: boot(),
            pid_namespace: pid_namespace(),
            pid,
            began: life(pid).map_or(0, |life| life.began),
            device: None,
            nonce: Self::fresh_nonce(),
            timeout_seconds: timeout
                .as_millis()
                .div_ceil(1000)
                .try_into()
                .unwrap_or(u64::MAX),
            beat: 0,
        }
    }

    /// A number that no lease has.
    pub(super) fn fresh_nonce() -> u64 {
        fastrand::u64(..NONCES)
    }

    /// After how long without a beat he counts as dead.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// Whether his process runs, if that is known where `here` is; `runs` says it of a process number and when that began.
    pub(super) fn is_seen_to_run(
        &self,
        here: &Self,
        runs: impl Fn(u32, u64) -> bool,
    ) -> Option<bool> {
        if self.boot.is_empty() || here.boot.is_empty() || self.host != here.host {
            None
        } else if self.boot == here.boot {
            let is_of_ours = self.pid_namespace == here.pid_namespace;
            is_of_ours.then(|| runs(self.pid, self.began))
        } else {
            // Before its last start this installation has run him, and nobody has since.
            let is_same = here.installation.is_some() && self.installation == here.installation;
            is_same.then_some(false)
        }
    }

    /// What stands in the file of his lease.
    pub(super) fn text(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_vec(self)?;
        text.resize((text.len() + 1).next_multiple_of(BLOCK) - 1, b' ');
        text.push(b'\n');
        Ok(text)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Holder {
        Holder {
            host: "tower".to_owned(),
            installation: Some("a".to_owned()),
            boot: "third".to_owned(),
            ..Holder::this(Duration::from_secs(60))
        }
    }

    #[test]
    fn a_process_of_this_start_of_this_host_is_looked_for() {
        let (here, his) = (here(), here());
        for runs in [true, false] {
            assert_eq!(his.is_seen_to_run(&here, |_, _| runs), Some(runs));
        }
    }

    #[test]
    fn of_an_earlier_start_of_this_host_nothing_runs() {
        let (here, mut his) = (here(), here());
        his.boot = "second".to_owned();
        assert_eq!(his.is_seen_to_run(&here, |_, _| true), Some(false));
        // Another machine of the same name.
        his.installation = Some("b".to_owned());
        assert_eq!(his.is_seen_to_run(&here, |_, _| false), None);
        his.installation = None;
        let nameless = Holder {
            installation: None,
            ..here
        };
        assert_eq!(his.is_seen_to_run(&nameless, |_, _| false), None);
    }

    #[test]
    fn of_other_hosts_and_other_containers_nothing_is_known() {
        let here = here();
        let others: [fn(&mut Holder); 3] = [
            |his| his.host = "laptop".to_owned(),
            |his| his.pid_namespace += 1,
            |his| his.boot = String::new(),
        ];
        for change in others {
            let mut his = here.clone();
            change(&mut his);
            assert_eq!(his.is_seen_to_run(&here, |_, _| false), None, "{his:?}");
        }
    }

    #[test]
    fn a_beat_changes_no_length() {
        let first = here();
        let last = Holder {
            beat: u64::MAX,
            ..first.clone()
        };
        let (first, last) = (first.text().unwrap(), last.text().unwrap());
        assert_eq!(first.len() % BLOCK, 0);
        assert_eq!(first.len(), last.len());
        assert_eq!(
            serde_json::from_slice::<Holder>(&last).unwrap().beat,
            u64::MAX
        );
    }

    #[test]
    fn a_part_of_a_second_is_a_second() {
        let seconds = |millis| Holder::this(Duration::from_millis(millis)).timeout_seconds;
        assert_eq!([1, 1000, 1001].map(seconds), [1, 1, 2]);
    }
}
