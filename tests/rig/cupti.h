/* SPDX-License-Identifier: MIT */
/*
 * Inside of the CUPTI double: subscribers and callbacks (cupti_callbacks.c), records
 * (cupti_records.c), buffers and their delivery (cupti_buffers.c), entry points (cupti_entry.c,
 * cupti_version.c).
 * Thread: any, unless said.
 */
#ifndef RIG_CUPTI_H
#define RIG_CUPTI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cupti_layout.h"
#include "driver.h"

enum {
	RIG_CALLBACK_DRIVER = 1,
	RIG_CALLBACK_RUNTIME,
	RIG_CALLBACK_RESOURCE,
	RIG_CALLBACK_SYNCHRONIZE,
	RIG_CALLBACK_NVTX,
	RIG_CALLBACK_STATE,
	RIG_CALLBACK_DOMAINS
};

typedef void (*rig_callback)(void *user, uint32_t domain, uint32_t cbid, const void *data);
typedef void (*rig_requested)(uint8_t **buffer, size_t *size, size_t *max_records);
typedef void (*rig_completed)(void *context, uint32_t stream, uint8_t *buffer, size_t size,
			      size_t valid_size);
typedef void (*rig_requested_v2)(uint8_t **buffer, size_t *size, size_t *max_records, void *info);
typedef void (*rig_completed_v2)(uint8_t *buffer, size_t size, size_t valid_size, void *info);

/*
 * For whom records are made: scope 0 is the process (the calls without a subscriber); from CUPTI
 * 13.3 on each subscriber of the new calls (_v2) has a scope of its own. Masks have a bit a scope.
 */
enum { RIG_SCOPES = 4, RIG_MULTIPLE_SUBSCRIBERS = 39 };

/* Connects to the driver double; false where there is none, or no GPU: every call then fails. */
bool rig_cupti_ready(void);

/*
 * cupti_faults.c: counts a call of this function (RIG_CALLS), and answers the error that it shall
 * give instead of doing anything (RIG_FAULTS fail=), or 0.
 */
int rig_call_begin(const char *function);

/* cupti_callbacks.c */
struct rig_subscription {
	rig_callback callback;
	void *user;
	const char *name;
	char *old_name;
	size_t old_name_size;
	bool is_new_call, allows_others;	/* cuptiSubscribe_v2; of several */
};
int rig_subscribe(void **handle, const struct rig_subscription *subscription);
int rig_unsubscribe(void *handle);
int rig_scope_of(const void *handle);	/* of the new calls; -1: none has this handle */
int rig_old_call_begin(void);		/* 39 while a subscriber of the new calls is here, or 0 */
int rig_subscriber_count(void);
void rig_subscriber_forget(void);	/* whoever it is */
int rig_callback_enable(void *handle, uint32_t domain, uint32_t cbid, bool is_enabled);
int rig_domain_enable(void *handle, uint32_t domain, bool is_enabled);
bool rig_callbacks_any(void);
void rig_callback_api(const struct rig_api *api, uint32_t cbid, uint32_t correlation, int site);
void rig_callback_resource(uint32_t cbid, uint32_t device, const void *handle);
void rig_callback_state(uint32_t cbid, uint32_t result, const char *text);
int rig_in_resource_callback(void);

/* cupti_records.c */
extern const struct rig_listener rig_records_listener;
bool rig_kind_is_enabled(uint32_t kind);
uint32_t rig_kind_scopes(uint32_t kind);
int rig_kind_enable(int scope, uint32_t kind, bool is_enabled);
void rig_scope_forget(int scope);	/* no kind is enabled for it any more */
int rig_api_select(int scope, uint32_t domain, uint32_t cbid, uint8_t enable);
void rig_event_stamps_set(uint8_t enable);
bool rig_event_stamps(void);
void rig_counter_set(uint32_t counter, bool is_enabled);
bool rig_counter_is_enabled(uint32_t counter);
uint32_t rig_thread_id(void);
uint32_t rig_correlation_shown(uint32_t correlation);	/* 0 where ids do not exist */
void rig_context_created(const struct rig_activity *activity);
void rig_thread_id_type_set(int type);
int rig_thread_id_type(void);
int rig_external_push(int scope, uint32_t kind, uint64_t id);
int rig_external_pop(int scope, uint32_t kind, uint64_t *id);
void rig_records_forget_all(void);	/* no kind is enabled any more */

/* cupti_activities.c */
void rig_activity_put(const struct rig_activity *activity);

/* cupti_buffers.c */
void rig_buffers_register(rig_requested requested, rig_completed completed);
void rig_buffers_register_v2(int scope, rig_requested_v2 requested, rig_completed_v2 completed);
/* A record of the host: into the buffer now, of all that want this kind. */
void rig_record_put_to(const void *record, uint32_t kind, uint32_t scopes);
void rig_record_put(const void *record, uint32_t kind);
/* A record of the GPU: some time later, in another order. */
void rig_record_put_late(const void *record, uint32_t kind);
void rig_records_complete(void);	/* the device was synchronised: everything late is there */
int rig_buffers_flush(bool is_forced);
int rig_buffers_dropped(size_t *count);
void rig_thread_buffers_set(bool is_on);
bool rig_thread_buffers(void);
int rig_in_buffer_callback(void);
void rig_buffers_lose_all(void);	/* the driver went away */

#endif
