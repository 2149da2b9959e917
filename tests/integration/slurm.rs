//! Slurm on this machine: a controller and two nodes, each with its own processes and its own name, that are gone with the test.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use nix::unistd::geteuid;

use crate::{lab::wait_for, run::Run};

/// The names of the nodes.
pub const NODES: [&str; 2] = ["north", "south"];

/// A cluster of two nodes with one processor each.
pub struct Cluster {
    dir: tempfile::TempDir,
    nodes: Vec<Process>,
    _controller: Process,
    _munge: Process,
    /// Four of them at once would take a machine of two cores all its time, and each other's ports. The last to go.
    _alone: MutexGuard<'static, ()>,
}

/// A process that ends when this is dropped, and with the test in any case.
pub struct Process(Child);

impl Process {
    /// Starts it; what it says goes to a file.
    pub fn start(words: &[&str], log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args(words)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Self(child.unwrap())
    }

    /// The same with processes and a host name of its own: with it, all end that it has started.
    pub fn on_a_host(name: &str, words: &[&str], log: &Path) -> Self {
        let mut all = "unshare --mount --uts --pid --fork --kill-child=KILL --mount-proc sh -c"
            .split(' ')
            .collect::<Vec<_>>();
        all.extend(["hostname \"$0\" && exec \"$@\"", name]);
        Self::start(&[&all, words].concat(), log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port of this host that nobody has.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Whether these programs are here, and this user may start them.
pub fn has(programs: &[&str]) -> bool {
    let path = std::env::var("PATH").unwrap() + ":/usr/sbin";
    let is_here = |program: &&str| {
        path.split(':')
            .any(|dir| Path::new(dir).join(program).exists())
    };
    let has = geteuid().is_root() && programs.iter().all(is_here);
    if !has {
        eprintln!(
            "SKIPPED, nothing is tested here: that takes root and {programs:?}; ./setup test installs them"
        );
    }
    has
}

impl Cluster {
    /// Starts one, where Slurm is installed.
    pub fn start() -> Option<Self> {
        let programs = [
            "/usr/sbin/munged",
            "/usr/sbin/slurmctld",
            "/usr/sbin/slurmd",
        ];
        if !has(&["munged", "slurmctld", "slurmd", "sbatch"]) {
            return None;
        }
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        // Whoever runs a task looks into it.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["state", "spool", "munge"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::set_permissions(at("munge"), fs::Permissions::from_mode(0o755)).unwrap();
        let munge = Self::munge(programs[0], &at("munge"));
        fs::write(at("slurm.conf"), configuration(dir.path())).unwrap();
        let conf = at("slurm.conf");
        let words = [programs[1], "-D", "-c", "-f", conf.to_str().unwrap()];
        let mut cluster = Self {
            _alone: alone,
            nodes: Vec::new(),
            _controller: Process::start(&words, &at("slurmctld.out")),
            _munge: munge,
            dir,
        };
        for name in NODES {
            let words = [programs[2], "-D", "-N", name, "-f", conf.to_str().unwrap()];
            let log = cluster.dir.path().join(format!("{name}.out"));
            cluster.nodes.push(Process::on_a_host(name, &words, &log));
        }
        let all = ["sinfo", "--noheader", "--Node", "--format=%T"];
        cluster.says("two nodes that wait for work", &all, "idle\nidle\n");
        Some(cluster)
    }

    fn munge(program: &str, dir: &Path) -> Process {
        let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
        fs::write(
            at("key"),
            blake3::hash(at("key").as_bytes()).to_hex().repeat(8),
        )
        .unwrap();
        fs::set_permissions(at("key"), fs::Permissions::from_mode(0o400)).unwrap();
        let files = [
            ("--socket=", "socket"),
            ("--key-file=", "key"),
            ("--pid-file=", "pid"),
            ("--log-file=", "log"),
            ("--seed-file=", "seed"),
        ];
        let files = files.map(|(option, name)| option.to_owned() + &at(name));
        let mut words = vec![program, "--foreground", "--force", "--num-threads=2"];
        words.extend(files.iter().map(String::as_str));
        let munge = Process::start(&words, &dir.join("out"));
        wait_for("munge", || Path::new(&at("socket")).exists());
        munge
    }

    fn conf(&self) -> PathBuf {
        self.dir.path().join("slurm.conf")
    }

    /// av1enc that hands its work to this cluster.
    pub fn knows(&self, run: Run) -> Run {
        run.env("SLURM_CONF", self.conf())
    }

    /// The same for a shell.
    pub fn variable(&self) -> String {
        format!("SLURM_CONF={}", self.conf().display())
    }

    /// What one of Slurm's commands prints; `None` if it fails.
    pub fn asked(&self, words: &[&str]) -> Option<String> {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("SLURM_CONF", self.conf());
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(text)
    }

    /// Waits until nothing waits or runs any more.
    #[track_caller]
    pub fn is_idle(&self) {
        self.says("the end of all jobs", &["squeue", "--noheader"], "");
    }

    /// Waits until a command prints this.
    #[track_caller]
    fn says(&self, what: &str, words: &[&str], text: &str) {
        wait_for(what, || {
            // Whoever asks all the time takes it from those who work.
            thread::sleep(Duration::from_millis(100));
            self.asked(words).as_deref() == Some(text)
        });
    }

    /// What Slurm says of a job: the first value of this name.
    pub fn value(&self, job: &str, name: &str) -> String {
        let text = self
            .asked(&["scontrol", "--oneliner", "show", "job", job])
            .unwrap();
        let mut words = text.split([' ', '\n']);
        let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value
            .unwrap_or_else(|| panic!("{name} in {text}"))
            .to_owned()
    }

    /// A node dies, with all that runs on it, and whoever watches over the cluster says so.
    pub fn dies(&mut self, node: &str) {
        let at = NODES.iter().position(|name| *name == node).unwrap();
        drop(self.nodes.remove(at));
        let node = format!("NodeName={node}");
        let words = ["scontrol", "update", &node, "State=DOWN", "Reason=dead"];
        assert!(self.asked(&words).is_some());
    }
}

/// Two nodes on one machine. What takes more memory than it asked for is killed, and what died with its node is begun again
/// after seconds: else that takes two minutes.
fn configuration(dir: &Path) -> String {
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let host = host.split('.').next().unwrap();
    let [controller, north, south] = [(); 3].map(|()| free_port());
    let [north, south] = [(NODES[0], north), (NODES[1], south)].map(|(name, port)| {
        format!("NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=1500")
    });
    let dir = dir.display();
    format!(
        "ClusterName=av1enc
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={dir}/munge/socket,cred_expire=5
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool/%n
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/%n.pid
SlurmctldLogFile={dir}/slurmctld.log
SlurmdLogFile={dir}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=1
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=1
{north}
{south}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"
    )
}
