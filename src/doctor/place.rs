//! Where a job's files go: the kind of file system.

use std::{fs, path::Path};

use nix::sys::statfs::{self, statfs};

use super::check::Check;

/// File systems that are on other machines, by the number that `statfs` gives (linux/magic.h).
const NETWORK: [(i64, &str); 8] = [
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
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let network = network_file_system(kind, &mounts, &dir)?;
    Some(
        Check::warning(
            "job directory",
            format!("is on {network}: av1enc writes much here, and locks may not hold"),
        )
        .at(Some(dir.to_string_lossy()))
        .advise(["av1enc --temp DIR INPUT  # DIR on a disk of this machine"]),
    )
}

/// The name of the network's file system in which `dir` is, if it is in one.
fn network_file_system(kind: statfs::FsType, mounts: &str, dir: &Path) -> Option<String> {
    // The type differs between systems; on 32 bit the number may be negative.
    #[allow(clippy::unnecessary_cast)]
    let number = kind.0 as i64 & 0xffff_ffff;
    if number == i64::from(FUSE) {
        let name = type_of_mount(mounts, dir)?;
        return NETWORK_FUSE
            .iter()
            .any(|program| name.ends_with(program))
            .then(|| name.to_owned());
    }
    NETWORK
        .iter()
        .find(|(magic, _)| *magic == number)
        .map(|(_, name)| (*name).to_owned())
}

/// linux/magic.h: FUSE_SUPER_MAGIC.
const FUSE: u32 = 0x6573_5546;

/// The type of the mount in which `dir` is, from `/proc/self/mountinfo`: the longest mount point, the last of several.
fn type_of_mount<'a>(mounts: &'a str, dir: &Path) -> Option<&'a str> {
    let points = mounts.lines().filter_map(|line| {
        let (mount, rest) = line.split_once(" - ")?;
        // Blanks in names are octal there.
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        dir.starts_with(&point)
            .then(|| (point.len(), rest.split(' ').next().unwrap_or("")))
    });
    points
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
        90 22 0:40 / /mnt/my\\040films rw - fuse.sshfs me@nas:/films rw\n91 22 0:41 / /mnt/usb rw - fuseblk /dev/sdb1 rw\n";

    fn kind(magic: u32, dir: &str) -> Option<String> {
        network_file_system(statfs::FsType(magic.into()), MOUNTS, Path::new(dir))
    }

    #[test]
    fn file_systems_of_other_machines_are_told_from_disks() {
        assert_eq!(kind(0x6969, "/x").as_deref(), Some("NFS"));
        assert_eq!(kind(0xff53_4d42, "/x").as_deref(), Some("CIFS"));
        assert_eq!(kind(0xfe53_4d42, "/x").as_deref(), Some("SMB"));
        for disk in [0xef53, 0x9123_683e, 0x0102_1994, 0x5846_5342] {
            assert_eq!(kind(disk, "/x"), None, "{disk:x}");
        }
    }

    #[test]
    fn of_fuse_the_programs_that_reach_over_a_network_count() {
        assert_eq!(kind(FUSE, "/mnt/my films/a").as_deref(), Some("fuse.sshfs"));
        assert_eq!(kind(FUSE, "/mnt/usb/a"), None);
    }

    #[test]
    fn a_directory_of_this_machine_is_no_matter() {
        assert_eq!(job_dir(&std::env::temp_dir().join("not/there/yet")), None);
    }
}
