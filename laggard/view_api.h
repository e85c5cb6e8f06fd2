/* SPDX-License-Identifier: MIT */
/*
 * What `laggard view` answers: the page and its parts, and below api/ what viewer-export/tiles.h
 * says, as JSON. Every parameter is checked; an answer of 400 says in one line what is wrong.
 *
 *     api/tracks
 *     api/tile?track=&start=&end=&buckets=[&slices=]
 *     api/slice?track=&row=S.R
 *     api/search?text=[&limit=][&from=T.S.R]
 *     api/counter?counter=&start=&end=&buckets=
 *
 * Thread: any.
 */
#ifndef LAGGARD_VIEW_API_H
#define LAGGARD_VIEW_API_H

#include "laggard/http_server.h"
#include "viewer-export/tiles.h"

/* A http_handler; its context are the struct tiles. */
void view_api_answer(void *context, const char *path, const struct http_request *request,
		     struct http_reply *reply);

#endif
