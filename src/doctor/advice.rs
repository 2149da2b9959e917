//! Distributions, and what to type on each.

use std::{ffi::OsStr, fs, path::Path};

/// Who installs packages here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packages {
    /// Debian, Ubuntu and what is made of them.
    Apt,
    /// Fedora and what is made of it.
    Dnf,
    /// Arch and what is made of it.
    Pacman,
    /// Somebody that we do not know.
    Unknown,
}

/// A thing that can be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// ffmpeg and ffprobe.
    Ffmpeg,
    /// mkvmerge.
    Mkvtoolnix,
    /// SvtAv1EncApp.
    SvtAv1,
    /// FFMS2 with its plugin.
    Ffms2,
    /// VapourSynth with its script library and its Python module.
    VapourSynth,
}

/// The system as far as advice depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    packages: Packages,
    /// Whether this process runs in a container (toolbox, distrobox, podman).
    pub in_container: bool,
    /// Whether `/usr` cannot be written here: a host on which tools live in containers.
    immutable: bool,
}

/// The installer of av1enc's own source tree.
pub const SETUP: &str = match option_env!("AV1ENC_SETUP") {
    Some(packaged) => packaged,
    None => "./setup",
};

impl System {
    /// Looks at the system under `root`, which is `/` but in tests; `container` is the variable of that name, which
    /// podman and systemd set.
    #[must_use]
    pub fn look(root: &Path, container: Option<&OsStr>) -> Self {
        let is_there = |path: &str| root.join(path).exists();
        let marks = ["run/.containerenv", "run/.toolboxenv"];
        let in_container = container.is_some() || marks.into_iter().any(is_there);
        let release = fs::read_to_string(root.join("etc/os-release")).unwrap_or_default();
        Self {
            packages: packages(&release),
            in_container,
            immutable: !in_container && is_there("run/ostree-booted"),
        }
    }

    /// What to type to get `thing`; the likeliest way first, others after it.
    #[must_use]
    pub fn install(&self, thing: Thing) -> Vec<String> {
        let installer = self.installer();
        let Some(name) = self.package(thing) else {
            return vec![SETUP.to_owned()];
        };
        let by_package = match (self.packages, self.immutable) {
            (Packages::Unknown, _) => format!("install the package {name} as this system does it"),
            (_, false) => format!("{installer} {name}"),
            (_, true) => format!("toolbox create; toolbox enter  # and there: {installer} {name}"),
        };
        match (self.packages, thing) {
            // Debian 12 has 1.4.1 of 2023; ./setup gets a current one.
            (Packages::Apt, Thing::SvtAv1) => vec![SETUP.to_owned(), by_package],
            _ => vec![by_package, SETUP.to_owned()],
        }
    }

    /// What to type to get an ffmpeg with all decoders.
    #[must_use]
    pub fn whole_ffmpeg(&self) -> Vec<String> {
        match self.packages {
            // Fedora's own leaves out what is patented; RPM Fusion has the whole.
            Packages::Dnf => vec![
                "sudo dnf swap ffmpeg-free ffmpeg --allowerasing  # with RPM Fusion, see rpmfusion.org"
                    .to_owned(),
            ],
            _ => self.install(Thing::Ffmpeg),
        }
    }

    fn installer(&self) -> &'static str {
        match self.packages {
            Packages::Apt => "sudo apt install",
            Packages::Dnf => "sudo dnf install",
            Packages::Pacman => "sudo pacman -S",
            Packages::Unknown => "",
        }
    }

    /// The name of its package, if there is one.
    fn package(&self, thing: Thing) -> Option<&'static str> {
        Some(match (thing, self.packages) {
            (Thing::Ffmpeg, Packages::Dnf) => "ffmpeg-free",
            (Thing::Ffmpeg, _) => "ffmpeg",
            (Thing::Mkvtoolnix, Packages::Pacman) => "mkvtoolnix-cli",
            (Thing::Mkvtoolnix, _) => "mkvtoolnix",
            (Thing::SvtAv1, _) => "svt-av1",
            // The number in the name grows with the years; apt takes a pattern.
            (Thing::Ffms2, Packages::Apt) => "'^libffms2-[0-9]+$'",
            (Thing::Ffms2, _) => "ffms2",
            (Thing::VapourSynth, Packages::Apt) => return None,
            (Thing::VapourSynth, Packages::Dnf) => "vapoursynth-libs python3-vapoursynth",
            (Thing::VapourSynth, _) => "vapoursynth",
        })
    }
}

/// The package manager of the system that `/etc/os-release` describes.
fn packages(release: &str) -> Packages {
    let values = release.lines().filter_map(|line| {
        line.strip_prefix("ID=")
            .or_else(|| line.strip_prefix("ID_LIKE="))
    });
    let ids: Vec<&str> = values
        .flat_map(|value| value.trim_matches(['"', '\'']).split_whitespace())
        .collect();
    let known = [
        (Packages::Apt, ["debian", "ubuntu"].as_slice()),
        (Packages::Dnf, &["fedora", "rhel", "centos"]),
        (Packages::Pacman, &["arch"]),
    ];
    let found = known
        .into_iter()
        .find(|(_, names)| ids.iter().any(|id| names.contains(id)));
    found.map_or(Packages::Unknown, |(packages, _)| packages)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A system under a root of its own.
    pub fn system(release: &str, marks: &[&str]) -> System {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in marks
            .iter()
            .map(|mark| (*mark, ""))
            .chain([("etc/os-release", release)])
        {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        System::look(root.path(), None)
    }

    #[test]
    fn every_distribution_is_told_its_own_command() {
        for (release, ffmpeg, mkvtoolnix) in [
            (
                "ID=debian\n",
                "sudo apt install ffmpeg",
                "sudo apt install mkvtoolnix",
            ),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                "sudo apt install ffmpeg",
                "sudo apt install mkvtoolnix",
            ),
            (
                "NAME=x\nID=fedora\n",
                "sudo dnf install ffmpeg-free",
                "sudo dnf install mkvtoolnix",
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                "sudo dnf install ffmpeg-free",
                "sudo dnf install mkvtoolnix",
            ),
            (
                "ID=endeavouros\nID_LIKE=arch\n",
                "sudo pacman -S ffmpeg",
                "sudo pacman -S mkvtoolnix-cli",
            ),
            (
                "ID=void\n",
                "install the package ffmpeg as this system does it",
                "install the package mkvtoolnix as this system does it",
            ),
        ] {
            let system = system(release, &[]);
            assert_eq!(system.install(Thing::Ffmpeg), [ffmpeg, SETUP], "{release}");
            assert_eq!(
                system.install(Thing::Mkvtoolnix),
                [mkvtoolnix, SETUP],
                "{release}"
            );
        }
    }

    #[test]
    fn what_debian_lacks_or_has_only_old_comes_from_setup() {
        let debian = system("ID=debian\n", &[]);
        assert_eq!(debian.install(Thing::VapourSynth), [SETUP]);
        assert_eq!(
            debian.install(Thing::SvtAv1),
            [SETUP, "sudo apt install svt-av1"]
        );
    }

    #[test]
    fn an_immutable_host_is_told_to_enter_a_container_and_a_container_is_a_system_of_its_own() {
        let host = system("ID=fedora\n", &["run/ostree-booted"]);
        assert_eq!(
            host.install(Thing::Mkvtoolnix)[0],
            "toolbox create; toolbox enter  # and there: sudo dnf install mkvtoolnix"
        );
        for mark in ["run/.containerenv", "run/.toolboxenv"] {
            let inside = system("ID=fedora\n", &["run/ostree-booted", mark]);
            assert!(inside.in_container);
            assert_eq!(
                inside.install(Thing::Mkvtoolnix)[0],
                "sudo dnf install mkvtoolnix"
            );
        }
        assert!(System::look(Path::new("/nonexistent"), Some(OsStr::new("oci"))).in_container);
    }
}
