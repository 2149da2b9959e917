//! Tools that are here, but inside a container in which this process is not.

use std::{fs, path::Path};

use serde::Deserialize;

use super::{advice::System, check::Check};
use crate::os::dirs;

/// Name of the check.
pub const NAME: &str = "container";

/// Says in which of the user's containers the missing tools are, as far as its files can be seen from outside.
pub fn check(missing: &[&'static str], system: &System) -> Option<Check> {
    if system.in_container || missing.is_empty() {
        return None;
    }
    let data = dirs::data()?;
    let enter = ["distrobox", "toolbox", "podman"]
        .into_iter()
        .find(|name| which::which(name).is_ok())?;
    recognise(&data.join("containers/storage"), missing, enter)
}

/// Whether this runs in a container.
pub fn around(system: &System) -> Check {
    Check::ok(NAME).note(if system.in_container {
        "this is one (toolbox, distrobox, podman): what counts is what is installed in it"
    } else {
        "none: this is the system itself"
    })
}

/// A line of podman's list of containers, in the storage of a user.
#[derive(Debug, Deserialize)]
struct Container {
    #[serde(default)]
    names: Vec<String>,
    layer: String,
}

/// The container in `storage` that holds the most of what is missing.
fn recognise(storage: &Path, missing: &[&'static str], enter: &str) -> Option<Check> {
    let text = fs::read_to_string(storage.join("overlay-containers/containers.json")).ok()?;
    let containers: Vec<Container> = serde_json::from_str(&text).ok()?;
    let held = containers.iter().filter_map(|container| {
        // What was installed after the container was made is in its uppermost layer.
        let files = storage.join("overlay").join(&container.layer).join("diff");
        let places = ["usr/bin", "usr/local/bin"];
        let is_in = |tool: &str| {
            places
                .iter()
                .any(|place| files.join(place).join(tool).exists())
        };
        let tools: Vec<&str> = missing.iter().copied().filter(|tool| is_in(tool)).collect();
        Some((container.names.first()?, tools)).filter(|(_, tools)| !tools.is_empty())
    });
    let (name, tools) = held.max_by_key(|(_, tools)| tools.len())?;
    let verb = if enter == "podman" {
        "exec -it"
    } else {
        "enter"
    };
    let tail = if enter == "podman" { " bash" } else { "" };
    Some(
        Check::warning(
            NAME,
            format!(
                "{} of the container {name}, and this is outside of it",
                listed(&tools)
            ),
        )
        .advise([format!("{enter} {verb} {name}{tail}")]),
    )
}

/// `a is`, `a and b are`, `a, b and c are` among the programs.
fn listed(tools: &[&str]) -> String {
    match tools {
        [one] => format!("{one} is among the programs"),
        [first @ .., last] => format!("{} and {last} are among the programs", first.join(", ")),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::State;

    #[test]
    fn the_container_that_holds_what_is_missing_is_named() {
        let storage = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = storage.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "overlay-containers/containers.json",
            r#"[{"id":"1","names":["web"],"layer":"aaa"},{"id":"2","names":["av1"],"layer":"bbb"}]"#,
        );
        let find = |missing: &[&'static str], enter| recognise(storage.path(), missing, enter);
        assert_eq!(find(&["mkvmerge"], "toolbox"), None);
        write("overlay/bbb/diff/usr/bin/mkvmerge", "");
        write("overlay/bbb/diff/usr/bin/SvtAv1EncApp", "");
        let check = find(&["mkvmerge", "SvtAv1EncApp", "ffmpeg"], "toolbox").unwrap();
        assert_eq!(check.state, State::Warning);
        assert_eq!(
            check.note.unwrap(),
            "mkvmerge and SvtAv1EncApp are among the programs of the container av1, and this is outside of it"
        );
        assert_eq!(check.advice, ["toolbox enter av1"]);
        assert_eq!(
            find(&["mkvmerge"], "podman").unwrap().advice,
            ["podman exec -it av1 bash"]
        );
        write("overlay-containers/containers.json", "[{");
        assert_eq!(find(&["mkvmerge"], "toolbox"), None);
    }
}
