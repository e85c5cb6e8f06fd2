// SPDX-License-Identifier: MIT
//
// What the page draws from: a source. EmbeddedSource (source_embedded.js) holds everything; one that asks a server
// may answer with what it has and call `onChange` when more has come: the page then asks and draws again.
//
// Times are numbers: nanoseconds since the base of the export, exact up to 2^53 (104 days). A slice is named by its
// track and its index on it, which never changes. A row is one depth of nesting: its slices do not overlap.
//
//     await load()
//     onChange = null                 the page sets it
//     isWhole                         false: a coarse picture, which another source will replace; it knows no slice
//     head                            { base_ns: '1790...', version, sources: [{ path, host, rank, ... }] }
//     start, end                      of all there is
//     processes                       [{ id, name, order, kind: 'host' | 'gpu' | 'job', rank, device }]
//     tracks                          [{ id, process, name, order, kind, thread, stream, lane, rows, count,
//                                        arguments: [[key, value], ...] }], kind: enum export_track_kind in words
//     counters                        [{ process, name, series, count, minimum, maximum, isConstant }], known by
//                                     their index
//     analysis                        null | { verdict, reason, findings: [{ name, severity, text, advice, ... }] }
//     label(number)                   { name, category, color, arguments }
//     paint(track, row, from, to, pixels, sink)
//                                     sink(first, last, busy, label, index), first and last in pixels, for all that
//                                     is to be seen in [from, to): slices of a pixel or more (busy 1) and pixels in
//                                     which smaller ones lie (busy: the exact share of it that the row is in a
//                                     slice); index -1: more than one
//     busy(track, row, from, to)      ns in which the row has a slice, exact
//     at(track, row, time, slack)     index of the slice there, or within `slack` ns; -1: none
//     slice(track, index)             { track, index, row, start, duration, label, name, category,
//                                       arguments: [[key, value], ...] } with those of its label and its track
//     flows(track, index)             [{ kind: 'launch' | 'collective', from: { track, index }, to: { ... } }]
//     latest(track)               set of indexes: the latest of their collective, for which others wait
//     instants(track)                 { times, labels }; instant(track, index) as slice
//     samples(counter)                { times, values }, by time
//     each(track, from, to, visit)    visit(start, end, label, row, index) for all slices that touch it
//     longest(track)                  index of the longest slice in its first row, -1
//     search(test, from, direction)   the next { track, index } whose name passes `test`, after `from` in the order
//                                     of time (direction 1) or before it (-1); null: none
//     count(test)                     how many slices have such a name
//
// Any but load may also answer null or a shorter list where the answer has not come yet.
