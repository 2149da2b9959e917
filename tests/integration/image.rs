//! `examples/Containerfile`, as far as it can be tried in a moment and without building anything.

use std::{collections::HashSet, ffi::OsString, fs, path::Path, process::Command};

use av1enc::settings::line;

const RECIPE: &str = include_str!("../../examples/Containerfile");
const LET_IN: &str = include_str!("../../.containerignore");

/// The recipe's instructions, each in one line.
fn instructions() -> Vec<String> {
    let text = RECIPE.replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// The words behind each instruction of this name.
fn words_of(name: &str) -> Vec<Vec<String>> {
    let all = instructions().into_iter();
    let words = all.map(|line| line.split_whitespace().map(str::to_owned).collect());
    let has_name = |words: &Vec<String>| words.first().is_some_and(|word| word == name);
    words.filter(has_name).collect()
}

#[test]
fn what_is_copied_is_there_and_let_in() {
    let let_in: Vec<&str> = LET_IN
        .lines()
        .filter_map(|it| it.strip_prefix('!'))
        .collect();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copied = words_of("COPY").into_iter();
    let from_here = copied.filter(|words| !words[1].starts_with("--from="));
    let sources: Vec<String> = from_here
        .flat_map(|words| words[1..words.len() - 1].to_vec())
        .collect();
    for source in &sources {
        assert!(here.join(source).exists(), "{source}");
        assert!(let_in.contains(&source.as_str()), "{source}");
    }
    assert_eq!(sources.len(), let_in.len(), "{let_in:?}");
}

/// A package's name without the numbers that differ from release to release.
fn of_any_release(name: &str) -> String {
    let name = name.trim_end_matches("-non-free");
    name.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[test]
fn the_packages_are_debians() {
    let asked = Command::new("apt-cache").arg("pkgnames").output();
    let names = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).into_owned());
    let known: HashSet<String> = names
        .unwrap_or_default()
        .lines()
        .map(of_any_release)
        .collect();
    if !known.contains("ffmpeg") {
        return eprintln!("SKIPPED, nothing is tested here: apt has no list of packages");
    }
    let mut installed = 0;
    for words in words_of("RUN") {
        let begins = words
            .iter()
            .position(|word| word == "--no-install-recommends");
        let names = words.iter().skip(begins.map_or(words.len(), |at| at + 1));
        for name in names.take_while(|word| *word != "&&") {
            assert!(known.contains(&of_any_release(name)), "{name}");
            installed += 1;
        }
    }
    assert!(installed > 8, "{installed}");
}

/// The lines that the recipe's head tells to type, in words.
fn told() -> Vec<Vec<String>> {
    let lines = RECIPE.lines().filter_map(|line| line.strip_prefix("#   "));
    lines.map(|line| shlex::split(line).unwrap()).collect()
}

/// The word behind another one.
fn behind<'a>(words: &'a [String], option: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == option)?;
    words.get(at + 1).map(String::as_str)
}

/// What `run` tells to run of the images: the program if it is another one, and its words.
fn run_by(words: &[String], images: &[&str]) -> (Option<String>, Vec<String>) {
    let program = behind(words, "--entrypoint").map(str::to_owned);
    let is_image = |word: &String| images.contains(&word.as_str());
    let at = words.iter().position(is_image).unwrap();
    (program, words[at + 1..].to_vec())
}

#[test]
fn what_the_recipe_tells_to_build_and_run_is_in_it() {
    let told = told();
    let (builds, runs): (Vec<_>, Vec<_>) = told
        .iter()
        .filter(|words| words[0] != "mkdir")
        .partition(|words| words[1] == "build");
    for words in &builds {
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join(behind(words, "-f").unwrap());
        assert_eq!(fs::read_to_string(recipe).unwrap(), RECIPE);
        let stage = behind(words, "--target").unwrap_or("runtime");
        let is_stage = |from: &Vec<String>| from.last().unwrap() == stage;
        assert!(words_of("FROM").iter().any(is_stage), "{stage}");
    }
    let images: Vec<&str> = builds.iter().filter_map(|it| behind(it, "-t")).collect();
    for words in &runs {
        let (program, mut typed) = run_by(words, &images);
        if let Some(program) = program {
            let place = format!("/usr/local/bin/{program}");
            let is_there = |words: &Vec<String>| words.last() == Some(&place);
            assert!(words_of("COPY").iter().any(is_there), "{program}");
            continue;
        }
        typed.insert(0, "av1enc".to_owned());
        let line: Vec<OsString> = typed.into_iter().map(OsString::from).collect();
        assert!(line::read(&line).is_ok(), "{line:?}");
    }
    assert_eq!((builds.len(), runs.len()), (4, 8));
}

#[test]
fn what_readme_tells_to_type_is_what_the_recipe_tells() {
    let readme = include_str!("../../README.md");
    let lines = readme
        .lines()
        .filter_map(|line| line.strip_prefix("    podman "));
    let typed: Vec<&str> = lines
        .map(|line| line.split("   #").next().unwrap().trim_end())
        .collect();
    assert!(typed.len() > 2);
    for line in typed {
        assert!(RECIPE.contains(&format!("#   podman {line}\n")), "{line}");
    }
}
