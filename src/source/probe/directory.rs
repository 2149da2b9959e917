//! A directory in the place of a film: what to type for the films in it, or below it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use crate::os::process::quoted;

/// Endings of films.
const ENDINGS: &[&str] = &[
    "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpg", "ts", "vob", "webm", "wmv", "y4m",
];
/// So much is looked at below a directory: an answer should not have to be waited for.
const MOST: usize = 10_000;

/// What `dir` (an absolute path) is, and what encodes all films in it.
pub(super) fn instead(dir: &Path) -> String {
    if is_disc(dir) {
        return "is a disc: make a film of each title beforehand, with MakeMKV for example"
            .to_owned();
    }
    let line = of_films_in(dir).or_else(|| of_films_below(dir));
    let advice = line.unwrap_or_else(|| {
        "name a film; there is none in this directory, nor below it as far as was looked".to_owned()
    });
    format!("is a directory, and av1enc encodes one film at a time: {advice}")
}

/// Whether a directory is a DVD or a Blu-ray.
fn is_disc(dir: &Path) -> bool {
    let has = |name: &str| dir.join(name).is_dir() || dir.ends_with(name);
    ["VIDEO_TS", "BDMV"].iter().any(|name| has(name))
}

/// The ending of a film's name.
fn ending(path: &Path) -> Option<&str> {
    let ending = path.extension()?.to_str()?;
    let lower = ending.to_ascii_lowercase();
    ENDINGS.contains(&lower.as_str()).then_some(ending)
}

/// What encodes the films directly in it, if there are any.
fn of_films_in(dir: &Path) -> Option<String> {
    let names = fs::read_dir(dir).into_iter().flatten().flatten();
    let endings: BTreeSet<String> = names
        .filter_map(|entry| Some(ending(&entry.path())?.to_owned()))
        .collect();
    let shown = quoted(normal(dir).as_os_str());
    let films = endings.iter().map(|ending| format!("{shown}/*.{ending}"));
    let films: Vec<String> = films.collect();
    (!films.is_empty()).then(|| {
        format!(
            "for all in it, type `for film in {}; do av1enc \"$film\"; done`",
            films.join(" ")
        )
    })
}

/// What encodes the films below it, if any are found. Outputs, which may get there meanwhile, are left alone.
fn of_films_below(dir: &Path) -> Option<String> {
    let entries = WalkDir::new(dir).min_depth(2).into_iter().take(MOST);
    // What cannot be read has no film for us.
    let files = entries
        .flatten()
        .filter(|entry| entry.file_type().is_file());
    let endings: BTreeSet<String> = files
        .filter_map(|entry| Some(ending(entry.path())?.to_ascii_lowercase()))
        .collect();
    let names = endings.iter().map(|ending| format!("-iname '*.{ending}'"));
    let names = match names.collect::<Vec<_>>().as_slice() {
        [] => return None,
        [name] => name.clone(),
        several => format!("'(' {} ')'", several.join(" -o ")),
    };
    Some(format!(
        "for all below it, type `find {} -type f {names} -exec av1enc {{}} --skip own ';'`",
        quoted(normal(dir).as_os_str())
    ))
}

/// Without the slash that a shell's completion has put behind it.
fn normal(dir: &Path) -> PathBuf {
    dir.components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_are_found_by_their_endings_in_a_directory_and_below_it() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        put("a/notes.txt");
        assert!(instead(root.path()).contains("name a film"));
        put("a/b/One.MKV");
        let line = instead(root.path());
        assert!(line.contains(" -type f -iname '*.mkv' -exec "), "{line}");
        put("a/two.ts");
        let line = instead(root.path());
        let names = "'(' -iname '*.mkv' -o -iname '*.ts' ')'";
        assert!(line.contains(names), "{line}");
        put("three.mp4");
        let line = instead(root.path());
        assert!(line.contains("/*.mp4; do av1enc"), "{line}");
    }
}
