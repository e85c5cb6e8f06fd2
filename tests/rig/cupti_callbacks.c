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

static struct {
	pthread_mutex_t lock;
	char handle[16];	/* its address is the subscriber handle */
	atomic_bool is_subscribed;
	rig_callback callback;
	void *user;
	char name[64];
	atomic_uchar enabled[RIG_CALLBACK_DOMAINS][RIG_CBIDS_MAX];
	atomic_int enabled_count;
} subscriber = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local int inside_resource;
static _Thread_local uint64_t correlation_data;

int rig_in_resource_callback(void)
{
	return inside_resource;
}

bool rig_callbacks_any(void)
{
	return atomic_load(&subscriber.enabled_count) > 0;
}

int rig_subscribe(void **handle, rig_callback callback, void *user, const char *name,
		  char *old_name, size_t old_name_size)
{
	int64_t fault = rig_fault("subscribe");
	int result = 0;

	if (!handle || !callback)
		return 1;
	if (!rig_cupti_ready())
		return rig_version.error_unavailable;
	pthread_mutex_lock(&subscriber.lock);
	if (fault >= 0)
		result = (int)fault;
	else if (atomic_load(&subscriber.is_subscribed))
		result = 39;
	if (result == 39 && old_name && old_name_size)
		snprintf(old_name, old_name_size, "%s", fault >= 0 ? "nsys" : subscriber.name);
	if (!result) {
		subscriber.callback = callback;
		subscriber.user = user;
		snprintf(subscriber.name, sizeof(subscriber.name), "%s", name ? name : "");
		atomic_store(&subscriber.is_subscribed, true);
		*handle = subscriber.handle;
	}
	pthread_mutex_unlock(&subscriber.lock);
	return result;
}

int rig_unsubscribe(void *handle)
{
	if (handle != subscriber.handle || !atomic_load(&subscriber.is_subscribed))
		return 1;
	for (uint32_t domain = 1; domain < RIG_CALLBACK_DOMAINS; domain++)
		rig_domain_enable(handle, domain, false);
	atomic_store(&subscriber.is_subscribed, false);
	return 0;
}

void rig_subscriber_forget(void)
{
	(void)rig_unsubscribe(subscriber.handle);
}

int rig_callback_enable(void *handle, uint32_t domain, uint32_t cbid, bool is_enabled)
{
	if (handle != subscriber.handle || !domain || domain >= RIG_CALLBACK_DOMAINS ||
	    cbid >= RIG_CBIDS_MAX || !atomic_load(&subscriber.is_subscribed))
		return 1;
	unsigned char before = atomic_exchange(&subscriber.enabled[domain][cbid], is_enabled);

	atomic_fetch_add(&subscriber.enabled_count, (int)is_enabled - (int)before);
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
	if (!atomic_load(&subscriber.is_subscribed) || domain >= RIG_CALLBACK_DOMAINS ||
	    cbid >= RIG_CBIDS_MAX || !atomic_load(&subscriber.enabled[domain][cbid]))
		return;
	rig_driver_callback_set(1);
	subscriber.callback(subscriber.user, domain, cbid, data);
	rig_driver_callback_set(0);
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
