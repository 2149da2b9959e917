//! More than one machine, on engines that exist: Slurm, GNU parallel over ssh, and what Kubernetes is given.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
};

use serde_json::Value;

use crate::{
    clips,
    encoders::{private, script},
    lab::{self, CHUNKS, finished_in, gated, let_go, undisturbed, wait_for, waiting},
    run::{Ended, Run, nothing_is_left_running},
    slurm::{Cluster, NODES, Process, free_port, has},
};

/// A name that means something to shells, to Slurm, to GNU parallel and to Kubernetes.
const HOSTILE: &str = "it's {} {1} %j $(HOME) `x`";

/// Plans the encode of [`undisturbed`] in a directory of this name, with an encoder that may misbehave; returns the job.
fn planned(dir: &Path, name: &str, encoder: Option<&Path>) -> PathBuf {
    fs::copy(clips::five_scenes(), dir.join("film.mkv")).unwrap();
    let run = Run::bare(dir).args(["plan", "film.mkv"]);
    let run = run.args(["-o", "out.mkv", "--preset", "12", "-w", "2", "--temp", name]);
    let run = match encoder {
        Some(encoder) => run.arg("--encoder-path").arg(encoder),
        None => run,
    };
    let ended = run.succeeds();
    let job = PathBuf::from(ended.stdout.trim_end_matches('\n'));
    assert!(job.is_absolute() && job.ends_with(name), "{job:?}");
    job
}

/// Hands it over, as two tasks: the later three chunks, and the first two. A chunk is thought to take two seconds.
fn submit(dir: &Path, engine: &str, job: &Path) -> Run {
    let run = Run::bare(dir).args(["submit", "--engine", engine, "--task-seconds", "3"]);
    run.args(["--lease-timeout", "1", "--json"]).arg(job)
}

/// The object that it prints.
fn object(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap()
}

/// The numbers of what was handed to Slurm: of the arrays, and of what joins.
fn numbers(object: &Value) -> (Vec<String>, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = object["ids"].as_array().unwrap();
    (ids.iter().map(text).collect(), text(&object["join"]))
}

/// Types a line in a shell that finds av1enc; returns what it prints.
#[track_caller]
fn typed(dir: &Path, line: &str) -> String {
    let bin = Path::new(env!("CARGO_BIN_EXE_av1enc")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-ec", line]).current_dir(dir);
    shell.env("PATH", path).env("AV1ENC_CONFIG", "/dev/null");
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{line}\n{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What is said of the job.
fn status(dir: &Path, job: &Path) -> Value {
    let ended = Run::bare(dir)
        .args(["status", "--json"])
        .arg(job)
        .succeeds();
    object(&ended)["jobs"][0].clone()
}

/// The film of a run on one machine that nothing has disturbed, and nothing else, is there.
#[track_caller]
fn is_the_film(dir: &Path, job: &Path) {
    let logs = || {
        let entries = fs::read_dir(job).into_iter().flatten().flatten();
        let logs = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
        let texts = logs.map(|log| fs::read_to_string(log.path()).unwrap());
        texts.collect::<String>()
    };
    let output = fs::read(dir.join("out.mkv"));
    assert!(output.is_ok(), "no output; {}", logs());
    assert!(
        output.unwrap() == undisturbed(),
        "other bytes than a run on one machine has"
    );
    assert!(!job.exists(), "the job directory is left");
    nothing_is_left_running(dir);
}

/// The hosts that are said to encode chunks of a job right now.
fn encoding(seen: &Value) -> BTreeSet<String> {
    let encoding = seen["shares"]["encoding"].as_array().unwrap();
    let on = encoding
        .iter()
        .map(|share| share["host"].as_str().unwrap().to_owned());
    on.collect()
}

/// The hosts that hold the lease of a chunk.
fn at_work(job: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(job.join("chunks")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let leases = paths.filter(|path| path.extension().is_some_and(|end| end == "lease"));
    let holder =
        |lease: PathBuf| -> Option<Value> { serde_json::from_slice(&fs::read(lease).ok()?).ok() };
    let hosts = leases.filter_map(holder);
    hosts
        .map(|holder| holder["host"].as_str().unwrap().to_owned())
        .collect()
}

/// Both hosts.
fn both() -> BTreeSet<String> {
    NODES.map(str::to_owned).into()
}

/// Waits until two encoders wait that were started since the last time.
fn two_tasks_wait(dir: &Path) {
    wait_for("a task on each node", || waiting(dir).len() == 2);
    for entry in fs::read_dir(dir.join("lab")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("pid-")
        {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn slurm_encodes_a_film_on_two_nodes_with_the_bytes_of_one() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let job = planned(dir.path(), HOSTILE, Some(&gated(dir.path(), "*")));
    let run = || cluster.knows(submit(dir.path(), "slurm", &job));
    let refused = run().args(["--", "--partition=nowhere"]).fails(1);
    let _ = refused.says("invalid partition specified");
    object(&run().succeeds());
    two_tasks_wait(dir.path());
    let again = run().fails(75).says("`av1enc status");
    let (_, line) = again.stderr.split_once("; `scancel").unwrap();
    let line = line.split('`').next().unwrap();
    assert!(
        cluster
            .asked(
                &["scancel"]
                    .into_iter()
                    .chain(line.split_whitespace())
                    .collect::<Vec<_>>()
            )
            .is_some()
    );
    cluster.is_idle();
    let submitted = object(&run().succeeds());
    two_tasks_wait(dir.path());
    let seen = status(dir.path(), &job);
    assert_eq!(
        (&seen["state"], &seen["shares"]["finished"]),
        (&"running".into(), &0.into())
    );
    assert_eq!(encoding(&seen), both(), "{seen}");
    let_go(dir.path());
    cluster.is_idle();
    is_the_film(dir.path(), &job);
    assert_eq!(cluster.value(&numbers(&submitted).1, "ExitCode"), "0:0");
}

#[test]
fn lines_for_slurm_that_are_only_printed_are_those_that_a_shell_runs() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let job = planned(dir.path(), HOSTILE, None);
    let before = lab::snapshot(&job);
    let printed = cluster
        .knows(submit(dir.path(), "slurm", &job))
        .arg("--print")
        .succeeds();
    assert_eq!(lab::snapshot(&job), before, "nothing is changed");
    let lines = object(&printed)["lines"].as_str().unwrap().to_owned();
    // What it is told, a word in each line, but for the name of the job.
    let sbatch = "sbatch() { for word; do case $word in \"$job\") echo job ;; *) echo \"$word\" ;; esac; done >&2; cat >&2; echo 12; }";
    let job = shlex::try_quote(job.to_str().unwrap()).unwrap();
    let told = typed(
        dir.path(),
        &format!("exec 2>told; job={job}; {sbatch}; {lines} cat told"),
    );
    let told: Vec<&str> = told.lines().collect();
    for (word, times) in [
        ("job", 2),
        ("exec \"$@\"", 2),
        ("--array=0-1", 1),
        ("--dependency=afterany:12", 1),
    ] {
        assert_eq!(
            told.iter().filter(|line| **line == word).count(),
            times,
            "{word} in {told:#?}"
        );
    }
    // What README has takes the same way.
    fs::rename(dir.path().join(HOSTILE), dir.path().join("out.mkv.av1enc")).unwrap();
    fs::write(dir.path().join("hosts.txt"), "attic\n").unwrap();
    let (_, text) = include_str!("../../README.md")
        .split_once("### By a scheduler\n")
        .unwrap();
    let text = text.split("\n#").next().unwrap();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("av1enc submit"))
        .collect();
    assert!(lines.len() > 4, "{lines:?}");
    for line in lines {
        let line = line.split(" | ").next().unwrap();
        let line = line.replace("av1enc submit", "av1enc submit --print");
        let line = format!("export {}; {line}", cluster.variable());
        assert!(!typed(dir.path(), &line).is_empty(), "{line}");
    }
}

#[test]
fn what_a_node_was_at_when_it_died_is_done_by_another() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let job = planned(dir.path(), "job", Some(&gated(dir.path(), "*")));
    let submitted = object(&cluster.knows(submit(dir.path(), "slurm", &job)).succeeds());
    let ids = numbers(&submitted).0;
    two_tasks_wait(dir.path());
    cluster.dies(NODES[1]);
    let_go(dir.path());
    cluster.is_idle();
    is_the_film(dir.path(), &job);
    let tasks = (0..2).map(|task| cluster.value(&format!("{}_{task}", ids[0]), "Restarts"));
    assert_eq!(
        tasks.filter(|restarts| restarts == "1").count(),
        1,
        "one task was begun again"
    );
}

#[test]
fn a_task_that_slurm_has_killed_for_its_memory_gets_twice_as_much_the_next_time() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    // As long as that file is there, it holds half a gigabyte, until it is killed.
    let hungry = "[ $chunk != 00002 ] || [ ! -e ../lab/hungry ] || { head -c 512M /dev/zero; sleep 60; } | tail -n 1 >/dev/null";
    let encoder = script(dir.path(), hungry);
    fs::write(dir.path().join("lab/hungry"), "").unwrap();
    let job = planned(dir.path(), "job", Some(&encoder));
    let run = || cluster.knows(submit(dir.path(), "slurm", &job));
    let (ids, join) = numbers(&object(&run().succeeds()));
    cluster.is_idle();
    assert_eq!(finished_in(&job), 2);
    assert_eq!(
        cluster.value(&join, "ExitCode"),
        "6:0",
        "chunks are missing"
    );
    let first = cluster.value(&ids[0], "MinMemoryNode");
    fs::remove_file(dir.path().join("lab/hungry")).unwrap();
    let again = object(&run().succeeds());
    assert_eq!(again["missing"], serde_json::json!([2, 3, 4]));
    let arrays = numbers(&again).0;
    assert_eq!(arrays.len(), 2, "the other two need no more than before");
    let second = cluster.value(&arrays[1], "MinMemoryNode");
    let size = |text: &str| text.trim_end_matches('M').parse::<u64>().unwrap();
    assert_eq!(size(&second), 2 * size(&first), "{first}, {second}");
    cluster.is_idle();
    is_the_film(dir.path(), &job);
}

#[test]
fn where_there_is_no_slurm_that_is_said_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let job = planned(dir.path(), "job", None);
    let nowhere = submit(dir.path(), "slurm", &job).env("PATH", dir.path());
    let _ = nowhere
        .fails(1)
        .says("Slurm's command sbatch is not in PATH");
    for (engine, option, text) in [
        (
            "slurm",
            "--packed",
            "--packed is for --engine parallel: leave it out",
        ),
        (
            "parallel",
            "--print",
            "--hosts is missing: names separated by commas",
        ),
        (
            "parallel",
            "--array-limit=2",
            "--array-limit is for --engine slurm and kubernetes",
        ),
        (
            "kubernetes",
            "--hosts=a",
            "--hosts is for --engine parallel",
        ),
        ("parallel", "--hosts=", "no host is named"),
    ] {
        let _ = submit(dir.path(), engine, &job)
            .arg(option)
            .fails(2)
            .says(text);
    }
    let film = Run::bare(dir.path()).args(["submit", "--engine", "kubernetes", "."]);
    let _ = film
        .fails(3)
        .says("name the one that `av1enc plan` has printed");
}

#[test]
fn what_gnu_parallel_cannot_do_is_refused_before_anything_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let job = planned(dir.path(), "job", None);
    for hosts in [":", "alpha,4/:"] {
        let run = submit(dir.path(), "parallel", &job).args(["--packed", "--hosts", hosts]);
        let ended = run.fails(2).says("which is this one");
        assert!(!ended.stdout.contains("sshlogin"));
    }
    // A name that no line of text can hold, and the link that is advised.
    let strange = dir.path().join("two\nlines");
    fs::rename(&job, &strange).unwrap();
    let run = submit(dir.path(), "parallel", &strange).args(["--hosts", ":"]);
    let ended = run.fails(2).says("takes lines of text").says("`ln -s ");
    assert!(!ended.stdout.contains("sshlogin"));
    std::os::unix::fs::symlink(&strange, &job).unwrap();
    let run = submit(dir.path(), "parallel", &job).args(["--hosts", ":"]);
    let _ = run.succeeds().prints("::::");
}

/// Two hosts that are reached by ssh, by the names of [`NODES`].
struct Hosts {
    dir: tempfile::TempDir,
    _servers: [Process; 2],
}

impl Hosts {
    fn start() -> Option<Self> {
        if !has(&["sshd", "ssh-keygen", "parallel", "rsync"]) {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        for key in ["host", "user"] {
            let file = at(key);
            let words = ["-q", "-t", "ed25519", "-N", "", "-f", &file];
            clips::tool(dir.path(), "ssh-keygen", &words);
        }
        // sshd wants it, whether it uses it or not.
        fs::create_dir_all("/run/sshd").unwrap();
        let mut ways = String::new();
        let servers = NODES.map(|name| {
            let port = free_port();
            let server = format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
                 PidFile none\nPermitRootLogin yes\nAcceptEnv *\n",
                at("host"),
                at("user.pub")
            );
            fs::write(at(name), server).unwrap();
            ways += &format!("Host {name}\nHostName 127.0.0.1\nPort {port}\n");
            let (conf, log) = (at(name), PathBuf::from(at(&format!("{name}.log"))));
            Process::on_a_host(name, &["/usr/sbin/sshd", "-D", "-e", "-f", &conf], &log)
        });
        ways += &format!(
            "Host *\nIdentityFile {}\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n",
            at("user")
        );
        fs::write(at("ways"), ways).unwrap();
        let hosts = Self {
            dir,
            _servers: servers,
        };
        for name in NODES {
            let reached = || hosts.ssh().arg(name).arg("true").output().unwrap();
            wait_for("a host that is reached by ssh", || {
                reached().status.success()
            });
        }
        Some(hosts)
    }

    fn ssh(&self) -> Command {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(self.dir.path().join("ways"));
        command
    }

    /// What is handed to GNU parallel so that it reaches them.
    fn option(&self) -> String {
        format!("--ssh=ssh -F {}", self.dir.path().join("ways").display())
    }

    /// Runs lines that were printed, as somebody pastes them into a shell.
    fn run(&self, dir: &Path, lines: &str) -> Output {
        let mut shell = Command::new("sh");
        shell.args(["-ec", lines]).current_dir(dir);
        shell
            .env("HOME", self.dir.path())
            .env("PARALLEL_HOME", self.dir.path().join("parallel"));
        shell.env("XDG_DATA_HOME", data()).output().unwrap()
    }
}

/// Where av1enc looks for programs of its own.
fn data() -> PathBuf {
    let own = private("").unwrap();
    own.parent().unwrap().to_owned()
}

/// The line that joins, and those before it.
fn split(submitted: &Value) -> (&str, &str) {
    let lines = submitted["lines"].as_str().unwrap();
    lines.trim_end().rsplit_once('\n').unwrap()
}

#[test]
fn gnu_parallel_encodes_a_film_on_two_hosts_that_ssh_reaches_and_that_need_not_see_it() {
    let Some(ways) = Hosts::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let job = planned(dir.path(), HOSTILE, Some(&gated(dir.path(), "*")));
    let names = dir.path().join("names of hosts");
    fs::write(&names, NODES.join("\n")).unwrap();
    let submit = |hosts: &Path, more: &[&str]| {
        let run = submit(dir.path(), "parallel", &job).args(more);
        let run = run.arg("--hosts").arg(hosts).args(["--", &ways.option()]);
        object(&run.succeeds())
    };
    let submitted = submit(&names, &[]);
    let (encode, _) = split(&submitted);
    thread::scope(|scope| {
        let run = scope.spawn(|| ways.run(dir.path(), encode));
        wait_for("a task on each host", || {
            at_work(&job) == both() || run.is_finished()
        });
        let_go(dir.path());
        let output = run.join().unwrap();
        assert!(output.status.success(), "{encode}\n{output:?}");
    });
    assert_eq!(finished_in(&job), CHUNKS);
    fs::remove_file(job.join("chunks/00003.json")).unwrap();
    let submitted = submit(Path::new(&NODES.join(",")), &["--packed"]);
    let (encode, join) = split(&submitted);
    assert!(encode.contains("--chunks 3 --pack"), "{encode}");
    for lines in [encode, join] {
        let output = ways.run(dir.path(), lines);
        assert!(output.status.success(), "{lines}\n{output:?}");
    }
    is_the_film(dir.path(), &job);
}

#[test]
fn the_manifest_for_kubernetes_is_one_by_its_published_schemas() {
    let Some(python) = private("kubernetes-validate/bin/python3") else {
        return eprintln!(
            "SKIPPED, nothing is tested here: ./setup test has not installed the schemas"
        );
    };
    let dir = tempfile::tempdir().unwrap();
    let job = planned(dir.path(), HOSTILE, None);
    let run = || submit(dir.path(), "kubernetes", &job).args(["--array-limit", "1"]);
    let manifest = object(&run().succeeds())["manifest"].clone();
    let validated = |version: &str, manifest: &Value| {
        let file = dir.path().join("manifest.json");
        fs::write(&file, manifest.to_string()).unwrap();
        let mut command = Command::new(&python);
        command
            .args(["-m", "kubernetes_validate", "--strict", "-k", version])
            .arg(&file);
        command.output().unwrap()
    };
    for version in ["1.33", "1.37"] {
        let output = validated(version, &manifest);
        assert!(output.status.success(), "{output:?}");
    }
    let mut wrong = manifest.clone();
    wrong["spec"]["backoffLimitForIndex"] = 3.into();
    assert!(
        !validated("1.37", &wrong).status.success(),
        "it looks at what there is"
    );
    let spec = &manifest["spec"];
    assert_eq!(
        (&spec["completions"], &spec["parallelism"]),
        (&2.into(), &1.into())
    );
    // What a container runs finds its task.
    let command = spec["template"]["spec"]["containers"][0]["command"]
        .as_array()
        .unwrap();
    let words = command[1..]
        .iter()
        .map(|word| word.as_str().unwrap().replace("$$", "$"));
    Run::bare(dir.path())
        .args(words)
        .env("JOB_COMPLETION_INDEX", "1")
        .succeeds();
    let rest = object(&run().arg("--print").succeeds());
    assert_eq!(rest["missing"], serde_json::json!([2, 3, 4]));
}

#[test]
fn a_planned_job_is_gone_on_with_by_the_lines_that_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let job = planned(dir.path(), HOSTILE, None);
    let seen = status(dir.path(), &job);
    assert_eq!(
        (&seen["state"], &seen["percent"]),
        (&"planned".into(), &0.0.into())
    );
    assert_eq!(
        seen["shares"]["missing"],
        serde_json::json!([0, 1, 2, 3, 4])
    );
    let shown = Run::bare(dir.path()).arg("status").succeeds();
    let _ = shown
        .prints("planned  Encoding 0 %, 0/130 frames")
        .prints("chunks   0 of 5; missing 0-4");
    typed(dir.path(), seen["go_on"].as_str().unwrap());
    assert_eq!(finished_in(&job), CHUNKS);
    let go_on = status(dir.path(), &job)["go_on"]
        .as_str()
        .unwrap()
        .to_owned();
    let nothing = Run::bare(dir.path())
        .args(["submit", "--engine", "kubernetes"])
        .arg(&job);
    let nothing = nothing.succeeds().prints_nothing();
    let _ = nothing.says(&format!(
        "no chunk of 5 chunks is missing: only `{go_on}` is left"
    ));
    // Slurm is given only that.
    match Cluster::start() {
        Some(cluster) => {
            let submitted = object(&cluster.knows(submit(dir.path(), "slurm", &job)).succeeds());
            assert_eq!(
                (&submitted["tasks"], &submitted["ids"]),
                (&0.into(), &serde_json::json!([]))
            );
            cluster.is_idle();
        }
        None => drop(typed(dir.path(), &go_on)),
    }
    is_the_film(dir.path(), &job);
}
