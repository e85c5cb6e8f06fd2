/* SPDX-License-Identifier: MIT */
/* Subscribers and callbacks of the CUPTI double. Only what was subscribed is dispatched. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cupti.h"
#include "cupti_names.h"

/* What an API callback gets, with CUPTI's layout. */
struct callback_data {
	uint32_t site;
	const char *function_name;
	const void *parameters;
	void *result;
	const char *symbol_name;
	void *context;
	uint32_t context_id;
	uint64_t *correlation_data;
	uint32_t correlation;
};

struct resource_data {
	void *context;
	const void *handle;
	void *descriptor;
};

struct state_data {
	uint32_t result;
	const char *message;
};

_Static_assert(sizeof(struct callback_data) == 72, "CUpti_CallbackData");

/* The first is that of the old calls, and before 13.3 of all; its address is the handle. */
static struct subscriber {
	atomic_bool is_subscribed;
	bool is_new_call, allows_others;
	rig_callback callback;
	void *user;
	char name[64];
	atomic_uchar enabled[RIG_CALLBACK_DOMAINS][RIG_CBIDS_MAX];
} subscribers[RIG_SCOPES];

static struct {
	pthread_mutex_t lock;
	atomic_int enabled_count;
	atomic_bool has_old_calls;	/* since the process began; RIG_FAULTS sticky */
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local int inside_resource;
static _Thread_local uint64_t correlation_data;

int rig_in_resource_callback(void)
{
	return inside_resource;
}

bool rig_callbacks_any(void)
{
	return atomic_load(&state.enabled_count) > 0;
}

static bool has_several(void)
{
	return rig_version.api_version >= 130300;
}

int rig_subscriber_count(void)
{
	int count = 0;

	for (int i = 0; i < RIG_SCOPES; i++)
		count += atomic_load(&subscribers[i].is_subscribed);
	return count;
}

static struct subscriber *subscriber_first(void)
{
	for (int i = 0; i < RIG_SCOPES; i++)
		if (atomic_load(&subscribers[i].is_subscribed))
			return &subscribers[i];
	return NULL;
}

static bool are_old_calls_in_use(void)
{
	if (atomic_load(&subscribers[0].is_subscribed))
		return true;
	if (rig_fault("sticky") >= 0 && atomic_load(&state.has_old_calls))
		return true;
	for (uint32_t kind = 0; kind < RIG_KINDS; kind++)
		if (rig_kind_scopes(kind) & 1)
			return true;
	return false;
}

int rig_old_call_begin(void)
{
	if (!has_several())
		return 0;
	for (int i = 1; i < RIG_SCOPES; i++)
		if (atomic_load(&subscribers[i].is_subscribed))
			return RIG_MULTIPLE_SUBSCRIBERS;
	atomic_store(&state.has_old_calls, true);
	return 0;
}

/* Its place, or -1: not beside those that are here. */
static int place_find(const struct rig_subscription *wanted)
{
	const struct subscriber *first = subscriber_first();

	if (!has_several() || !wanted->is_new_call)
		return first ? -1 : 0;
	if (are_old_calls_in_use() || (first && (!first->allows_others || !wanted->allows_others)))
		return -1;
	for (int i = 1; i < RIG_SCOPES; i++)
		if (!atomic_load(&subscribers[i].is_subscribed))
			return i;
	return -1;
}

int rig_subscribe(void **handle, const struct rig_subscription *wanted)
{
	int64_t fault = rig_fault("subscribe");
	int result = 0, place;

	/* The new call takes one without callbacks. */
	if (!handle || (!wanted->callback && !wanted->is_new_call))
		return 1;
	if (!rig_cupti_ready())
		return rig_version.error_unavailable;
	pthread_mutex_lock(&state.lock);
	const struct subscriber *first = subscriber_first();

	place = place_find(wanted);
	if (fault >= 0)
		result = (int)fault;
	else if (place < 0)
		result = RIG_MULTIPLE_SUBSCRIBERS;
	if ((result == RIG_MULTIPLE_SUBSCRIBERS || first) && wanted->old_name &&
	    wanted->old_name_size)
		snprintf(wanted->old_name, wanted->old_name_size, "%s",
			 fault >= 0 ? "nsys" : first ? first->name : "");
	if (!result) {
		struct subscriber *new = &subscribers[place];

		new->callback = wanted->callback;
		new->user = wanted->user;
		new->is_new_call = wanted->is_new_call;
		new->allows_others = wanted->allows_others;
		snprintf(new->name, sizeof(new->name), "%s", wanted->name ? wanted->name : "");
		atomic_store(&new->is_subscribed, true);
		if (!place)
			atomic_store(&state.has_old_calls, true);
		*handle = new;
	}
	pthread_mutex_unlock(&state.lock);
	return result;
}

static struct subscriber *subscriber_find(const void *handle)
{
	for (int i = 0; i < RIG_SCOPES; i++)
		if (handle == &subscribers[i] && atomic_load(&subscribers[i].is_subscribed))
			return &subscribers[i];
	return NULL;
}

int rig_scope_of(const void *handle)
{
	const struct subscriber *found = subscriber_find(handle);

	return found && found->is_new_call && found != subscribers ? (int)(found - subscribers)
								   : -1;
}

int rig_unsubscribe(void *handle)
{
	struct subscriber *found = subscriber_find(handle);

	if (!found)
		return 1;
	for (uint32_t domain = 1; domain < RIG_CALLBACK_DOMAINS; domain++)
		rig_domain_enable(handle, domain, false);
	if (found != subscribers)
		rig_scope_forget((int)(found - subscribers));
	atomic_store(&found->is_subscribed, false);
	return 0;
}

void rig_subscriber_forget(void)
{
	for (int i = 0; i < RIG_SCOPES; i++)
		(void)rig_unsubscribe(&subscribers[i]);
}

int rig_callback_enable(void *handle, uint32_t domain, uint32_t cbid, bool is_enabled)
{
	struct subscriber *found = subscriber_find(handle);

	if (!found || !domain || domain >= RIG_CALLBACK_DOMAINS || cbid >= RIG_CBIDS_MAX)
		return 1;
	unsigned char before = atomic_exchange(&found->enabled[domain][cbid], is_enabled);

	atomic_fetch_add(&state.enabled_count, (int)is_enabled - (int)before);
	return 0;
}

int rig_domain_enable(void *handle, uint32_t domain, bool is_enabled)
{
	for (uint32_t cbid = 0; cbid < RIG_CBIDS_MAX; cbid++) {
		int result = rig_callback_enable(handle, domain, cbid, is_enabled);

		if (result)
			return result;
	}
	return 0;
}

static void callback_run(uint32_t domain, uint32_t cbid, const void *data)
{
	if (domain >= RIG_CALLBACK_DOMAINS || cbid >= RIG_CBIDS_MAX)
		return;
	for (int i = 0; i < RIG_SCOPES; i++) {
		const struct subscriber *to = &subscribers[i];

		if (!atomic_load(&to->is_subscribed) || !atomic_load(&to->enabled[domain][cbid]) ||
		    !to->callback)
			continue;
		rig_driver_callback_set(1);
		to->callback(to->user, domain, cbid, data);
		rig_driver_callback_set(0);
	}
}

void rig_callback_api(const struct rig_api *api, uint32_t cbid, uint32_t correlation, int site)
{
	uint64_t parameters[8] = { 0 };
	uint32_t result = api->result;
	struct callback_data data = {
		.site = (uint32_t)site, .function_name = rig_cbid_name(api->domain, cbid),
		.parameters = parameters, .result = site ? &result : NULL,
		.context = rig_driver_context((int)api->device), .context_id = api->device + 1,
		.correlation_data = &correlation_data, .correlation = correlation,
	};

	if (!site)
		correlation_data = 0;
	callback_run(api->domain, cbid, &data);
}

void rig_callback_resource(uint32_t cbid, uint32_t device, const void *handle)
{
	struct resource_data data = {
		.context = rig_driver_context((int)device), .handle = handle,
	};

	inside_resource++;
	callback_run(RIG_CALLBACK_RESOURCE, cbid, &data);
	inside_resource--;
}

void rig_callback_state(uint32_t cbid, uint32_t result, const char *text)
{
	struct state_data data = { .result = result, .message = text };

	callback_run(RIG_CALLBACK_STATE, cbid, &data);
}
