"""The simulated cluster, against cases that are computed by hand: `python3 benches/simulated_test.py`."""

import pathlib
import random
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from simulated import (  # noqa: E402
    Chunk, Cluster, Film, Task, alone, amdahl, bounds, grouped, longest_first, moved, seconds, speeds,
)


def chunks(*durations):
    """Of ten frames a second."""
    return [Chunk(round(10 * duration), duration) for duration in durations]


def tasks(*durations):
    return grouped(chunks(*durations), 1)


class Simulated(unittest.TestCase):
    def test_one_node_takes_the_sum(self):
        self.assertEqual(seconds(tasks(3, 1, 4, 1.5), Cluster(speeds(1))), 9.5)

    def test_as_many_nodes_as_equal_chunks_take_as_long_as_one_chunk(self):
        self.assertEqual(seconds(tasks(*[7] * 32), Cluster(speeds(32))), 7)

    def test_one_chunk_more_than_nodes_takes_twice_as_long(self):
        self.assertEqual(seconds(tasks(*[7] * 33), Cluster(speeds(32))), 14)

    def test_no_number_of_nodes_is_faster_than_the_longest_chunk(self):
        self.assertEqual(seconds(tasks(1, 1, 20, 1), Cluster(speeds(256))), 20)

    def test_nothing_to_do_takes_no_time(self):
        self.assertEqual(seconds([], Cluster(speeds(4), dispatch=1, latency=1, start=1)), 0)
        self.assertEqual(seconds(tasks(0, 0, 0), Cluster(speeds(2))), 0)

    def test_the_node_that_is_free_first_takes_the_next_task(self):
        self.assertEqual(seconds(tasks(4, 1, 1, 1, 1), Cluster(speeds(2))), 4)
        # 2 and 3 first; 1 goes where 2 was, and 5 where 3 and 1 end at the same time.
        self.assertEqual(seconds(tasks(2, 3, 1, 5), Cluster(speeds(2))), 8)

    def test_a_slow_node_takes_longer_for_the_same_chunk(self):
        self.assertEqual(seconds(tasks(6), Cluster((0.5,))), 12)
        # The fast one has the first until 2 and the third until 4, the slow one the second until 3 and the fourth until 7.
        self.assertEqual(seconds(tasks(2, 1.5, 2, 2), Cluster((1.0, 0.5))), 7)

    def test_one_node_of_so_many_is_slow(self):
        self.assertEqual(speeds(5, every=2), (1, 0.5, 1, 0.5, 1))
        self.assertEqual(speeds(3), (1, 1, 1))

    def test_the_longest_first_leaves_no_node_idle_at_the_end(self):
        in_order = tasks(1, 1, 1, 3)
        self.assertEqual(seconds(in_order, Cluster(speeds(2))), 4)
        self.assertEqual(seconds(longest_first(in_order), Cluster(speeds(2))), 3)

    def test_the_scheduler_hands_out_one_task_at_a_time(self):
        cluster = Cluster(speeds(4), dispatch=0.5)
        # The last of four nodes begins after 2 s.
        self.assertEqual(seconds(tasks(10, 10, 10, 10), cluster), 12)
        self.assertEqual(seconds(tasks(*[0] * 8), cluster), 4)

    def test_a_start_is_paid_for_each_task_and_not_for_each_chunk(self):
        cluster = Cluster(speeds(1), dispatch=0.5, latency=2, start=1)
        self.assertEqual(seconds(grouped(chunks(1, 1, 1, 1), 1), cluster), 4 * 3.5 + 4)
        self.assertEqual(seconds(grouped(chunks(1, 1, 1, 1), 4), cluster), 3.5 + 4)
        # A slow node starts slowly, and hears of its task as soon as others.
        self.assertEqual(seconds(tasks(1), Cluster((0.5,), latency=2, start=1)), 6)

    def test_the_network_carries_one_transfer_at_a_time(self):
        task = Task((Chunk(1, 1.0, fetched=20, returned=10),))
        cluster = Cluster(speeds(2), network=10)
        self.assertEqual(seconds([task], cluster), 4)
        # The second fetches from 2 to 4, encodes until 5, sends until 6; the first encodes until 3, and sends from 4 to 5.
        self.assertEqual(seconds([task, task], cluster), 6)
        opened = Cluster(speeds(2), network=10, opened=50)
        self.assertEqual(seconds([task], opened), 9)
        self.assertEqual(moved([task, task], opened), 160)

    def test_a_task_is_waited_for_until_it_is_ready(self):
        waiting = [Task(tuple(chunks(1)), ready=5), Task(tuple(chunks(1)))]
        self.assertEqual(seconds(waiting, Cluster(speeds(1))), 7)
        self.assertEqual(seconds(waiting, Cluster(speeds(2))), 6)

    def test_tasks_hold_all_chunks_in_order(self):
        found = grouped(chunks(1, 2, 3, 4, 5), 2)
        self.assertEqual([[chunk.seconds for chunk in task.chunks] for task in found], [[1, 2], [3, 4], [5]])
        self.assertEqual([task.frames for task in found], [30, 70, 50])


def film(*chunks, seconds, minutes=1, **costs):
    """Of these measured chunks, of 10 frames a second, each decoded in 0.1 s; the encoders took `seconds`."""
    fixed = {"once": 20, "frame": 0.5}
    clip = {"rate": 10, "frames": sum(chunk["frames"] for chunk in chunks), "decode_seconds": 0.1, "lead": 5, "plan": fixed}
    clip |= {"join": {"once": 1, "frame": 0}, "pack_seconds": 2}
    return Film(clip, {"chunks": chunks, "seconds": seconds, "chunk_seconds": 0, "chunk_bytes": 0, **costs}, minutes)


SCENE = {"frames": 40, "seconds": 12, "bytes": 400, "lead": 10, "read": 1000, "packed": 4000}


class Drawn(unittest.TestCase):
    def test_a_film_of_one_chunk_is_that_chunk_again_and_again(self):
        found = film(SCENE, seconds=8, minutes=2)
        self.assertEqual(found.frames, 1200)
        # As long as CPU time says: 8 s, and 4 s of decoding; and another second for the frames on the way to the first.
        self.assertEqual(list(found.chunks(240)), [Chunk(40, 13, 1000, 400)] * 30)
        self.assertEqual(list(found.chunks(240, packed=True)), [Chunk(40, 12, 4000, 400)] * 30)
        self.assertEqual((found.encoding, found.plan, found.join, found.pack), (360, 620, 1, 2400))

    def test_the_last_scene_is_whole(self):
        self.assertEqual(film(SCENE, seconds=8, minutes=0.1).frames, 80)

    def test_what_the_clock_said_is_scaled_to_the_cpu_time(self):
        self.assertEqual(film({**SCENE, "seconds": 99}, seconds=8).encoding, 180)

    def test_a_scene_that_is_split_costs_a_chunk_more_for_each_part(self):
        found = film(SCENE, seconds=8, minutes=1 / 15, chunk_seconds=2, chunk_bytes=30)
        # Of 12 s, 2 are paid once: 10 s for 40 frames. Before the first part lie 10 frames, before the others 5; each is
        # read with a 50th of 1000 bytes.
        first, other = Chunk(13, 2 + 3.25 + 1, 460, 130), Chunk(13, 2 + 3.25 + 0.5, 360, 160)
        last = Chunk(14, 2 + 3.5 + 0.5, 380, 170)
        self.assertEqual(list(found.chunks(15)), [first, other, last])

    def test_no_chunk_is_faster_than_what_it_costs_to_have_one(self):
        parts = list(film(SCENE, seconds=8, minutes=1 / 15, chunk_seconds=50).chunks(20))
        self.assertEqual([part.seconds for part in parts], [13, 12.5])

    def test_the_same_film_is_drawn_each_time_from_all_chunks(self):
        other = {**SCENE, "frames": 20}
        found = [list(film(SCENE, other, seconds=8, minutes=10).chunks(240)) for _ in range(2)]
        self.assertEqual(found[0], found[1])
        self.assertEqual({chunk.frames for chunk in found[0]}, {20, 40})

    def test_a_task_is_ready_when_its_last_cut_is_known(self):
        found = film(SCENE, seconds=8, minutes=1 / 5)
        ready = [task.ready for task in found.planned_meanwhile(grouped(found.chunks(240), 2))]
        self.assertEqual(ready, [20 + 40, 20 + 60])


class OnPaper(unittest.TestCase):
    def test_amdahl(self):
        self.assertEqual(amdahl(0, 100, 8), 8)
        self.assertEqual(amdahl(50, 50, 1), 1)
        self.assertAlmostEqual(amdahl(10, 90, 9), 5)
        self.assertAlmostEqual(amdahl(10, 90, 10**9), 10, places=6)

    def test_bounds(self):
        task = Task((Chunk(1, 1.0, fetched=20, returned=10), Chunk(1, 3.0)))
        cluster = Cluster((1.0, 0.5), dispatch=0.5, latency=2, start=1, opened=70, network=10)
        self.assertEqual(alone(task, cluster), 0.5 + 2 + 1 + 4 + 10)
        expected = {"encoding": 15 / 1.5, "scheduler": 1.5, "network": 30, "longest task": 17.5}
        self.assertEqual(bounds([task] * 3, cluster), expected)

    def test_no_cluster_is_faster_than_its_bounds_nor_slower_than_everything_one_after_the_other(self):
        lots = random.Random(19)
        for _ in range(200):
            found = [Chunk(1, lots.random(), lots.randrange(9), lots.randrange(9)) for _ in range(lots.randrange(1, 40))]
            costs = {name: lots.choice([0, lots.random()]) for name in ("dispatch", "latency", "start")}
            cluster = Cluster(speeds(lots.randrange(1, 12), every=4), opened=lots.randrange(9), network=20, **costs)
            group = longest_first(grouped(found, lots.randrange(1, 5)))
            took = seconds(group, cluster)
            self.assertGreaterEqual(took + 1e-9, max(bounds(group, cluster).values()))
            self.assertLessEqual(took, sum(2 * alone(task, cluster) for task in group) + 1e-9)


if __name__ == "__main__":
    unittest.main()
