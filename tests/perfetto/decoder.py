# SPDX-License-Identifier: MIT
"""Perfetto traces read from their bytes, without any library of theirs: what a viewer would show.

Packets are sorted by time, those of equal times stay as they stand in the file, and the end of a slice closes what
was begun last on its track: so slices come out wrong here wherever they would in the viewer.
"""

import collections
import struct
import zlib

OWN_CLOCKS = range(64, 128)
REALTIME = 1
BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4
INTERNED = {1: 'category', 2: 'name', 3: 'annotation', 29: 'string', 1001: 'argument'}
UNITS = {1: 'ns', 2: 'count', 3: 'bytes'}


class Damage(ValueError):
    pass


def varint(data, at):
    value = shift = 0
    while True:
        if shift > 63:
            raise Damage('a varint has more than ten bytes')
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of each field, as a list: an int, or bytes."""
    found = []
    at, end = 0, len(data)
    while at < end:
        key = data[at]
        at += 1
        if key >= 128:
            key, at = varint(data, at - 1)
        kind = key & 7
        if kind == 1:
            found.append((key >> 3, struct.unpack_from('<Q', data, at)[0]))
            at += 8
            continue
        value = data[at]
        at += 1
        if value >= 128:
            value, at = varint(data, at - 1)
        if kind == 2:
            size = value
            value = data[at:at + size]
            at += size
            if len(value) != size:
                raise Damage('a field is cut off')
        elif kind != 0:
            raise Damage(f'wire type {kind}')
        found.append((key >> 3, value))
    return found


class Message:
    """Fields by number; each knows all its values, in their order."""

    __slots__ = ('values',)

    def __init__(self, data):
        self.values = values = {}
        for number, value in fields(data):
            if number in values:
                values[number].append(value)
            else:
                values[number] = [value]

    def one(self, number, default=None):
        found = self.values.get(number)
        return default if found is None else found[-1]

    def all(self, number):
        return self.values.get(number, [])

    def text(self, number):
        value = self.one(number)
        return None if value is None else value.decode('utf-8', 'strict')

    def signed(self, number):
        return signed(self.one(number, 0))

    def message(self, number):
        value = self.one(number)
        return None if value is None else Message(value)


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def expand(data):
    """The same trace with the packets inside packed ones put in their place."""
    out = []
    for number, packet in fields(data):
        if number != 1:
            raise Damage(f'field {number} of a trace')
        packed = Message(packet).one(50)
        out.append(b'\x0a' + length_of(packet) + packet if packed is None else zlib.decompress(packed))
    return b''.join(out)


def length_of(data):
    size, out = len(data), bytearray()
    while size >= 128:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out)


class Slice:
    def __init__(self, track, start, name, category, arguments, event):
        self.track, self.start, self.end = track, start, None
        self.name, self.category, self.arguments = name, category, arguments
        self.flows, self.terminating = event.all(47), event.all(48)
        correlation = event.message(3000)
        self.launched = [] if correlation is None else correlation.all(1)


class Decoder:
    def __init__(self, data):
        self.interned = collections.defaultdict(dict)
        self.kernels, self.contexts, self.specifications = {}, {}, {}
        self.tracks = {}            # uuid to descriptor
        self.gpus = []
        self.slices, self.instants, self.counters, self.work = [], [], [], []
        self.clock = self.offset = None
        self.flags = []
        timed = []
        for _, packet in fields(expand(data)):
            self.take(Message(packet), timed)
        timed.sort(key=lambda entry: entry[0])
        self.replay(timed)

    def take(self, packet, timed):
        self.flags.append((packet.one(10), packet.one(13, 0)))
        if packet.one(6) is not None:
            clocks = {Message(clock).one(1): Message(clock).one(2) for clock in packet.message(6).all(1)}
            self.offset = {own: clocks[REALTIME] - clocks[own] for own in clocks if own in OWN_CLOCKS}
        if packet.one(59) is not None:
            self.clock = packet.message(59).one(58)
        if packet.one(12) is not None:
            self.intern(packet.message(12))
        if packet.one(60) is not None:
            descriptor = packet.message(60)
            if descriptor.one(1) in self.tracks:
                raise Damage(f'track {descriptor.one(1)} is described twice')
            self.tracks[descriptor.one(1)] = descriptor
        if packet.one(128) is not None:
            self.gpus += [Message(gpu).text(1) for gpu in packet.message(128).all(1)]
        time = packet.one(8)
        if time is None:
            return
        time += self.offset[self.clock]
        if packet.one(11) is not None:
            # What an iid means is decided where it stands in the file, not where it is sorted to.
            timed.append((time, self.event(time, packet.message(11))))
        elif packet.one(53) is not None:
            self.work.append(self.render(time, packet.message(53)))

    def intern(self, data):
        for number, values in data.values.items():
            for value in values:
                entry = Message(value)
                iid = entry.one(1)
                if number in INTERNED:
                    table, value = self.interned[INTERNED[number]], entry.text(2)
                else:
                    table = {23: self.contexts, 24: self.specifications, 1000: self.kernels}[number]
                    value = entry
                if iid in table or iid == 0:
                    raise Damage(f'iid {iid} of field {number} is given twice or is 0')
                table[iid] = value

    def named(self, message, table, iid_field, field):
        iid = message.one(iid_field)
        return message.text(field) if iid is None else self.interned[table][iid]

    def annotation(self, message):
        for number, kind in ((4, signed), (5, lambda bits: struct.unpack('<d', struct.pack('<Q', bits))[0])):
            if message.one(number) is not None:
                return kind(message.one(number))
        if message.all(12):
            return [self.annotation(Message(element)) for element in message.all(12)]
        return self.named(message, 'string', 17, 6)

    def event(self, time, event):
        kind, track = event.one(9), event.one(11)
        if track not in self.tracks:
            raise Damage(f'track {track} is not described before its events')
        if kind in (END, COUNTER):
            return kind, track, event.signed(30)
        arguments = {}
        for value in map(Message, event.all(4)):
            key = self.named(value, 'annotation', 1, 10)
            if key in arguments:
                raise Damage(f'argument {key} stands twice')
            arguments[key] = self.annotation(value)
        return kind, track, Slice(track, time, self.named(event, 'name', 10, 23),
                                  self.named(event, 'category', 3, 22), arguments, event)

    def replay(self, timed):
        stacks = collections.defaultdict(list)
        for time, (kind, track, what) in timed:
            if kind == BEGIN:
                stacks[track].append(what)
                self.slices.append(what)
            elif kind == END:
                if not stacks[track]:
                    raise Damage(f'an end without a begin on track {track} at {time}')
                stacks[track].pop().end = time
            elif kind == INSTANT:
                self.instants.append(what)
            elif kind == COUNTER:
                self.counters.append((track, time, what))
            else:
                raise Damage(f'event type {kind}')
        if any(stacks.values()):
            raise Damage('a slice has no end')

    def computed(self, values, into):
        for value in values:
            message = Message(value)
            key = self.named(message, 'argument', 1, 2)
            if key in into:
                raise Damage(f'argument {key} stands twice')
            if message.one(3) is not None:
                into[key] = message.signed(3)
            elif message.one(5) is not None:
                into[key] = struct.unpack('<d', struct.pack('<Q', message.one(5)))[0]
            else:
                into[key] = self.named(message, 'string', 7, 6)

    def render(self, time, event):
        launch, arguments = event.message(21), {}
        for number, key in ((1, 'grid'), (2, 'block')):
            if launch.one(number) is not None:
                size = launch.message(number)
                arguments[key] = [size.one(axis, 0) for axis in (1, 2, 3)]
        self.computed(launch.all(3), arguments)
        kernel = self.kernels[event.one(19)] if event.one(19) is not None else None
        if kernel is not None:
            self.computed(kernel.all(5), arguments)
        return {
            'id': event.one(1), 'start': time, 'duration': event.one(2), 'gpu': event.one(11),
            'pid': self.contexts[event.one(5)].one(2), 'api': self.contexts[event.one(5)].one(3),
            'queue': self.specifications[event.one(13)].text(2), 'queue_iid': event.one(13),
            'stage': self.specifications[event.one(14)].text(2),
            'name': self.named(event, 'name', 20, 17),
            'kernel': None if kernel is None else kernel.text(2),
            'whole': None if kernel is None else kernel.text(3) or kernel.text(2),
            'arguments': arguments,
        }

    def process_of(self, uuid):
        """Descriptor of the process that a track stands in."""
        descriptor = self.tracks[uuid]
        while descriptor.one(3) is None:
            descriptor = self.tracks[descriptor.one(5)]
        return descriptor

    def unit_of(self, uuid):
        counter = self.tracks[uuid].message(8)
        return UNITS[counter.one(3)] if counter.one(3) is not None else counter.text(6)
