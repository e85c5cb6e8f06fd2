// SPDX-License-Identifier: MIT
//
// What the page draws from: a source. EmbeddedSource (source_embedded.js) holds everything, PictureSource
// (source_picture.js) a coarse picture of it, TileSource (source_tiles.js) asks a server: what draws gets what has come
// so far, and onChange tells when there is more; what is asked for a person may be a promise.
//
// Times are numbers: nanoseconds since the base of the export, exact up to 2^53 (104 days). A slice is named by its
// track and its index on it, which never changes: a number, or a text of the server's ("table.row"). A row is one depth
// of nesting: its slices do not overlap.
//
//     await load()
//     onChange = null                 the page sets it
//     isWhole                         false: a coarse picture, which another source will replace; it knows no slice
//     start, end                      of all there is
//     processes                       [{ id, name, order, kind: 'host' | 'gpu' | 'job', rank, device }]
//     tracks                          [{ id, process, name, order, kind, thread, stream, lane, rows, count,
//                                        arguments: [[key, value], ...] }], kind: enum export_track_kind in words
//     counters                        [{ process, name, series, count, minimum, maximum, isConstant }], known by
//                                     their index
//     analysis                        null | { verdict, reason, findings: [{ name, severity, text, advice, ... }] }
//     hint                            what is said where there is no analysis
//     label(number), labels           { name, category, color, arguments }
//     paint(track, row, from, to, pixels, sink)
//                                     sink(first, last, busy, label, index), first and last in pixels, for all that
//                                     is to be seen in [from, to): slices of a pixel or more (busy 1) and pixels in
//                                     which smaller ones lie (busy: the exact share of it that the row is in a
//                                     slice); index -1: more than one
//     at(track, row, time, slack)     index of the slice there, or within `slack` ns; -1: none
//     brief(track, index)             { name, category, start, duration, row, arguments } of a slice that was met:
//                                     no more arguments than are at hand
//     know(place)                     a slice that the analysis names will be asked for
//     indexOf(track, text, isInstant) from the text of an address; undefined: there is no such slice
//     latest(track)                   set of indexes: the latest of their collective, for which others wait
//     instants(track)                 { times, labels }; instant(track, index) as slice
//     samples(counter)                { times, values, minimum, maximum, isConstant, peaks }, by time
//     longest(track)                  index of the longest slice in its first row, -1
//
// These may be promises:
//
//     slice(track, index)             { track, index, row, start, duration, label, name, category,
//                                       arguments: [[key, value], ...] } with those of its label and its track
//     flows(track, index)             [{ kind: 'launch' | 'collective', from: { track, index }, to: { ... } }]
//     each(track, from, to, visit)    visit(start, end, label, row, index) for all slices that touch it
//     search(test, from, direction)   the next { track, index } whose name passes `test`, after `from` in the order
//                                     of time (direction 1) or before it (-1); null: none. test.words is what was typed
//     count(test)                     how many slices have such a name; hasMore: it stopped counting there
