//! The user's own directories, by the XDG Base Directory Specification: a variable names each, one that is no absolute path
//! is ignored, and without it there is a place in the home directory.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// `~/.config`: settings.
#[must_use]
pub fn config() -> Option<PathBuf> {
    of("XDG_CONFIG_HOME", ".config")
}

/// `~/.local/share`: what programs keep.
#[must_use]
pub fn data() -> Option<PathBuf> {
    of("XDG_DATA_HOME", ".local/share")
}

/// `~/.cache`: what may be lost.
#[must_use]
pub fn cache() -> Option<PathBuf> {
    of("XDG_CACHE_HOME", ".cache")
}

fn of(variable: &str, usual: &str) -> Option<PathBuf> {
    chosen(env::var_os(variable), env::home_dir().as_deref(), usual)
}

fn chosen(named: Option<OsString>, home: Option<&Path>, usual: &str) -> Option<PathBuf> {
    let named = named.map(PathBuf::from).filter(|dir| dir.is_absolute());
    named.or_else(|| Some(home?.join(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_named_must_be_absolute() {
        let home = Some(Path::new("/home/a"));
        let of = |named: &str| chosen(Some(named.into()), home, ".config");
        assert_eq!(of("/etc/mine"), Some("/etc/mine".into()));
        assert_eq!(of("mine"), Some("/home/a/.config".into()));
        assert_eq!(of(""), Some("/home/a/.config".into()));
        assert_eq!(chosen(None, home, ".cache"), Some("/home/a/.cache".into()));
        assert_eq!(chosen(None, None, ".cache"), None);
    }
}
