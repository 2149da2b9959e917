//! The house is as its map says: `src/lib.rs` lists the rooms from the ground up, and a room uses only those below it.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// The source tree.
fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// A file without its unit tests.
fn read(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap()
        .to_owned()
}

/// The modules that a file declares, in order.
fn declared(text: &str) -> Vec<&str> {
    let is_declared = |line: &&str| line.starts_with("pub mod ") || line.starts_with("mod ");
    let lines = text
        .lines()
        .filter(is_declared)
        .filter(|line| line.ends_with(';'));
    lines
        .map(|line| line.trim_end_matches(';').rsplit(' ').next().unwrap())
        .collect()
}

/// All files below `dir`, as paths relative to the source tree.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path.strip_prefix(src()).unwrap().to_owned());
        }
    }
    found
}

/// The paths that a use tree names: `a::{b, c::{self, d}}` names `a::b`, `a::c::self` and `a::c::d`.
fn named(tree: &str) -> Vec<String> {
    let (mut paths, mut prefixes, mut word) = (Vec::new(), Vec::<String>::new(), String::new());
    for c in tree.chars() {
        match c {
            '{' => prefixes.push(std::mem::take(&mut word)),
            ',' | '}' => {
                if !word.is_empty() {
                    paths.push(prefixes.concat() + &word);
                    word.clear();
                }
                if c == '}' {
                    prefixes.pop();
                }
            }
            c if c.is_whitespace() => (),
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        paths.push(prefixes.concat() + &word);
    }
    paths
}

/// What a file uses of our own, from `crate::` on.
fn used(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let is_use = text[..at].ends_with("use ");
        let end = match is_use {
            true => rest.find(';'),
            false => rest.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c)),
        };
        paths.extend(named(&rest[..end.unwrap_or(rest.len())]));
    }
    paths
}

/// The room in which a file is: its folder, or itself.
fn room(file: &Path) -> String {
    let first = file
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn a_use_tree_is_read_as_the_compiler_reads_it() {
    let tree = "a::{self, b, c::{d, e as f}, }";
    assert_eq!(named(tree), ["a::self", "a::b", "a::c::d", "a::c::easf"]);
    assert_eq!(
        used("use crate::x::y;\n let a = crate::z::w(1);"),
        ["x::y", "z::w"]
    );
}

#[test]
fn a_room_uses_only_rooms_that_the_map_lists_before_it() {
    let map = read(&src().join("lib.rs"));
    let rooms = declared(&map);
    let floor: HashMap<&str, usize> = rooms.iter().copied().zip(0..).collect();
    assert!(rooms.len() > 10, "{rooms:?}");
    let mut wrong = Vec::new();
    for file in files(&src()).iter().filter(|file| {
        !["lib.rs", "main.rs"]
            .map(Path::new)
            .contains(&file.as_path())
    }) {
        let here = floor[room(file).as_str()];
        for path in used(&read(&src().join(file))) {
            let there = path.split("::").next().unwrap();
            if floor.get(there).is_none_or(|there| *there > here) {
                wrong.push(format!("{} uses crate::{path}", file.display()));
            }
        }
    }
    assert_eq!(wrong, [""; 0], "against the order in src/lib.rs");
}

#[test]
fn a_file_uses_only_its_neighbours_that_its_folder_lists_before_it() {
    let mut wrong = Vec::new();
    for folder in files(&src()).iter().filter(|file| file.ends_with("mod.rs")) {
        let dir = folder.parent().unwrap();
        let text = read(&src().join(folder));
        let neighbours = declared(&text);
        let place: HashMap<&str, usize> = neighbours.iter().copied().zip(0..).collect();
        let prefix = format!("{}::", dir.to_str().unwrap().replace('/', "::"));
        for (name, here) in neighbours.iter().zip(0..) {
            let file = src().join(dir).join(format!("{name}.rs"));
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            let text = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap()
                .to_owned();
            let absolute = used(&text)
                .into_iter()
                .filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned));
            let relative = text.match_indices("use super::").flat_map(|(at, found)| {
                let rest = &text[at + found.len()..];
                named(&rest[..rest.find(';').unwrap()])
            });
            for path in absolute.chain(relative) {
                let other = path.split("::").next().unwrap();
                if place.get(other).is_some_and(|there| *there > here) {
                    wrong.push(format!("{} uses its neighbour {other}", file.display()));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0], "against the order in the folder's mod.rs");
}

#[test]
fn every_room_says_what_it_is_for() {
    for file in files(&src()) {
        let text = fs::read_to_string(src().join(&file)).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} has no first line that says its job",
            file.display()
        );
    }
}
