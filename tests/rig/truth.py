#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a perfect profiler must report about a scenario of the rig.

    truth.py SCENARIO                      JSON: partitions, transfers, row counts, balance, collectives
    truth.py SCENARIO --kernels --ranges   the same with every kernel and every NVTX range
    truth.py SCENARIO --planted            JSON: what the planted fault costs (`# plant:` in the scenario)
    truth.py SCENARIO --dump --process P   one JSON line an operation, to be compared with `rig-train --dump`

An oracle of its own: it shares no code with the player in C, only README.md's words about the scenario
language. Python's standard library only. All times are integer nanoseconds of scenario time.
"""

import argparse
import fractions
import json
import math
import re
import sys

MASK = (1 << 64) - 1
FOREVER = (1 << 63) - 1
SUFFIXES = (("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("us", 1000), ("ms", 10**6), ("ns", 1),
            ("k", 1000), ("M", 10**6), ("G", 10**9), ("s", 10**9))
VERBS = ("repeat end host api launch copy memset peer sync record wait malloc free graph pool jit hostfunc migrate "
         "fault overhead open comm "
         "uncomm coll push pop mark rstart rend thread_name category stream_name join").split()
PROCESS_VERBS = set("host api overhead jit push pop mark rstart rend thread_name category stream_name join".split())
DEFAULTS = {  # api, lat, dur
    "api": (500, 0, 0), "launch": (2500, 4000, 0), "copy": (3000, 5000, 0), "memset": (2500, 4000, 2000),
    "peer": (3500, 6000, 0), "sync": (1500, 0, 0), "record": (900, 0, 0), "wait": (800, 0, 0),
    "malloc": (40000, 0, 0), "free": (30000, 0, 0), "graph": (8000, 6000, 0), "open": (12000, 0, 0),
    "comm": (250000, 0, 0), "uncomm": (50000, 0, 0), "coll": (2500, 4000, 0), "overhead": (0, 0, 1000),
    "pool": (20000, 0, 0), "jit": (0, 0, 1000), "hostfunc": (2000, 5000, 0), "migrate": (0, 1000, 2000),
    "fault": (0, 0, 1000)}
NUMBERS = set("thread stream id bytes count fused at value category root with skew priority color from to "
              "channels warps pool".split())
MEMORY = ("unknown", "pageable", "pinned", "device", "array", "managed")
DIRECTIONS = {"h2d": (1, 2, 3), "d2h": (2, 3, 2), "d2d": (8, 3, 3), "h2h": (9, 2, 2)}
DIRECTION_NAMES = {1: "HtoD", 2: "DtoH", 8: "DtoD", 9: "HtoH", 10: "PtoP"}
DTYPE_SIZE = {"i8": 1, "u8": 1, "i32": 4, "u32": 4, "i64": 8, "u64": 8, "f16": 2, "f32": 4, "f64": 8,
              "bf16": 2}
COMMUNICATION = re.compile(r"nccl(Dev)?Kernel_|ncclSymk?DevKernel_|nccl[A-Z]\w+Kernel_|oneRankReduce")


class ScenarioError(Exception):
    pass


def number(text):
    for suffix, factor in SUFFIXES:
        if text.endswith(suffix) and not text.startswith("0x"):
            return int(text[:-len(suffix)], 0) * factor
    return int(text, 0)


def amount(text):
    ns, _, permille = text.partition("~")
    return number(ns), number(permille) if permille else 0


def words_of(line):
    """[(key, value or None)], or raises."""
    words, at = [], 0
    while True:
        while at < len(line) and line[at] in " \t\r":
            at += 1
        if at == len(line) or line[at] == "#":
            return words
        key, value, at = word_at(line, at)
        words.append((key, value))


def word_at(line, at):
    if line[at] == '"':
        text, at = quoted_at(line, at)
        return text, None, at
    end = at
    while end < len(line) and line[end] not in " \t\r=":
        end += 1
    key = line[at:end]
    if end == len(line) or line[end] != "=":
        return key, None, end
    if end + 1 < len(line) and line[end + 1] == '"':
        text, at = quoted_at(line, end + 1)
        return key, text, at
    stop = end + 1
    while stop < len(line) and line[stop] not in " \t\r":
        stop += 1
    return key, line[end + 1:stop], stop


def quoted_at(line, at):
    out, at = bytearray(), at + 1
    while at < len(line) and line[at] != '"':
        if line[at] != "\\":
            out += line[at].encode()
            at += 1
            continue
        escape = line[at + 1]
        if escape == "x":
            out.append(int(line[at + 2:at + 4], 16))
            at += 4
            continue
        out += {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}[escape].encode()
        at += 2
    if at >= len(line):
        raise ScenarioError("no closing quote")
    return out.decode("utf-8", "surrogateescape"), at + 1


def unplanted(line):
    """What stands in the scenario without its planted fault."""
    if "# planted" in line:
        return ""
    mark = "# unplanted: "
    at = line.find(mark)
    return line if at < 0 else line[at + len(mark):]


class Item:
    def __init__(self, verb, words):
        api, latency, duration = DEFAULTS.get(verb, (0, 0, 0))
        self.verb, self.end = verb, None
        self.units, self.step_from, self.step_to = None, 0, FOREVER
        self.n = dict(thread=0, stream=7, id=0, bytes=0, count=1, fused=1, at=-1, value=0, category=0, root=0,
                      skew=0, priority=0, color=-1, channels=4, warps=17, pool=0)
        self.n.update({"with": 0, "from": 0, "to": 0})
        self.amounts = {"api": (api, 0), "lat": (latency, 0), "dur": (duration, 0)}
        self.text, self.flags = {}, set()
        for key, value in words:
            if value is None:
                if key not in ("blocking", "nolaunch", "registered"):
                    raise ScenarioError("bad word " + key)
                self.flags.add(key)
            elif key in self.amounts:
                self.amounts[key] = amount(value)
            elif key in NUMBERS:
                self.n[key] = number(value)
            elif key == "unit":
                self.units = {number(one) for one in value.split(",")}
            elif key == "step":
                first, dots, last = value.partition("..")
                self.step_from = number(first)
                self.step_to = number(last) if dots else self.step_from
            elif key in "name domain dir src dst op dtype kernel via payload nodes flag".split():
                self.text[key] = value
            else:
                raise ScenarioError("bad word " + key)


class Scenario:
    def __init__(self, path, is_planted=True):
        self.name, self.seed, self.gpus, self.processes = "unnamed", 0, 4, None
        self.kernels, self.items, self.slows, self.gpu_words = {}, [], [], {}
        opened, self.plants = [], []
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for at, line in enumerate(file, 1):
                if line.startswith("# plant:"):
                    self.plants.append({key: value for key, value in words_of(line[8:].strip())})
                line = line if is_planted else unplanted(line)
                words = words_of(line.rstrip("\n"))
                try:
                    if words:
                        self.line(words, opened)
                except (ScenarioError, ValueError, KeyError, IndexError) as error:
                    raise ScenarioError(f"{path}:{at}: {error}") from error
        if opened:
            raise ScenarioError(f"{path}: repeat without end")
        if self.processes is None:
            self.processes = self.gpus

    def line(self, words, opened):
        verb, rest = words[0][0], words[1:]
        if verb == "kernel":
            shape = {"grid": (128, 1, 1), "block": (256, 1, 1)}
            for key, value in rest[2:]:
                shape[key] = tuple(int(one) for one in value.split(",")) if "," in value else number(value)
            self.kernels[rest[0][0]] = (rest[1][0], shape)
        elif verb == "slow":
            words = dict(rest)
            units = {number(one) for one in words["unit"].split(",")} if "unit" in words else None
            first, dots, last = words.get("step", f"0..{FOREVER}").partition("..")
            self.slows.append((units, number(words.get("permille", "1000")), number(first),
                               number(last) if dots else number(first)))
        elif verb == "gpu":
            self.gpu_words.setdefault(number(rest[0][0]), {}).update(rest[1:])
        elif verb in ("scenario", "seed", "gpus", "processes"):
            value = rest[0][0]
            setattr(self, "name" if verb == "scenario" else verb,
                    value if verb == "scenario" else number(value))
        elif verb in VERBS:
            item = Item(verb, rest)
            if verb == "repeat":
                opened.append(len(self.items))
            elif verb == "end":
                self.items[opened.pop()].end = len(self.items)
            self.items.append(item)
        else:
            raise ScenarioError("bad verb " + verb)


class Unit:
    def __init__(self, index, process, device):
        self.index, self.process, self.device = index, process, device
        self.draws, self.tails, self.events, self.sync_count = 0, {}, {}, 0
        self.address, self.allocations, self.sequences, self.pools = 0, {}, {}, {}


class Simulation:
    """Plays a scenario; ops[process] is the list of operations in order."""

    def __init__(self, scenario):
        self.scenario = scenario
        per = scenario.gpus // scenario.processes
        self.units = [Unit(i, i // per, i % per) for i in range(scenario.gpus)]
        self.cursors, self.step, self.inner, self.comms = {}, 0, 0, {}
        self.correlations = [0] * scenario.processes
        self.ops = [[] for _ in range(scenario.processes)]
        self.block(0, len(scenario.items), 0)

    def block(self, first, last, depth):
        at = first
        while at < last:
            item = self.scenario.items[at]
            if item.verb == "repeat":
                outer = self.inner
                for n in range(item.n["count"]):
                    self.inner = n
                    if depth == 0:
                        self.step = n
                    self.block(at + 1, item.end, depth + 1)
                self.inner = outer
                at = item.end
            elif item.verb != "end":
                self.play(item)
            at += 1

    def play(self, item):
        members = [unit for unit in self.units if (item.units is None or unit.index in item.units) and
                   item.step_from <= self.step <= item.step_to]
        if item.verb == "coll":
            self.coll(item, members)
        elif item.verb in PROCESS_VERBS:
            seen = set()
            for unit in members:
                if unit.process not in seen:
                    seen.add(unit.process)
                    self.process_item(unit, item)
        elif item.verb in ("comm", "uncomm"):
            if item.verb == "comm":
                self.comms[item.n["id"]] = [unit.index for unit in members]
            for rank, unit in enumerate(members):
                start = self.cursor(unit, item)
                end = start + self.draw(unit, item, "api")
                self.add(unit, op=item.verb, name=item.text.get("name"), comm=item.n["id"], unit=unit.index,
                         rank=rank, ranks=len(members), thread=item.n["thread"], start=start, end=end)
                self.advance(unit, item, end)
        else:
            for unit in members:
                getattr(self, "play_" + item.verb)(unit, item)

    # -- time and chance

    def below(self, unit, bound):
        unit.draws += 1
        x = self.scenario.seed ^ ((unit.index + 1) * 0xD1342543DE82EF95 & MASK)
        x = (x + unit.draws * 0x9E3779B97F4A7C15) & MASK
        x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ x >> 27) * 0x94D049BB133111EB) & MASK
        return (x ^ x >> 31) % bound

    def draw(self, unit, item, key):
        ns, permille = item.amounts[key]
        if not permille:
            return ns
        span = ns * permille // 1000
        return ns - span + self.below(unit, 2 * span + 1)

    def cursor(self, unit, item):
        return self.cursors.get((unit.process, item.n["thread"]), 0)

    def advance(self, unit, item, to):
        self.cursors[unit.process, item.n["thread"]] = to

    # -- operations

    def add(self, owner, **op):
        op["step"] = self.step
        self.ops[owner.process].append(op)

    def api(self, unit, item, name, start, end):
        name = item.text.get("via", name)
        self.correlations[unit.process] += 1
        self.add(unit, op="api", name=name,
                 domain=2 if not name.startswith("cu") or name.startswith("cuda") else 1,
                 unit=unit.index, thread=item.n["thread"], corr=self.correlations[unit.process],
                 start=start, end=end)

    def activity(self, unit, kind, stream, start, end, **more):
        self.add(unit, op=kind, **more, unit=unit.index, stream=stream, corr=self.correlations[unit.process],
                 start=start, end=end)

    def place(self, unit, item, ready, duration):
        stream = item.n["stream"]
        start = item.n["at"] if item.n["at"] >= 0 else max(unit.tails.get(stream, 0), ready)
        unit.tails[stream] = max(unit.tails.get(stream, 0), start + duration)
        return start, start + duration

    def kernel_of(self, key):
        name, shape = self.scenario.kernels.get(key, (key, {"grid": (0, 0, 0), "block": (0, 0, 0)}))
        return dict(name=name, grid=list(shape["grid"]), block=list(shape["block"]))

    def play_launch(self, unit, item):
        now = self.cursor(unit, item)
        api, latency, duration = (self.draw(unit, item, key) for key in ("api", "lat", "dur"))
        for units, permille, first, last in self.scenario.slows:
            if (units is None or unit.index in units) and first <= self.step <= last:
                duration = duration * permille // 1000
        start, end = self.place(unit, item, now + latency, duration)
        if "nolaunch" in item.flags:
            self.correlations[unit.process] += 1
        else:
            self.api(unit, item, "cudaLaunchKernel", now, now + api)
            self.advance(unit, item, now + api)
        self.activity(unit, "kernel", item.n["stream"], start, end,
                      **self.kernel_of(item.text.get("kernel")), graph=0)

    def play_copy(self, unit, item):
        now = self.cursor(unit, item)
        api, latency, duration = (self.draw(unit, item, key) for key in ("api", "lat", "dur"))
        start, end = self.place(unit, item, now + latency, duration)
        host_end, blocking = now + api, "blocking" in item.flags
        if blocking:
            host_end = max(host_end, end + 1000)
        if item.verb == "peer":
            name, kind = "cudaMemcpyPeerAsync", "peer"
            more = {"from": item.n["from"], "to": item.n["to"], "bytes": item.n["bytes"]}
        else:
            direction, source, destination = DIRECTIONS[item.text["dir"]]
            source = MEMORY.index(item.text["src"]) if "src" in item.text else source
            destination = MEMORY.index(item.text["dst"]) if "dst" in item.text else destination
            name, kind = "cudaMemcpyAsync", "copy"
            more = {"dir": direction, "src": source, "dst": destination, "bytes": item.n["bytes"],
                    "async": 0 if blocking else 1}
        if blocking and item.verb == "copy":
            name = "cudaMemcpy"
        self.api(unit, item, name, now, host_end)
        self.activity(unit, kind, item.n["stream"], start, end, **more)
        self.advance(unit, item, host_end)

    play_peer = play_copy

    def play_memset(self, unit, item):
        now = self.cursor(unit, item)
        api, latency, duration = (self.draw(unit, item, key) for key in ("api", "lat", "dur"))
        start, end = self.place(unit, item, now + latency, duration)
        self.api(unit, item, "cudaMemsetAsync", now, now + api)
        self.activity(unit, "memset", item.n["stream"], start, end, value=item.n["value"],
                      bytes=item.n["bytes"])
        self.advance(unit, item, now + api)

    def play_sync(self, unit, item):
        now, api = self.cursor(unit, item), self.draw(unit, item, "api")
        what, stream = item.text.get("name", "stream"), item.n["stream"]
        event, sync_id = 0, 0
        if what == "stream":
            kind, name, until = 3, "cudaStreamSynchronize", unit.tails.get(stream, 0)
        elif what == "device":
            kind, name, until, stream = 4, "cudaDeviceSynchronize", max(unit.tails.values(),
                                                                        default=0), 0xFFFFFFFF
        else:
            kind, name, event = 1, "cudaEventSynchronize", item.n["id"]
            until, sync_id = unit.events.get(event, (0, 0))
        end = max(now + api, until + 1000)
        self.api(unit, item, name, now, end)
        self.activity(unit, "sync", stream, now + 200, end - 200, type=kind, event=event, sync_id=sync_id)
        self.advance(unit, item, end)

    def play_record(self, unit, item):
        now, api = self.cursor(unit, item), self.draw(unit, item, "api")
        event, stream = item.n["id"], item.n["stream"]
        unit.sync_count += 1
        unit.events[event] = (max(unit.tails.get(stream, 0), now), unit.sync_count)
        self.api(unit, item, "cudaEventRecord", now, now + api)
        self.activity(unit, "event", stream, unit.events[event][0], 0, type=0, event=event,
                      sync_id=unit.sync_count)
        self.advance(unit, item, now + api)

    def play_wait(self, unit, item):
        now, api = self.cursor(unit, item), self.draw(unit, item, "api")
        event, stream = item.n["id"], item.n["stream"]
        until, sync_id = unit.events.get(event, (0, 0))
        unit.tails[stream] = max(unit.tails.get(stream, 0), until)
        self.api(unit, item, "cudaStreamWaitEvent", now, now + api)
        self.activity(unit, "sync", stream, now + 200, now + api - 200, type=2, event=event, sync_id=sync_id)
        self.advance(unit, item, now + api)

    def play_malloc(self, unit, item):
        now, api = self.cursor(unit, item), self.draw(unit, item, "api")
        if item.verb == "malloc":
            unit.allocations[item.n["id"]] = (0x7f0000000000 + (unit.index << 36) + unit.address,
                                              item.n["bytes"])
            unit.address += -(-item.n["bytes"] // 0x200000) * 0x200000
        address, size = unit.allocations.get(item.n["id"], (0, 0))
        pool, call = {}, "cudaMalloc" if item.verb == "malloc" else "cudaFree"
        if item.n["pool"] > 0:
            held = unit.pools[item.n["pool"]]
            held["used"] += size if item.verb == "malloc" else -size
            if held["used"] > held["bytes"]:
                held["bytes"] = -(-held["used"] // 0x2000000) * 0x2000000
            pool, call = self.pool_of(unit, item.n["pool"]), call + "Async"
        self.api(unit, item, call, now, now + api)
        self.activity(unit, "memory", 0xFFFFFFFF, now + api // 2, 0, type=1 if item.verb == "malloc" else 2,
                      address=address, bytes=size, **pool)
        self.advance(unit, item, now + api)

    play_free = play_malloc

    @staticmethod
    def pool_of(unit, number_of_pool):
        held = unit.pools[number_of_pool]
        return {"pool": 0x7e0000000000 + (unit.index << 36) + (number_of_pool << 24), "pool_bytes": held["bytes"],
                "pool_used": held["used"], "threshold": held["threshold"]}

    def play_pool(self, unit, item):
        now, api = self.cursor(unit, item), self.draw(unit, item, "api")
        what = item.text.get("op", "create")
        if what == "create":
            unit.pools[item.n["id"]] = {"bytes": 0, "used": 0, "threshold": item.n["bytes"]}
        held = unit.pools[item.n["id"]]
        if what == "trim":
            held["bytes"] = min(held["bytes"], max(item.n["bytes"], held["used"]))
        kind, call = {"create": (1, "cudaMemPoolCreate"), "destroy": (2, "cudaMemPoolDestroy"),
                      "trim": (3, "cudaMemPoolTrimTo")}[what]
        self.api(unit, item, call, now, now + api)
        self.activity(unit, "pool", 0, now + api // 2, 0, type=kind, **self.pool_of(unit, item.n["id"]))
        self.advance(unit, item, now + api)

    def play_hostfunc(self, unit, item):
        now = self.cursor(unit, item)
        api, latency, duration = (self.draw(unit, item, key) for key in ("api", "lat", "dur"))
        start, end = self.place(unit, item, now + latency, duration)
        self.api(unit, item, "cudaLaunchHostFunc", now, now + api)
        self.activity(unit, "host", item.n["stream"], start, end)
        self.advance(unit, item, now + api)

    def play_migrate(self, unit, item):
        start = self.cursor(unit, item) + self.draw(unit, item, "lat")
        end = start + self.draw(unit, item, "dur")
        if item.verb == "fault":
            kind, value = 3 if item.text.get("name") == "cpu" else 4, item.n["value"]
        else:
            kind, value = 1 if item.text.get("dir", "h2d") == "h2d" else 2, item.n["bytes"]
        self.add(unit, op="unified", type=kind, value=value, unit=unit.index, start=start, end=end)

    play_fault = play_migrate

    def play_graph(self, unit, item):
        now = self.cursor(unit, item)
        api, latency = self.draw(unit, item, "api"), self.draw(unit, item, "lat")
        self.api(unit, item, "cudaGraphLaunch", now, now + api)
        first, end = 0, 0
        for index, node in enumerate(filter(None, item.text.get("nodes", "").split(","))):
            key, duration = node.split(":")
            start, end = self.place(unit, item, now + latency, int(duration))
            first = start if index == 0 else first
            self.activity(unit, "kernel", item.n["stream"], start, end, **self.kernel_of(key),
                          graph=item.n["id"])
        self.activity(unit, "graph", item.n["stream"], first, end, graph=item.n["id"])
        self.advance(unit, item, now + api)

    def play_open(self, unit, item):
        now, api = self.cursor(unit, item), self.draw(unit, item, "api")
        unit.tails.setdefault(item.n["stream"], 0)
        self.api(unit, item, "cudaStreamCreateWithPriority", now, now + api)
        self.activity(unit, "stream", item.n["stream"], 0, 0,
                      type=1 if item.text.get("flag") == "default" else 2,
                      priority=item.n["priority"])
        self.advance(unit, item, now + api)

    def expand(self, text, unit):
        if text is None:
            return None
        return (text.replace("{step}", str(self.step)).replace("{i}", str(self.inner))
                .replace("{unit}", str(unit.index)))

    def process_item(self, unit, item):
        now = self.cursor(unit, item)
        if item.verb == "host":
            self.advance(unit, item, now + self.draw(unit, item, "dur"))
        elif item.verb == "join":
            self.advance(unit, item, max(now, self.cursors.get((unit.process, item.n["with"]), 0)))
        elif item.verb == "api":
            api = self.draw(unit, item, "api")
            self.api(unit, item, item.text["name"], now, now + api)
            self.advance(unit, item, now + api)
        elif item.verb in ("overhead", "jit"):
            end = now + self.draw(unit, item, "dur")
            self.add(unit, op=item.verb, type=item.n["value"], unit=unit.index, start=now, end=end)
            self.advance(unit, item, end if item.verb == "overhead" else now)
        else:
            self.add(unit, op=item.verb, name=self.expand(item.text.get("name"), unit),
                     domain=item.text.get("domain"), payload=self.expand(item.text.get("payload"), unit),
                     category=item.n["category"], color=item.n["color"], id=item.n["id"],
                     thread=item.n["thread"],
                     start=now)
            self.advance(unit, item, now + 100)

    def coll(self, item, members):
        if item.text["op"] != "Send":
            self.coll_members(item, [(unit, item.text["op"], rank, len(members), None)
                                     for rank, unit in enumerate(members)])
            return
        units = self.comms[item.n["id"]]
        source, target = units.index(item.n["from"]), units.index(item.n["to"])
        if item.step_from <= self.step <= item.step_to:
            self.coll_members(item, [(self.units[units[source]], "Send", source, len(units), target),
                                     (self.units[units[target]], "Recv", target, len(units), source)])

    def coll_members(self, item, members):
        function, stream, fused = item.text["op"], item.n["stream"], item.n["fused"]
        operations = 2 if function == "SendRecv" else fused
        before = 7 + 4 * operations if operations > 1 else 7
        after = 6 + 2 * operations if operations > 1 else 8
        calls = []
        for unit, _, _, _, _ in members:
            start = self.cursor(unit, item)
            api, latency = self.draw(unit, item, "api"), self.draw(unit, item, "lat")
            launch = start + 100 * before
            arrival = max(unit.tails.get(stream, 0), launch + latency)
            calls.append((unit, start, launch, launch + api, arrival))
            self.advance(unit, item, launch + api + 100 * after)
        if not calls:
            return
        last = max(call[4] for call in calls) + self.draw(members[0][0], item, "dur")
        for (unit, function, rank, ranks, peer), (_, start, launch, launch_end, arrival) in zip(members,
                                                                                            calls):
            end = last
            if item.n["skew"] > 0:
                end += self.below(unit, item.n["skew"] + 1)
            key = (item.n["id"], function)
            sequence = unit.sequences.get(key, 0)
            unit.sequences[key] = sequence + fused
            self.add(unit, op="coll", name=function, comm=item.n["id"], unit=unit.index, rank=rank,
                     ranks=ranks, dtype=item.text.get("dtype", "f32"), bytes=item.n["bytes"],
                     fused=fused, seq=sequence, **({} if peer is None else {"peer": peer}),
                     launch_start=launch, launch_end=launch_end, thread=item.n["thread"],
                     start=start,
                     end=launch_end + 100 * after, kernel_start=arrival, kernel_end=end)
            self.api(unit, item, "cuLaunchKernelEx", launch, launch_end)
            unit.tails[stream] = end
            self.activity(unit, "kernel", stream, arrival, end, graph=0, **self.coll_kernel(item, function))

    def coll_kernel(self, item, function):
        name = item.text.get("kernel")
        dtype = item.text.get("dtype", "f32")
        if dtype not in ("u8", "u32", "u64", "f16", "f32", "f64", "bf16"):
            dtype = "f32"
        if name is None:
            plain = "ncclDevKernel_SendRecv"    # of Send and Recv, too
            if function in ("AllGather", "Broadcast"):
                plain = f"ncclDevKernel_{function}_RING_LL"
            elif function not in ("SendRecv", "Send", "Recv"):
                plain = f"ncclDevKernel_{function}_Sum_{dtype}_RING_LL"
            name = f"_Z{len(plain)}{plain}24ncclDevKernelArgsStorageILm4096EE"
        elif name in self.scenario.kernels:
            name = self.scenario.kernels[name][0]
        return dict(name=name, grid=[item.n["channels"], 1, 1], block=[32 * item.n["warps"], 1, 1])


# -- what follows from the operations

def union(spans):
    out = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return out


def length(spans):
    return sum(end - start for start, end in spans)


def unit_report(simulation, unit):
    ops = [op for op in simulation.ops[unit.process] if op.get("unit") == unit.index]
    kernels = [op for op in ops if op["op"] == "kernel"]
    copies = [op for op in ops if op["op"] in ("copy", "peer")]
    memsets = [op for op in ops if op["op"] == "memset"]
    is_comm = [COMMUNICATION.search(op["name"]) is not None for op in kernels]
    spans = lambda rows: union((op["start"], op["end"]) for op in rows)
    compute = spans(op for op, comm in zip(kernels, is_comm) if not comm)
    comm = spans(op for op, comm in zip(kernels, is_comm) if comm)
    copy = spans(copies + memsets)
    rows = kernels + copies + memsets
    first, last = min((op["start"] for op in rows), default=0), max((op["end"] for op in rows), default=0)
    busy = length(union(compute + comm + copy))
    compute_comm = length(union(compute + comm))
    report = {
        "unit": unit.index, "process": unit.process, "device": unit.device, "window_start_ns": first,
        "window_ns": last - first, "compute_ns": length(compute), "comm_ns": compute_comm - length(compute),
        "copy_ns": busy - compute_comm, "idle_ns": last - first - busy, "compute_union_ns": length(compute),
        "comm_union_ns": length(comm), "copy_union_ns": length(copy),
        "comm_compute_overlap_ns": length(compute) + length(comm) - compute_comm,
        "kernels": len(kernels), "comm_kernels": sum(is_comm), "memcpys": len(copies),
        "memsets": len(memsets),
        "copies": len(copies) + len(memsets),
        "transfers": transfers(copies), "streams": sorted({op["stream"] for op in rows})}
    assert sum(report[key] for key in ("compute_ns", "comm_ns", "copy_ns", "idle_ns")) == report["window_ns"]
    return report


def transfers(copies):
    groups = {}
    for op in copies:
        key = (10, 3, 3) if op["op"] == "peer" else (op["dir"], op["src"], op["dst"])
        groups.setdefault(key, []).append(op)
    return [{"direction": DIRECTION_NAMES[key[0]], "source_memory": MEMORY[key[1]],
             "destination_memory": MEMORY[key[2]], "count": len(rows),
             "bytes": sum(op["bytes"] for op in rows),
             "sum_ns": sum(op["end"] - op["start"] for op in rows),
             "union_ns": length(union((op["start"], op["end"]) for op in rows))}
            for key, rows in sorted(groups.items())]


def ranges_of(ops):
    """NVTX ranges (NCCL's own included), marks, and the names of ranges that nobody ended, of one process."""
    ranges, marks, stacks, started, unmatched = [], [], {}, {}, 0
    for op in ops:
        kind, domain = op["op"], op.get("domain")
        if kind == "push":
            stacks.setdefault((op["thread"], domain), []).append(op)
        elif kind == "pop":
            begun = stacks.get((op["thread"], domain), [])
            if begun:
                op_begun = begun.pop()
                ranges.append(range_row(op_begun, op, len(begun)))
            else:
                unmatched += 1
        elif kind == "rstart":
            started[op["id"]] = op
        elif kind == "rend" and op["id"] in started:
            ranges.append(range_row(started.pop(op["id"]), op, None))
        elif kind == "mark":
            marks.append(dict(range_row(op, op, None)))
        elif kind in ("comm", "uncomm"):
            name = "ncclCommInitRank" if kind == "comm" else "ncclCommDestroy"
            ranges.append(nccl_row(op, name, op["start"], op["end"]))
        elif kind == "coll":
            ranges += nccl_ranges(op)
    still_open = [op["name"] for begun in stacks.values() for op in begun]
    still_open += [op["name"] for op in started.values()]
    return ranges, marks, sorted(still_open), unmatched


def range_row(begin, end, depth):
    return {"name": begin["name"], "domain": begin["domain"], "start_ns": begin["start"],
            "duration_ns": end["start"] - begin["start"], "thread": begin["thread"],
            "category": begin["category"], "color": begin["color"], "payload": begin["payload"],
            "depth": depth}


def nccl_row(op, name, start, end):
    return {"name": name, "domain": "NCCL", "start_ns": start, "duration_ns": end - start,
            "thread": op["thread"],
            "category": 0, "color": -1, "payload": None, "depth": 0}


def nccl_ranges(op):
    if op["name"] != "SendRecv" and op["fused"] == 1:
        return [nccl_row(op, "nccl" + op["name"], op["start"], op["end"] - 100)]
    names = ["ncclSend", "ncclRecv"] if op["name"] == "SendRecv" else ["nccl" + op["name"]] * op["fused"]
    rows = [nccl_row(op, "ncclGroupStart", op["start"], op["start"] + 300)]
    at = op["start"] + 400
    for name in names:
        rows.append(nccl_row(op, name, at, at + 300))
        at += 400
    return rows + [nccl_row(op, "ncclGroupEnd", at, op["end"] - 100)]


def process_report(simulation, process, with_ranges):
    ops = simulation.ops[process]
    calls = {}
    for op in ops:
        if op["op"] == "api":
            calls[op["name"]] = calls.get(op["name"], 0) + 1
    ranges, marks, still_open, unmatched = ranges_of(ops)
    count = lambda kind: sum(1 for op in ops if op["op"] == kind)
    operations = lambda op: 2 if op["name"] == "SendRecv" else op["fused"]
    report = {
        "process": process, "api_calls": calls,
        "rows": {"kernel": count("kernel"), "memcpy": count("copy"), "memcpy_peer": count("peer"),
                 "memset": count("memset"), "api_call": count("api"), "synchronization": count("sync"),
                 "cuda_event": count("event"), "allocation": count("memory"), "overhead": count("overhead"),
                 "stream_created": count("stream"), "graph_launch": count("graph"), "range": len(ranges),
                 "mark": len(marks), "collective": sum(operations(op) for op in ops if op["op"] == "coll"),
                 "communicator": count("comm")},
        "threads": sorted({op["thread"] for op in ops if "thread" in op}),
        "open_ranges": still_open, "unmatched_pops": unmatched,
        "range_names": {name: sum(1 for row in ranges if row["name"] == name)
                        for name in sorted({row["name"] for row in ranges})}}
    if with_ranges:
        report["ranges"], report["marks"] = ranges, marks
    return report


def collectives(simulation):
    instances = {}
    for unit in simulation.units:
        for op in simulation.ops[unit.process]:
            if op["op"] == "coll" and op["unit"] == unit.index and "peer" not in op:
                # Grouped send and receive have no sequence number; count the calls.
                seen = instances.setdefault((op["comm"], op["name"]), {})
                rows = seen.setdefault(unit.index, [])
                rows.append(op)
    out = []
    for (comm, name), by_unit in sorted(instances.items()):
        for k in range(max(len(rows) for rows in by_unit.values())):
            members = [rows[k] for rows in by_unit.values() if k < len(rows)]
            latest = max(op["kernel_start"] for op in members)
            out.append({
                "comm": comm, "operation": name, "k": k, "sequence": members[0]["seq"],
                        "bytes": members[0]["bytes"],
                "fused": members[0]["fused"], "dtype": members[0]["dtype"],
                "latest_units": [op["unit"] for op in members if op["kernel_start"] == latest],
                "members": [{"unit": op["unit"], "rank": op["rank"], "start_ns": op["kernel_start"],
                             "end_ns": op["kernel_end"],
                             "wait_ns": min(max(latest - op["kernel_start"], 0),
                                            op["kernel_end"] - op["kernel_start"]),
                             "call_start_ns": op["start"], "call_end_ns": op["end"]} for op in members]})
    return sorted(out, key=lambda one: (one["members"][0]["start_ns"], one["comm"], one["operation"],
                                        one["k"]))


def point_to_points(simulation):
    """The kth message of each communicator from one rank to another."""
    sent, received = {}, {}
    for unit in simulation.units:
        for op in simulation.ops[unit.process]:
            if op["op"] != "coll" or "peer" not in op or op["unit"] != unit.index:
                continue
            key = (op["comm"], op["rank"], op["peer"]) if op["name"] == "Send" else (
                op["comm"], op["peer"], op["rank"])
            (sent if op["name"] == "Send" else received).setdefault(key, []).append(op)
    end = lambda op: {"unit": op["unit"], "start_ns": op["kernel_start"], "end_ns": op["kernel_end"]}
    return [{"comm": key[0], "from": key[1], "to": key[2], "k": k, "bytes": one["bytes"], "send": end(one),
             "receive": end(other)}
            for key in sorted(sent) for k, (one, other) in enumerate(zip(sent[key], received[key]))]


# -- what a planted fault costs

STEPS_SKIPPED = 3    # the first ones are no steady state


def step_starts(simulation):
    """When the host of process 0 begins each step; in a loop that waits for its GPU this is the step's clock."""
    starts = {}
    for op in simulation.ops[0]:
        if op.get("op") not in ("overhead", "jit"):
            starts[op["step"]] = min(starts.get(op["step"], FOREVER), op["start"])
    return starts


def ratio(sum_ns, count):
    return None if count <= 0 else sum_ns // count


def planted(scenario, simulation, without):
    """The scenario as it is against the scenario without its plant, both played to the end."""
    starts, others = step_starts(simulation), step_starts(without)
    last = max(starts)
    first = min(STEPS_SKIPPED, last)
    count = last - first
    with_ns = starts[last] - starts[first]
    lost_ns = with_ns - (others[last] - others[first])
    units = []
    for now, then in zip(simulation.units, without.units):
        one, other = unit_report(simulation, now), unit_report(without, then)
        units.append({"unit": now.index, **{key: one[key] - other[key] for key in (
            "window_ns", "compute_ns", "comm_ns", "copy_ns", "idle_ns")}})
    lost = [0] * scenario.gpus
    for instance in collectives(simulation):
        if len(instance["latest_units"]) == 1:
            lost[instance["latest_units"][0]] += sum(one["wait_ns"] for one in instance["members"])
    return {"format": "rig-planted", "version": 1, "scenario": scenario.name, "plants": scenario.plants,
            "steps": count, "step_ns": ratio(with_ns, count), "per_step_ns": ratio(lost_ns, count),
            "lost_ns": lost_ns, "gpu_ns": lost_ns * scenario.gpus, "units": units,
            "waits_caused_ns": lost}


def balance(units):
    computes = [unit["compute_ns"] for unit in units]
    total, count = sum(computes), len(computes)
    if not total:
        return {"lambda": None, "cov": None}
    most = fractions.Fraction(max(computes) * count, total) - 1
    variance = fractions.Fraction(sum((count * one - total) ** 2 for one in computes), count ** 3)
    mean = fractions.Fraction(total, count)
    return {"lambda": float(most), "lambda_numerator": most.numerator, "lambda_denominator": most.denominator,
            "cov": math.sqrt(variance) / float(mean), "compute_ns": computes}


def report_of(scenario, simulation, with_kernels, with_ranges):
    units = [unit_report(simulation, unit) for unit in simulation.units]
    for unit in units:
        unit["gpu"] = scenario.gpu_words.get(unit["unit"], {})
    report = {"format": "rig-truth", "version": 1, "scenario": scenario.name, "gpus": scenario.gpus,
              "processes": scenario.processes, "units": units,
              "process": [process_report(simulation, p, with_ranges) for p in range(scenario.processes)],
              "balance": balance(units), "collectives": collectives(simulation),
              "point_to_points": point_to_points(simulation)}
    if with_kernels:
        report["kernels"] = [
            {"unit": op["unit"], "name": op["name"], "stream": op["stream"], "start_ns": op["start"],
             "duration_ns": op["end"] - op["start"], "correlation": op["corr"], "grid": op["grid"],
             "block": op["block"], "step": op["step"]}
            for ops in simulation.ops for op in ops if op["op"] == "kernel"]
    return report


def main():
    parser = argparse.ArgumentParser(description="what a perfect profiler must report about a scenario")
    parser.add_argument("scenario")
    parser.add_argument("--dump", action="store_true", help="the operations of --process, a JSON line each")
    parser.add_argument("--process", type=int, default=0)
    parser.add_argument("--planted", action="store_true", help="what the planted fault costs")
    parser.add_argument("--kernels", action="store_true", help="with every kernel")
    parser.add_argument("--ranges", action="store_true", help="with every NVTX range and mark")
    options = parser.parse_args()
    try:
        scenario = Scenario(options.scenario)
        simulation = Simulation(scenario)
        without = Simulation(Scenario(options.scenario, False)) if options.planted else None
    except (ScenarioError, OSError) as error:
        print(f"truth.py: {error}", file=sys.stderr)
        return 3
    if options.dump:
        for op in simulation.ops[options.process]:
            print(json.dumps(op))
    elif options.planted:
        json.dump(planted(scenario, simulation, without), sys.stdout, indent=1)
        print()
    else:
        json.dump(report_of(scenario, simulation, options.kernels, options.ranges), sys.stdout, indent=1)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
