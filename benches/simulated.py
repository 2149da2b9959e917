"""A cluster on paper, and a film for it that is drawn from measured chunks: nodes take tasks from one scheduler, fetch what
they need over one network, encode, and send back.

Nothing is measured here. The same tasks and cluster take the same seconds. Units: seconds and bytes.
`python3 benches/simulated_test.py` compares it with cases that are computed by hand.
"""

import collections
import dataclasses
import heapq
import itertools
import math
import random

OWN, SCHEDULER, NETWORK = range(3)  # what a node uses for a while: itself, or what there is only one of


@dataclasses.dataclass(frozen=True)
class Chunk:
    """What is encoded in one piece."""

    frames: int
    seconds: float  # of a node of speed 1, with what is decoded on the way to its first frame
    fetched: int = 0  # bytes, before it begins
    returned: int = 0  # bytes, after it ends


@dataclasses.dataclass(frozen=True)
class Task:
    """Chunks that the scheduler hands to a node together."""

    chunks: tuple
    ready: float = 0.0  # when it is known; tasks are handed out in order all the same

    @property
    def frames(self):
        return sum(chunk.frames for chunk in self.chunks)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The nodes, and what a task costs beside its chunks."""

    speeds: tuple  # of each node: 1 as the one that was measured, 0.5 half as fast
    dispatch: float = 0.0  # of the scheduler, for each task: one task at a time
    latency: float = 0.0  # from there until the node begins
    start: float = 0.0  # of a task on a node of speed 1
    opened: int = 0  # bytes that each task fetches to start
    network: float = math.inf  # bytes a second that all nodes share: one transfer at a time


# ---- The simulation --------------------------------------------------------------------------------------------------


def work(speed, waiting, cluster):
    """The life of a node: yields (what it uses, for how long), and is sent the time at which it goes on."""
    now = yield
    while waiting:
        task = waiting.popleft()
        yield OWN, max(0.0, task.ready - now)
        yield SCHEDULER, cluster.dispatch
        yield OWN, cluster.latency
        yield NETWORK, cluster.opened / cluster.network
        now = yield OWN, cluster.start / speed
        for chunk in task.chunks:
            yield NETWORK, chunk.fetched / cluster.network
            yield OWN, chunk.seconds / speed
            now = yield NETWORK, chunk.returned / cluster.network


def seconds(tasks, cluster):
    """When the last of `tasks` is done, if nodes take them in this order. Who asks first is served first."""
    waiting, turn = collections.deque(tasks), itertools.count()
    nodes = [work(speed, waiting, cluster) for speed in cluster.speeds]
    for node in nodes:
        next(node)
    events = [(0.0, next(turn), node) for node in nodes]
    free, ended = {SCHEDULER: 0.0, NETWORK: 0.0}, 0.0
    while events:
        now, _, node = heapq.heappop(events)
        try:
            what, duration = node.send(now)
        except StopIteration:
            ended = max(ended, now)
            continue
        if what == OWN or not duration:
            until = now + duration
        else:
            until = free[what] = max(now, free[what]) + duration
        heapq.heappush(events, (until, next(turn), node))
    return ended


# ---- Tasks -----------------------------------------------------------------------------------------------------------


def grouped(chunks, size):
    """Tasks of `size` chunks each, neighbours in the film; the last one may have fewer."""
    chunks = list(chunks)
    return [Task(tuple(chunks[first : first + size])) for first in range(0, len(chunks), size)]


def longest_first(tasks):
    """By frames: seconds are known only afterwards."""
    return sorted(tasks, key=lambda task: task.frames, reverse=True)


def speeds(nodes, every=0, slow=0.5):
    """Speeds of that many nodes, the last of `every` so many slow."""
    return tuple(slow if every and number % every == every - 1 else 1.0 for number in range(nodes))


# ---- A film -----------------------------------------------------------------------------------------------------------


class Film:
    """A film whose scenes are drawn from the chunks of a clip at a preset: the same ones each time. What is known of both is
    what `benches/cluster measure` writes."""

    def __init__(self, clip, preset, minutes):
        self.clip, self.costs = clip, preset
        self.frames = round(minutes * 60 * clip["rate"])
        # As fast as the CPU time says, each by its share of what the clock said.
        clock = sum(chunk["seconds"] for chunk in preset["chunks"])
        self.factor = (preset["seconds"] + self.decoding(clip["frames"])) / clock
        chunks = [{**chunk, "seconds": self.factor * chunk["seconds"]} for chunk in preset["chunks"]]
        lots, self.scenes, left = random.Random(1), [], self.frames
        while left > 0:
            self.scenes.append(lots.choice(chunks))
            left -= self.scenes[-1]["frames"]
        self.frames -= left  # the last scene is whole
        self.plan, self.join = (clip[step]["once"] + clip[step]["frame"] * self.frames for step in ("plan", "join"))
        self.pack = clip["pack_seconds"] * self.frames
        self.encoding = sum(scene["seconds"] for scene in self.scenes)

    def chunks(self, split, packed=False):
        """Its chunks in order, none longer than `split`."""
        for scene in self.scenes:
            parts = -(-scene["frames"] // split)
            for part in range(parts):
                first, end = (scene["frames"] * edge // parts for edge in (part, part + 1))
                yield self.chunk(scene, end - first, part, packed)

    def chunk(self, scene, frames, part, packed):
        """A part of a scene. A keyframe lies before all but the first as far as before any frame of the clip."""
        share = frames / scene["frames"]
        lead = 0 if packed else self.clip["lead"] if part else scene["lead"]
        once = min(self.costs["chunk_seconds"], scene["seconds"])
        own = once + share * (scene["seconds"] - once)
        read = scene["read"] * (frames + lead) / (scene["frames"] + scene["lead"])
        fetched = scene["packed"] * share if packed else read
        returned = scene["bytes"] * share + (self.costs["chunk_bytes"] if part else 0)
        return Chunk(frames, own + self.decoding(lead), round(fetched), round(returned))

    def decoding(self, frames):
        return self.clip["decode_seconds"] * frames

    def planned_meanwhile(self, tasks):
        """The same tasks, each ready as soon as its cuts are known."""
        once, frame, frames = *self.clip["plan"].values(), 0
        for task in tasks:
            frames += task.frames
            yield dataclasses.replace(task, ready=once + frame * frames)


# ---- On paper --------------------------------------------------------------------------------------------------------


def alone(task, cluster):
    """Seconds of a task on a node of speed 1, if nobody else uses anything."""
    moved = cluster.opened + sum(chunk.fetched + chunk.returned for chunk in task.chunks)
    own = cluster.start + sum(chunk.seconds for chunk in task.chunks)
    return cluster.dispatch + cluster.latency + own + moved / cluster.network


def moved(tasks, cluster):
    """Bytes over the network, both ways."""
    return sum(cluster.opened + sum(chunk.fetched + chunk.returned for chunk in task.chunks) for task in tasks)


def bounds(tasks, cluster):
    """{what could bound these tasks: seconds below which it alone keeps them}."""
    own = sum(cluster.start + sum(chunk.seconds for chunk in task.chunks) for task in tasks)
    return {
        "encoding": own / sum(cluster.speeds),
        "scheduler": cluster.dispatch * len(tasks),
        "network": moved(tasks, cluster) / cluster.network,
        "longest task": max(alone(task, cluster) for task in tasks),
    }


def amdahl(serial, parallel, nodes):
    """The speed-up that Amdahl's law allows."""
    return (serial + parallel) / (serial + parallel / nodes)
