//! Which of two programs is older: major and minor number of a version.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Major and minor number. Programs say more, which decides nothing here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// The version with which a word begins: `5.1.9-0+deb12u1`, `n7.1`, `v4.2.0`, `3.13`. `None` where it begins with none, as
    /// builds from between versions do (`N-118000-g1234567`).
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        let number = word.strip_prefix(['n', 'v']).unwrap_or(word);
        let (major, rest) = number.split_once('.')?;
        let minor = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_programs_write_it() {
        for (word, version) in [
            ("5.1.9-0+deb12u1", Some(Version(5, 1))),
            ("n9.0.2-17-g2a571b6068-20260930", Some(Version(9, 0))),
            ("4.4.2-0ubuntu0.22.04.1", Some(Version(4, 4))),
            ("v3.0.2-B", Some(Version(3, 0))),
            ("3.13", Some(Version(3, 13))),
            ("n7.1", Some(Version(7, 1))),
            ("N-118000-gabcdef", None),
            ("2026-01-02-git-0123", None),
            ("cmake", None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(Version::read(word), version, "{word}");
        }
    }

    #[test]
    fn the_older_of_two_is_the_smaller_and_both_are_kept_as_a_pair() {
        assert!(Version(3, 9) < Version(3, 12) && Version(4, 4) < Version(5, 1));
        let json = serde_json::to_string(&Version(4, 2)).unwrap();
        assert_eq!(json, "[4,2]");
        assert_eq!(
            serde_json::from_str::<Version>(&json).unwrap(),
            Version(4, 2)
        );
        assert_eq!(Version(3, 12).to_string(), "3.12");
    }
}
