//! Kubernetes: the manifest of an indexed job, as JSON, which `kubectl` takes as it takes YAML.

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::scheduler::{Array, Order};
use crate::os::{
    exit::{Exit, UsageError},
    process::quoted,
};

/// Where tasks run, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Cluster<'a> {
    /// The container's image.
    pub image: &'a str,
    /// The volume claim on which job and source are.
    pub claim: &'a str,
    /// The source, absolute.
    pub source: &'a Path,
    /// The numbers of the user and of the group to whom the job directory belongs.
    pub owner: (u32, u32),
}

/// What the container and its volume are called.
const NAME: &str = "av1enc";

/// How often a task is tried.
const TRIES: u32 = 3;

/// The manifest: a job for each array, in a list where there are several.
///
/// # Errors
/// [`UsageError`] if a name cannot stand in a manifest, or one volume cannot hold both job and source.
pub fn manifest(order: &Order, arrays: &[Array], cluster: &Cluster) -> Result<Value> {
    let jobs = arrays.iter().map(|array| job(order, array, cluster));
    let jobs: Vec<Value> = jobs.collect::<Result<_>>()?;
    Ok(match <[Value; 1]>::try_from(jobs) {
        Ok([job]) => job,
        Err(jobs) => json!({"apiVersion": "v1", "kind": "List", "items": jobs}),
    })
}

fn job(order: &Order, array: &Array, cluster: &Cluster) -> Result<Value> {
    let tasks = array.tasks.len();
    let at_once = order.limit.map_or(tasks, |limit| tasks.min(limit as usize));
    let never = [Exit::Usage, Exit::Taken, Exit::Film].map(Exit::code);
    Ok(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": format!("{}-{}", order.label(), array.tasks.start)},
        "spec": {
            "completionMode": "Indexed",
            "completions": tasks,
            "parallelism": at_once,
            "backoffLimitPerIndex": TRIES,
            "podFailurePolicy": {
                "rules": [
                    // A node that goes away is no fault of the task.
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {"action": "FailIndex", "onExitCodes": {"containerName": NAME, "operator": "In", "values": never}},
                ],
            },
            "template": {"spec": pod(order, array, cluster)?},
        },
    }))
}

fn pod(order: &Order, array: &Array, cluster: &Cluster) -> Result<Value> {
    let command: Vec<String> = order
        .chunk(array)
        .iter()
        .map(|word| literal(word))
        .collect::<Result<_>>()?;
    let place = mounted(order.job, cluster.source)?;
    let memory = format!("{}Mi", array.memory_bytes.div_ceil(1 << 20));
    let (user, group) = cluster.owner;
    Ok(json!({
        "restartPolicy": "Never",
        // Nobody else's job directory is worked in.
        "securityContext": {"runAsUser": user, "runAsGroup": group},
        "containers": [{
            "name": NAME,
            "image": cluster.image,
            "command": command,
            "resources": {
                "requests": {"cpu": order.threads.max(1).to_string(), "memory": memory},
                "limits": {"memory": memory},
            },
            "volumeMounts": [{"name": NAME, "mountPath": text(place.as_os_str())?}],
        }],
        "volumes": [{"name": NAME, "persistentVolumeClaim": {"claimName": cluster.claim}}],
    }))
}

/// A word of a command as Kubernetes passes it on: it would put variables in the place of `$(NAME)`.
fn literal(word: &OsStr) -> Result<String> {
    Ok(text(word)?.replace('$', "$$"))
}

fn text(name: &OsStr) -> Result<&str> {
    name.to_str().with_context(|| {
        let shown = quoted(name);
        UsageError(format!(
            "{shown} is no UTF-8, which a manifest of Kubernetes is: rename it, plan again, and submit that"
        ))
    })
}

/// The directory in which both job and source are: the volume is mounted there.
fn mounted(job: &Path, source: &Path) -> Result<PathBuf> {
    let above = source.parent().unwrap_or(source);
    let parts = job.components().zip(above.components());
    let common: PathBuf = parts
        .take_while(|(a, b)| a == b)
        .map(|(part, _)| part)
        .collect();
    let shown = |path: &Path| quoted(path.as_os_str());
    if common.components().all(|part| part == Component::RootDir) {
        bail!(UsageError(format!(
            "{} and {} are in no directory but `/` together, where no volume can be mounted: plan with --temp in a directory \
             beside the film",
            shown(job),
            shown(source)
        )));
    }
    if common.as_os_str().as_encoded_bytes().contains(&b':') {
        bail!(UsageError(format!(
            "Kubernetes mounts nothing at a path with a colon in it, as {} has: rename that directory, plan again, and \
             submit that",
            shown(&common)
        )));
    }
    Ok(common)
}

#[cfg(test)]
mod tests {
    use super::{
        super::scheduler::tests::{array, order},
        *,
    };

    fn cluster(source: &str) -> Cluster<'_> {
        Cluster {
            image: "registry/av1enc:1",
            claim: "films",
            source: Path::new(source),
            owner: (1000, 100),
        }
    }

    #[test]
    fn a_manifest_says_how_many_tasks_there_are_and_what_they_need() {
        let order = Order {
            limit: Some(4),
            ..order("/films/jobs/$(HOME) a.av1enc")
        };
        let cluster = cluster("/films/in/a.mkv");
        let job = manifest(&order, &[array()], &cluster).unwrap();
        assert_eq!(job["metadata"]["name"], "av1enc-home-a-3");
        let spec = &job["spec"];
        assert_eq!(
            (&spec["completions"], &spec["parallelism"]),
            (&json!(12), &json!(4))
        );
        let never = &spec["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"];
        assert_eq!(*never, json!([2, 3, 8]));
        let container = &spec["template"]["spec"]["containers"][0];
        assert_eq!(container["command"][2], "/films/jobs/$$(HOME) a.av1enc");
        assert_eq!(container["resources"]["limits"]["memory"], "1024Mi");
        assert_eq!(container["volumeMounts"][0]["mountPath"], "/films");
        let both = manifest(&order, &[array(), array()], &cluster).unwrap();
        assert_eq!(
            (&both["kind"], both["items"].as_array().unwrap().len()),
            (&json!("List"), 2)
        );
    }

    #[test]
    fn what_one_volume_cannot_hold_is_refused_in_words() {
        let refused = |job: &str, source: &str| {
            let error = manifest(&order(job), &[array()], &cluster(source)).unwrap_err();
            assert!(error.is::<UsageError>());
            error.to_string()
        };
        assert!(refused("/jobs/a.av1enc", "/films/a.mkv").contains("in no directory but `/`"));
        assert!(refused("/a:b/a.av1enc", "/a:b/a.mkv").contains("with a colon"));
    }
}
