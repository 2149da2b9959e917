//! As what av1enc works from its beginning on, with all that it starts.

use std::path::Path;

use anyhow::Result;

use crate::{
    cli::NumaChoice,
    os::{
        guard::Threadless,
        priority,
        processors::{self, Numbers, shown},
        threads::Seats,
        words::count,
    },
    settings::neighbour::Standing,
};

/// Takes a `standing`, before any thread is started. Returns what there is to be said of it.
///
/// # Errors
/// If the system refuses.
pub fn take(alone: &Threadless, standing: &Standing) -> Result<Option<String>> {
    let mut said = Vec::new();
    if let Some(nice) = standing.nice {
        said.push(format!("nice {}", priority::be_nice(alone, nice)?));
    }
    if let Some(turn) = standing.disks {
        priority::take_turn(alone, turn)?;
        said.push(format!("{turn} at the disks"));
    }
    if let Some(own) = &standing.processors {
        processors::keep_on(own)?;
        let used = count(own.len() as u64, "processor");
        said.push(format!("on {used} ({})", shown(own)));
    }
    said.extend(standing.numa.map(settle).transpose()?);
    Ok((!said.is_empty()).then(|| format!("a good neighbour: {}", said.join(", "))))
}

/// Does about nodes of memory what is wanted. Returns what that is.
fn settle(numa: NumaChoice) -> Result<String> {
    let nodes = processors::nodes(Path::new("/"));
    if nodes.len() < 2 {
        return Ok("with one node of memory, so that --numa has nothing to do".to_owned());
    }
    let numbers: Numbers = nodes.iter().map(|node| node.number).collect();
    match numa {
        NumaChoice::Interleave => {
            processors::interleave(&nodes)?;
            Ok(format!("memory spread over the nodes {}", shown(&numbers)))
        }
        NumaChoice::Node => Ok(format!(
            "each encoder on one of the nodes {}",
            shown(&numbers)
        )),
    }
}

/// Where encoders run, each of which is to be `pinned_to` so many processors; `root` is `/` but in tests. On nodes of memory
/// they are kept where more than one has processors that av1enc may use.
///
/// # Errors
/// If the system does not say which it may use.
pub fn seats(standing: &Standing, pinned_to: Option<usize>, root: &Path) -> Result<Seats> {
    if let Some(processors) = pinned_to {
        return Ok(Seats::Processors(processors));
    }
    if standing.numa != Some(NumaChoice::Node) {
        return Ok(Seats::Anywhere);
    }
    let allowed = processors::allowed()?;
    let nodes = processors::nodes(root).into_iter();
    let usable = nodes.map(|node| node.processors.intersection(&allowed).copied().collect());
    let usable: Vec<Numbers> = usable.filter(|node: &Numbers| !node.is_empty()).collect();
    Ok(match usable.len() {
        0 | 1 => Seats::Anywhere,
        _ => Seats::Nodes(usable),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn encoders_are_kept_on_nodes_that_have_processors_for_them() {
        let node = Standing {
            numa: Some(NumaChoice::Node),
            ..Standing::default()
        };
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("sys/devices/system/node");
        let write = |file: &str, text: &str| {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let own = shown(&processors::allowed().unwrap());
        write("online", "0");
        write("node0/cpulist", &own);
        let seats =
            |standing: &Standing, pinned_to| seats(standing, pinned_to, root.path()).unwrap();
        assert_eq!(seats(&node, None), Seats::Anywhere);
        write("online", "0-2");
        write("node1/cpulist", &own);
        // Its memory is beside no processor.
        write("node2/cpulist", "");
        let allowed = || processors::allowed().unwrap();
        assert_eq!(seats(&node, None), Seats::Nodes(vec![allowed(), allowed()]));
        assert_eq!(seats(&Standing::default(), None), Seats::Anywhere);
        assert_eq!(seats(&Standing::default(), Some(2)), Seats::Processors(2));
    }
}
