//! Where a job's files go: the kind of file system.

use std::{fs, path::Path};

use nix::sys::statfs::statfs;

use super::check::Check;
use crate::os::disk;

/// File systems that are on other machines, by the number that `statfs` gives (linux/magic.h).
const NETWORK: [(u32, &str); 8] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9P"),
    (0x0bd0_0bd0, "Lustre"),
];

/// Programs behind FUSE that reach over a network; others, NTFS say, do not.
const NETWORK_FUSE: [&str; 7] = [
    "sshfs",
    "rclone",
    "glusterfs",
    "s3fs",
    "davfs",
    "curlftpfs",
    "gvfsd-fuse",
];

/// The job directory, or the directory in which it will be made.
pub fn job_dir(dir: &Path) -> Option<Check> {
    let dir = dir.ancestors().find(|dir| dir.is_dir())?;
    let dir = fs::canonicalize(dir).ok()?;
    let kind = statfs(&dir).ok()?.filesystem_type();
    let network = network_file_system(disk::number(kind), || disk::type_of_mount(&dir))?;
    Some(
        Check::warning(
            "job directory",
            format!("is on {network}: av1enc writes much here"),
        )
        .at(Some(dir.to_string_lossy()))
        .advise(["av1enc --temp DIR INPUT  # DIR on a disk of this machine"]),
    )
}

/// The name of the network's file system that has this number; of FUSE, by the `mount`'s type.
fn network_file_system(number: u32, mount: impl FnOnce() -> Option<String>) -> Option<String> {
    if number == FUSE {
        let is_network = |name: &String| NETWORK_FUSE.iter().any(|program| name.ends_with(program));
        return mount().filter(is_network);
    }
    NETWORK
        .iter()
        .find(|(magic, _)| *magic == number)
        .map(|(_, name)| (*name).to_owned())
}

/// linux/magic.h: FUSE_SUPER_MAGIC.
const FUSE: u32 = 0x6573_5546;

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(magic: u32, mount: &str) -> Option<String> {
        network_file_system(magic, || Some(mount.to_owned()))
    }

    #[test]
    fn file_systems_of_other_machines_are_told_from_disks() {
        assert_eq!(kind(0x6969, "nfs4").as_deref(), Some("NFS"));
        assert_eq!(kind(0xff53_4d42, "cifs").as_deref(), Some("CIFS"));
        assert_eq!(kind(0xfe53_4d42, "cifs").as_deref(), Some("SMB"));
        for disk in [0xef53, 0x9123_683e, 0x0102_1994, 0x5846_5342] {
            assert_eq!(kind(disk, "ext4"), None, "{disk:x}");
        }
    }

    #[test]
    fn of_fuse_the_programs_that_reach_over_a_network_count() {
        assert_eq!(kind(FUSE, "fuse.sshfs").as_deref(), Some("fuse.sshfs"));
        assert_eq!(kind(FUSE, "fuseblk"), None);
    }

    #[test]
    fn a_directory_of_this_machine_is_no_matter() {
        assert_eq!(job_dir(&std::env::temp_dir().join("not/there/yet")), None);
    }
}
