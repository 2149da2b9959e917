"""What the measuring scripts in this directory share: run a program and say what all of its tree used.

Every run gets a control group of its own (version 1 or 2, which needs root), and the encoders one below it. That is
exact: it also counts children that nobody waits for, which `time` and getrusage leave out. Where control groups cannot
be made, /proc is sampled instead, and `method()` says so.

Units: seconds and bytes.
"""

import argparse
import ctypes
import dataclasses
import itertools
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1 << 20
GIB = 1 << 30
EVERY = 0.1  # seconds between two looks at the memory of a tree
SHARE = 1 / 30  # at most this part of a core goes into looking
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

# How av1an is to do what av1enc does.
AS_AV1ENC = ["-e", "svt-av1", "-m", "ffms2", "-c", "mkvmerge", "-x", "240"]

# sh -c ENTER enter FILE... -- COMMAND...: becomes COMMAND after its process number has gone into every FILE.
ENTER = 'while [ "$1" != -- ]; do echo $$ >>"$1" || exit 125; shift; done; shift; exec "$@"'
# Stands in PATH in place of the encoder, and becomes the encoder once it is counted as one.
ENCODER = '#!/bin/sh\necho $$ >>"$BENCH_ENCODERS" && exec "$BENCH_ENCODER" "$@"\n'

# Throws its frames away, and says that they are grey. The first time, when av1enc tries the encoder, the real one makes
# as many grey frames as the longest chunk has, with the same options.
SINK = """#!/usr/bin/env python3
import os, subprocess, sys
real, options, output = os.environ["BENCH_SINK_ENCODER"], sys.argv[1:-1], sys.argv[-1]
if {"--version", "--help", "--full-help"} & set(sys.argv):
    os.execv(real, sys.argv)
head = bytearray()
while head[-1:] != b"\\n":
    head += os.read(0, 1)
fields = {field[:1]: field[1:] for field in head.decode().split()[1:]}
samples = int(fields["W"]) * int(fields["H"]) * 3 // 2
sample = b"\\0\\2" if "p10" in fields["C"] else b"\\x80"
frame = b"FRAME\\n" + sample * samples
total, nowhere = 0, os.open("/dev/null", os.O_WRONLY)
while taken := os.splice(0, nowhere, 1 << 20):
    total += taken
kept = os.path.join(os.environ["BENCH_SINK_KEPT"], "{W}x{H}.ivf".format(**fields))
if not os.path.exists(kept):
    with subprocess.Popen([real, *options, kept], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as encoder:
        encoder.stdin.write(head)
        for _ in range(300):
            encoder.stdin.write(frame)
        encoder.stdin.close()
with open(kept, "rb") as file:
    grey = file.read()
end = 32
for _ in range(total // len(frame)):
    end += 12 + int.from_bytes(grey[end : end + 4], "little")
with open(output, "wb") as file:
    file.write(grey[:end])
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def die(text):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {text}")


# ---- The tree of a run -----------------------------------------------------------------------------------------------


def hierarchies():
    """Where control groups count: {"cpu": directory, "memory": directory}, as far as there are any that we may use."""
    found = {}
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, options = line.split()[:4]
        mount = pathlib.Path(mount)
        if kind == "cgroup":
            names = {"cpuacct": "cpu", "memory": "memory"}
            found.update({names[option]: mount for option in options.split(",") if option in names})
        elif kind == "cgroup2":
            found.setdefault("cpu", mount)
            if "memory" in (mount / "cgroup.subtree_control").read_text().split():
                found.setdefault("memory", mount)
    return {what: mount for what, mount in found.items() if os.access(mount, os.W_OK)}


HIERARCHIES = hierarchies()
NUMBERS = itertools.count(1)


def method():
    """One sentence on how CPU time is counted."""
    if "cpu" in HIERARCHIES:
        return "CPU time is that of a control group for each run, its encoders in one of their own: exact."
    return "CPU time is summed up from /proc ten times a second (no control groups here): a little too low."


class Group:
    """A control group for one run, with one below it for its encoders; with `limit`, no more memory than that."""

    def __init__(self, limit=None):
        name = f"av1enc-bench-{os.getpid()}-{next(NUMBERS)}"
        self.dirs = {what: mount / name for what, mount in HIERARCHIES.items()}
        for directory in set(self.dirs.values()):
            (directory / "encoder").mkdir(parents=True)
        self.entrances = [directory / "cgroup.procs" for directory in set(self.dirs.values())]
        self.encoders = self.dirs["cpu"] / "encoder" / "cgroup.procs"
        if limit is not None:
            if "memory" not in self.dirs:
                die("memory cannot be limited here: it takes root and a memory control group")
            self._first("memory", "memory.limit_in_bytes", "memory.max").write_text(str(limit))

    def _first(self, what, *names):
        """The file that this version of control groups has."""
        return next(path for name in names if (path := self.dirs[what] / name).exists())

    def _field(self, what, file, *names):
        """A number out of a file of lines `name number`."""
        lines = (line.split() for line in self._first(what, file).read_text().splitlines())
        fields = {name: int(number) for name, number in lines}
        return next((fields[name] for name in names if name in fields), 0)

    def split(self):
        """Process numbers of the encoders, and of all others."""
        files = (self.encoders, self.encoders.parent.parent / "cgroup.procs")
        return [[int(pid) for pid in file.read_text().split()] for file in files]

    def pids(self):
        encoders, others = self.split()
        return encoders + others

    def look(self):
        """Nothing: the kernel keeps the sums."""

    def cpu(self):
        """Seconds of the whole tree, and of the encoders in it."""

        def used(directory):
            if (directory / "cpuacct.usage").exists():
                return int((directory / "cpuacct.usage").read_text()) / 1e9
            fields = dict(line.split() for line in (directory / "cpu.stat").read_text().splitlines())
            return int(fields["usage_usec"]) / 1e6

        return used(self.dirs["cpu"]), used(self.encoders.parent)

    def resident(self):
        """Bytes that cannot be given back: memory of the processes, without the page cache."""
        return self._field("memory", "memory.stat", "total_rss", "anon") if "memory" in self.dirs else 0

    def oom_kills(self):
        if "memory" not in self.dirs:
            return 0
        v1 = self.dirs["memory"] / "memory.oom_control"
        return self._field("memory", v1.name if v1.exists() else "memory.events", "oom_kill")

    def close(self):
        """Ends what is left of the run."""
        for pid in self.pids():
            kill(pid)
        for directory in set(self.dirs.values()):
            for path in (directory / "encoder", directory):
                for _ in range(100):
                    try:
                        path.rmdir()
                        break
                    except OSError:  # the last process is still on its way out
                        time.sleep(0.05)


class Descendants:
    """The same without control groups: every process that descends from this one, looked at again and again."""

    def __init__(self, limit=None):
        if limit is not None:
            die("memory cannot be limited here: it takes root and a memory control group")
        # Orphans become our children, not init's.
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
        directory = pathlib.Path(tempfile.mkdtemp(prefix="av1enc-bench-"))
        self.entrances, self.encoders, self.used = [], directory / "encoders", {}

    def pids(self):
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            pid = int(stat.parent.name)
            parents[pid] = (int(fields[1]), (int(fields[11]) + int(fields[12])) / CLOCK_TICKS)
        tree, grown = {os.getpid()}, True
        while grown:
            grown = {pid for pid, (parent, _) in parents.items() if parent in tree} - tree
            tree |= grown
        tree.discard(os.getpid())
        self.used.update({pid: parents[pid][1] for pid in tree})
        return sorted(tree)

    look = pids

    def known_encoders(self):
        return {int(pid) for pid in self.encoders.read_text().split()} if self.encoders.exists() else set()

    def split(self):
        pids, encoders = self.pids(), self.known_encoders()
        return [pid for pid in pids if pid in encoders], [pid for pid in pids if pid not in encoders]

    def cpu(self):
        encoders = self.known_encoders()
        return sum(self.used.values()), sum(used for pid, used in self.used.items() if pid in encoders)

    def resident(self):
        return 0

    def oom_kills(self):
        return 0

    def close(self):
        for pid in self.pids():
            kill(pid)
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            shutil.rmtree(self.encoders.parent)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def pss(pid):
    """Proportional set size: shared pages count by their share, so that the sum over a tree is true."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    except OSError:  # it has ended
        pass
    return 0


# ---- A run -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Run:
    """What a run came to."""

    exit: int = 0
    wall: float = 0.0
    cpu: float = 0.0  # of the whole tree
    encoder_cpu: float = 0.0
    peak_pss: int = 0  # the highest sum over the tree that was seen
    peak_outside: int = 0  # the same without the encoders
    peak_resident: int = 0  # memory of all processes, as the control group counts it
    oom_kills: int = 0
    timed_out: bool = False
    lines: list = dataclasses.field(default_factory=list)  # of standard output: (seconds since the start, text)

    @property
    def outside(self):
        """CPU seconds outside the encoders."""
        return self.cpu - self.encoder_cpu


class Bench:
    """Runs commands in a scratch directory, with one encoder for all of them."""

    def __init__(self, encoder, work, timeout):
        self.timeout = timeout
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="av1enc-bench-", dir=work))
        self.bin = self.work / "bin"
        self.bin.mkdir()
        self.encoder = self.bin / "SvtAv1EncApp"
        self.encoder.write_text(ENCODER)
        self.encoder.chmod(0o755)
        self.real_encoder = encoder

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.work, ignore_errors=True)

    def directory(self, clip):
        """A new directory that holds nothing but `clip` under a name of its own: what is written beside it is new."""
        directory = pathlib.Path(tempfile.mkdtemp(dir=self.work))
        copy = directory / ("clip" + clip.suffix)
        try:
            os.link(clip, copy)
        except OSError:
            shutil.copyfile(clip, copy)
        return directory, copy

    def run(self, *commands, cwd, limit=None, beside=None):
        """Runs `commands` as a pipeline. `beside` is called while it runs, on a thread of its own, with its group, the
        process number of the first command, and the event that it has ended."""
        group = (Group if "cpu" in HIERARCHIES else Descendants)(limit)
        run, ended, threads, processes = Run(), threading.Event(), [], []
        env = os.environ | {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "BENCH_ENCODERS": str(group.encoders),
            "BENCH_ENCODER": str(self.real_encoder),
        }
        started = time.monotonic()

        def read(pipe):
            for line in pipe:
                run.lines.append((time.monotonic() - started, line.decode(errors="replace").rstrip("\n")))

        def watch():
            pause = 0.0
            while not ended.wait(pause):
                looked = time.monotonic()
                encoders, outside = (sum(map(pss, pids)) for pids in group.split())
                run.peak_pss = max(run.peak_pss, encoders + outside)
                run.peak_outside = max(run.peak_outside, outside)
                run.peak_resident = max(run.peak_resident, group.resident())
                pause = max(EVERY, (time.monotonic() - looked) / SHARE)

        try:
            with open(cwd / "log", "ab") as log:
                stdin = subprocess.DEVNULL
                for command in commands:
                    process = start(group, command, cwd=cwd, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=log)
                    if stdin is not subprocess.DEVNULL:
                        stdin.close()
                    stdin = process.stdout
                    processes.append(process)
            threads = [threading.Thread(target=read, args=[stdin]), threading.Thread(target=watch)]
            if beside is not None:
                threads.append(threading.Thread(target=beside, args=[group, processes[0].pid, ended]))
            for thread in threads:
                thread.start()
            for process in processes:
                remaining = started + self.timeout - time.monotonic()
                if not wait_unreaped(process.pid, remaining):
                    run.timed_out = True
                    for pid in group.pids():
                        kill(pid)
            run.wall = time.monotonic() - started
            group.look()
            run.exit = next((code for process in processes if (code := process.wait()) != 0), 0)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
            run.cpu, run.encoder_cpu = group.cpu()
            run.oom_kills = group.oom_kills()
            group.close()
        return run


def start(group, command, **how):
    """Starts `command` inside `group`."""
    entrances = [str(path) for path in group.entrances]
    return subprocess.Popen(["/bin/sh", "-c", ENTER, "enter", *entrances, "--", *map(str, command)], **how)


def wait_unreaped(pid, seconds):
    """Waits until `pid` has ended, but leaves it to be looked at; whether it did within `seconds`."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    return True


# ---- Tools and clips -------------------------------------------------------------------------------------------------


def tool(given, name):
    """The program that an option names, or the one in PATH; `None` if there is none."""
    found = shutil.which(given or name)
    if given and not found:
        die(f"there is no program `{given}`")
    return pathlib.Path(found).resolve() if found else None


def need(given, name, option):
    return tool(given, name) or die(f"there is no {name} in PATH: say where it is with {option}")


def frames(path):
    """Frames of the first video track; 0 if there is none."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_packets"]
    command += ["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", f"file:{path}"]
    counted = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().rstrip(",")
    return int(counted) if counted.isdigit() else 0


def version(command, *args):
    """The first line that a program prints about itself."""
    done = subprocess.run([command, *args], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return next((line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()), "unknown version")


def help_text(command):
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def tail(directory, lines=15):
    """The last lines of a run's log."""
    return "\n".join((directory / "log").read_text(errors="replace").replace("\r", "\n").splitlines()[-lines:])


def sink(directory, encoder):
    """Writes an encoder that costs nothing into `directory`, for films up to 300 frames a chunk: its path."""
    kept = directory / "kept"
    kept.mkdir()
    os.environ.update(BENCH_SINK_ENCODER=str(encoder), BENCH_SINK_KEPT=str(kept))
    program = directory / "SvtAv1EncApp"
    program.write_text(SINK)
    program.chmod(0o755)
    return program


# ---- Tables ----------------------------------------------------------------------------------------------------------


def machine():
    """What was measured on: no names."""
    cpu = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    kernel = platform.release().partition("-")[0]
    return f"{cpu or platform.machine()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, Linux {kernel}"


def spread(values, digits=2):
    """The median, and from where to where."""
    if not values:
        return "–"
    middle, low, high = (f"{f(values):.{digits}f}" for f in (statistics.median, min, max))
    return middle if low == high else f"{middle} ({low}–{high})"


def table(header, rows):
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def options(text):
    """The options that all scripts have."""
    parser = argparse.ArgumentParser(
        description=text.strip(), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--encoder", metavar="PROGRAM", help="SvtAv1EncApp for all [the one in PATH]")
    parser.add_argument("--work", metavar="DIR", help="where the runs write; a disk, not memory [the system's place]")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=3600, help="for one run [3600]")
    parser.add_argument("--out", metavar="FILE", help="write the tables there [standard output]")
    parser.add_argument("--json", metavar="FILE", help="write every single run there")
    return parser


def publish(args, text, records):
    """Writes the tables, and the runs behind them."""
    if args.out:
        pathlib.Path(args.out).write_text(text)
    else:
        print(text)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(records, indent=1, default=str) + "\n")
