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

/// A file without its unit tests, which are its last modules.
fn read(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let is_module = |(_, rest): &(usize, &str)| {
        let line = rest.lines().next().unwrap_or_default();
        line.contains("mod ") && line.ends_with('{')
    };
    let mut tests = text
        .match_indices("\n#[cfg(test)]\n")
        .map(|(at, mark)| (at, &text[at + mark.len()..]));
    let end = tests.find(is_module).map(|(at, _)| at);
    text[..end.unwrap_or(text.len())].to_owned()
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

/// The path of the module that is in a file: `a::b` of `a/b.rs` and of `a/b/mod.rs`.
fn module(file: &Path) -> Vec<String> {
    let names = file.with_extension("");
    let names = names.iter().map(|name| name.to_str().unwrap().to_owned());
    names.filter(|name| name != "mod").collect()
}

/// What a file uses of our own: paths from the root on.
fn used(text: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            // Of `super::super::`, the first says it all.
            if text[..at].ends_with("::") {
                continue;
            }
            let rest = &text[at..];
            let is_use = text[..at].ends_with("use ");
            let end = match is_use {
                true => rest.find(';'),
                false => rest.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c)),
            };
            for path in named(&rest[..end.unwrap_or(rest.len())]) {
                let mut absolute = module.to_vec();
                for name in path.split("::") {
                    match name {
                        "crate" => absolute.clear(),
                        "super" => drop(absolute.pop()),
                        name => absolute.push(name.to_owned()),
                    }
                }
                paths.push(absolute);
            }
        }
    }
    paths
}

#[test]
fn a_use_tree_is_read_as_the_compiler_reads_it() {
    let tree = "a::{self, b, c::{d, e as f}, }";
    assert_eq!(named(tree), ["a::self", "a::b", "a::c::d", "a::c::easf"]);
    let used = |text, file| {
        let paths = used(text, &module(Path::new(file)));
        paths.iter().map(|path| path.join("::")).collect::<Vec<_>>()
    };
    let text = "use crate::x::y;\n let a = crate::z::w(1);";
    assert_eq!(used(text, "a.rs"), ["x::y", "z::w"]);
    let text = "use super::{b, c::d};\n let a = super::super::e();";
    assert_eq!(used(text, "a/b/f.rs"), ["a::b::b", "a::b::c::d", "a::e"]);
    assert_eq!(used(text, "a/b/mod.rs"), ["a::b", "a::c::d", "e"]);
}

#[test]
fn a_module_uses_only_those_that_the_lists_name_before_it() {
    // Of each folder, what it declares, in order. The root has no name.
    let all = files(&src());
    let folder = |file: &&PathBuf| file.ends_with("mod.rs") || file.as_path() == "lib.rs";
    let lists: HashMap<Vec<String>, Vec<String>> = all
        .iter()
        .filter(folder)
        .map(|file| {
            let path = match file.to_str() {
                Some("lib.rs") => Vec::new(),
                _ => module(file),
            };
            let names = declared(&read(&src().join(file)))
                .into_iter()
                .map(str::to_owned)
                .collect();
            (path, names)
        })
        .collect();
    assert!(lists[&Vec::new()].len() > 10 && lists.len() > 20);
    let mut wrong = Vec::new();
    for file in all
        .iter()
        .filter(|file| !["lib.rs", "main.rs"].contains(&file.to_str().unwrap()))
    {
        let here = module(file);
        for path in used(&read(&src().join(file)), &here) {
            // Where the two part, both are of one folder, whose list says which comes first.
            let shared = here.iter().zip(&path).take_while(|(a, b)| a == b).count();
            let (Some(own), Some(other)) = (here.get(shared), path.get(shared)) else {
                continue;
            };
            let list = &lists[&here[..shared]];
            let place = |name| list.iter().position(|listed| listed == name);
            if place(other).is_some_and(|other| Some(other) > place(own))
                || shared == 0 && place(other).is_none()
            {
                wrong.push(format!("{} uses {}", file.display(), path.join("::")));
            }
        }
    }
    assert_eq!(wrong, [""; 0], "against the order in lib.rs or a mod.rs");
}

#[test]
fn which_family_an_encoder_is_of_is_asked_in_its_own_room_alone() {
    let outside = files(&src())
        .into_iter()
        .filter(|file| !file.starts_with("encoder"));
    // VapourSynth has families of colours.
    let asks = |file: &PathBuf| {
        let text = read(&src().join(file)).replace("ColorFamily::", "");
        text.contains("Family::")
    };
    let asking: Vec<PathBuf> = outside.filter(asks).collect();
    assert!(asking.is_empty(), "{asking:?}");
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
