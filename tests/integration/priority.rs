//! The machine stays usable: encoders take no right to the processors that nobody has given them.

use std::{cell::RefCell, collections::BTreeMap, fs, path::Path};

use caps::{CapSet, Capability::CAP_SYS_NICE};

use crate::{
    clips,
    encoders::real,
    run::{Run, processes_of},
};

/// SCHED_OTHER (linux/sched.h): what `ps` calls TS.
const TIME_SHARING: &str = "0";

/// An encode by one encoder that takes a moment, begun by `prefix`.
fn encode(dir: &Path, prefix: &[&str]) -> Run {
    Run::bare(dir)
        .begun_by(prefix)
        .args(["-w", "1", "--lp", "2", "--preset", "6", "-o", "out.mkv"])
        .arg("--encoder-path")
        .arg(real())
        .arg(clips::one_scene())
}

/// The scheduling class and the nice value of each thread of a process whose threads' names begin with `svt`.
fn classes(process: &Path) -> Vec<(String, String)> {
    let tasks = fs::read_dir(process.join("task")).into_iter().flatten();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let class = |stat: String| {
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let fields: Vec<_> = fields.split(' ').map(str::to_owned).collect();
        // proc(5) counts from 1, and two fields are before these: 41 is the policy, 19 the nice value.
        (name.to_lowercase().starts_with("svt")).then(|| (fields[38].clone(), fields[16].clone()))
    };
    stats.filter_map(class).collect()
}

/// What every thread of the encoder has while it encodes, and of how many threads at once that was seen.
fn seen(dir: &Path, run: Run) -> (BTreeMap<(String, String), usize>, usize) {
    let (seen, most) = (RefCell::new(BTreeMap::new()), RefCell::new(0));
    run.start()
        .wait_until("the output is there", || {
            let threads: Vec<_> = processes_of(dir).iter().flat_map(|p| classes(p)).collect();
            most.replace_with(|most| threads.len().max(*most));
            for class in threads {
                *seen.borrow_mut().entry(class).or_insert(0) += 1;
            }
            dir.join("out.mkv").exists()
        })
        .ends()
        .exits(0);
    (seen.into_inner(), most.into_inner())
}

#[track_caller]
fn every_thread_has_class_ts(prefix: &[&str], nice: &str) {
    if !caps::has_cap(None, CapSet::Effective, CAP_SYS_NICE).unwrap() {
        eprintln!("SKIPPED, nothing is tested here: only root takes real-time priority");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (classes, most) = seen(dir.path(), encode(dir.path(), prefix));
    assert!(most > 5, "an encoder at work was seen: {classes:?}");
    let all: Vec<_> = classes
        .keys()
        .map(|(class, nice)| [class.as_str(), nice])
        .collect();
    assert_eq!(all, [[TIME_SHARING, nice]]);
}

#[test]
fn as_root_no_thread_of_an_encoder_has_real_time_priority() {
    every_thread_has_class_ts(&[], "0");
}

#[test]
fn nice_holds_for_every_thread_of_an_encoder() {
    every_thread_has_class_ts(&["nice", "-n", "19"], "19");
}

#[test]
fn no_encoder_has_real_time_priority_in_a_container_that_withholds_the_right_to_forbid_it() {
    every_thread_has_class_ts(&["setpriv", "--bounding-set", "-setpcap"], "0");
}
