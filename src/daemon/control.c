#include "daemon/control.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "daemon/manager.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE "org.varlink.service"
#define INTERFACE "io.certd"

enum { NAMES_MAX = 1000 };

struct daemon_control {
	const struct daemon_manager *manager;
	struct daemon_server *server;
};

/* A call that goes on. */
struct series {
	struct daemon_control *control;
	struct daemon_client *client;
	bool listens;
	struct daemon_listener listener;
	json_t *pending; /* the certificates whose end is waited for, as members; NULL: all events for ever */
	size_t next; /* of a list: the place of the certificate that comes next */
};

struct method {
	const char *name;
	void (*call)(struct daemon_control *control, struct daemon_client *client, const struct daemon_varlink_call *call);
	bool changes; /* something: not for everybody */
	bool more; /* is needed */
};

static void series_free(struct series *series)
{
	if (series->listens)
		series->control->manager->unsubscribe(series->control->manager->self, &series->listener);
	json_decref(series->pending);
	free(series);
}

static void series_end(struct series *series, json_t *parameters)
{
	struct daemon_client *client = series->client;

	series_free(series);
	daemon_client_reply(client, parameters, false);
}

static struct series *series_new(struct daemon_control *control, struct daemon_client *client)
{
	struct series *series = calloc(1, sizeof(*series));

	if (!series)
		return NULL;
	series->control = control;
	series->client = client;
	daemon_client_set_data(client, series);
	return series;
}

/* Takes the error's texts. */
static void fail(struct daemon_client *client, const struct error *err)
{
	daemon_client_error(client, INTERFACE ".Failed",
	                    json_pack("{s:s, s:s, s:s}", "kind", error_kind_name(err->kind), "message", err->message, "advice",
	                              err->advice));
}

static void fail_parameter(struct daemon_client *client, const char *parameter)
{
	daemon_client_error(client, SERVICE ".InvalidParameter", json_pack("{s:s}", "parameter", parameter));
}

static void fail_memory(struct daemon_client *client)
{
	struct error err;

	error_oom(&err);
	fail(client, &err);
}

/* Only what is known. */
static void set_text(json_t *object, const char *name, const char *text)
{
	if (text && text[0] != '\0')
		(void)json_object_set_new(object, name, json_string(text));
}

static void set_time(json_t *object, const char *name, int64_t at)
{
	char text[TIME_TEXT_SIZE];

	if (at != 0)
		(void)json_object_set_new(object, name, json_string(time_format(at, text)));
}

static const char *activity_name(enum daemon_activity activity)
{
	switch (activity) {
	case DAEMON_WAITING:
		return "waiting";
	case DAEMON_QUEUED:
		return "queued";
	case DAEMON_RUNNING:
		return "running";
	}
	return "waiting";
}

static json_t *certificate_json(const struct daemon_certificate *certificate)
{
	const struct config_certificate *config = certificate->config;
	json_t *names = json_array();
	json_t *json;

	for (size_t i = 0; names && i < config->names.count; i++)
		(void)json_array_append_new(names, json_string(config->names.items[i].value));
	json = json_pack("{s:s, s:o, s:s, s:s, s:b, s:b, s:b}", "name", config->name, "names", names, "ca", config->settings.ca->name,
	                 "activity", activity_name(certificate->activity), "known", certificate->known ? 1 : 0, "valid",
	                 certificate->have ? 1 : 0, "failing", certificate->failing ? 1 : 0);
	if (!json || !certificate->known)
		return json;
	set_text(json, "reason", plan_reason_name(certificate->reason));
	set_time(json, "not_after", certificate->not_after_at);
	set_time(json, "renew_at", certificate->renew_at);
	set_time(json, "next_at", certificate->next_at);
	set_text(json, "error", certificate->error);
	return json;
}

static const char *event_name(enum daemon_event_kind kind)
{
	switch (kind) {
	case DAEMON_EVENT_STARTED:
		return "started";
	case DAEMON_EVENT_PROGRESS:
		return "progress";
	case DAEMON_EVENT_ENDED:
		return "ended";
	case DAEMON_EVENT_RELOADED:
		return "reloaded";
	case DAEMON_EVENT_KIND_COUNT:
		break;
	}
	return "progress";
}

static json_t *event_json(const struct daemon_event *event)
{
	json_t *json = json_pack("{s:s}", "kind", event_name(event->kind));

	if (!json)
		return NULL;
	set_text(json, "certificate", event->certificate);
	set_text(json, "step", event->step);
	set_text(json, "text", event->text);
	set_text(json, "result", event->result);
	set_text(json, "error", event->error);
	return json_pack("{s:o}", "event", json);
}

/* As much of the list as there is room for. It may be another one than at its begin: then it is what it is now, from the same place on. */
static void go_on_with_list(struct series *series)
{
	const struct daemon_manager *manager = series->control->manager;
	struct daemon_certificate certificate;
	const size_t count = manager->count(manager->self);

	while (series->next + 1 < count && daemon_client_waiting(series->client) < DAEMON_CLIENT_OUT_LOW) {
		manager->certificate(manager->self, series->next++, &certificate);
		daemon_client_reply(series->client, json_pack("{s:o}", "certificate", certificate_json(&certificate)), true);
	}
	if (series->next + 1 < count)
		return;
	if (series->next >= count) {
		series_end(series, NULL);
		return;
	}
	manager->certificate(manager->self, series->next, &certificate);
	series_end(series, json_pack("{s:o}", "certificate", certificate_json(&certificate)));
}

static void call_list(struct daemon_control *control, struct daemon_client *client, const struct daemon_varlink_call *call)
{
	struct series *series = series_new(control, client);

	(void)call;
	if (series)
		go_on_with_list(series);
	else
		fail_memory(client);
}

static void call_status(struct daemon_control *control, struct daemon_client *client, const struct daemon_varlink_call *call)
{
	const struct daemon_manager *manager = control->manager;
	const size_t count = manager->count(manager->self);
	json_int_t failing = 0, queued = 0, running = 0;
	struct daemon_certificate one, next = { .renew_at = 0 };
	json_t *json;

	(void)call;
	for (size_t i = 0; i < count; i++) {
		manager->certificate(manager->self, i, &one);
		failing += one.failing ? 1 : 0;
		queued += one.activity == DAEMON_QUEUED ? 1 : 0;
		running += one.activity == DAEMON_RUNNING ? 1 : 0;
		if (one.known && (!next.config || one.renew_at < next.renew_at))
			next = one;
	}
	json = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "version", PACKAGE_VERSION, "pid", (json_int_t)getpid(), "certificates",
	                 (json_int_t)count, "failing", failing, "queued", queued, "running", running);
	if (json && next.config) {
		set_text(json, "next", next.config->name);
		set_time(json, "next_at", next.renew_at);
	}
	daemon_client_reply(client, json, false);
}

/* Whether the event is what the series waits for the last of. */
static bool is_last(struct series *series, const struct daemon_event *event)
{
	const struct daemon_manager *manager = series->control->manager;
	const char *name;
	void *tmp;
	json_t *value;

	if (event->kind == DAEMON_EVENT_ENDED)
		(void)json_object_del(series->pending, event->certificate);
	if (event->kind == DAEMON_EVENT_RELOADED) {
		/* What is not managed any more has no end. */
		json_object_foreach_safe(series->pending, tmp, name, value) {
			if (manager->find(manager->self, name) < 0)
				(void)json_object_del(series->pending, name);
		}
	}
	return json_object_size(series->pending) == 0;
}

static void on_event(void *self, const struct daemon_event *event)
{
	struct series *series = self;
	bool mine = !series->pending || event->kind == DAEMON_EVENT_RELOADED ||
	            (event->certificate && json_object_get(series->pending, event->certificate));

	if (!mine)
		return;
	if (series->pending && is_last(series, event))
		series_end(series, event_json(event));
	else
		daemon_client_reply(series->client, event_json(event), true);
}

static struct series *listen_for(struct daemon_control *control, struct daemon_client *client, json_t *pending)
{
	struct series *series = series_new(control, client);

	if (!series) {
		json_decref(pending);
		return NULL;
	}
	series->pending = pending;
	series->listener = (struct daemon_listener){ .event = on_event, .self = series };
	series->listens = true;
	control->manager->subscribe(control->manager->self, &series->listener);
	return series;
}

static void call_subscribe(struct daemon_control *control, struct daemon_client *client, const struct daemon_varlink_call *call)
{
	(void)call;
	if (listen_for(control, client, NULL))
		daemon_client_reply(client, NULL, true);
	else
		fail_memory(client);
}

/* The names as members of an object: those asked for, or all. */
static json_t *pending_of(const struct daemon_manager *manager, const struct strv *names)
{
	json_t *pending = json_object();
	struct daemon_certificate one;
	const size_t count = names ? names->count : manager->count(manager->self);

	for (size_t i = 0; pending && i < count; i++) {
		if (!names)
			manager->certificate(manager->self, i, &one);
		(void)json_object_set_new(pending, names ? names->items[i] : one.config->name, json_null());
	}
	return pending;
}

static void begin_renew(struct daemon_control *control, struct daemon_client *client, const struct strv *names, bool force,
                        bool more)
{
	const struct daemon_manager *manager = control->manager;
	const struct daemon_renew renew = {
		.names = names ? (const char *const *)names->items : NULL, .count = names ? names->count : 0, .force = force,
	};
	struct series *series = NULL;
	struct error err;

	error_clear(&err);
	/* Listens first: what comes of it may be told before renew() returns. */
	if (more && manager->count(manager->self) > 0)
		series = listen_for(control, client, pending_of(manager, names));
	if (manager->renew(manager->self, &renew, &err) < 0) {
		if (series)
			series_free(series);
		fail(client, &err);
	} else if (!series) {
		daemon_client_reply(client, NULL, false);
	}
}

static void call_renew(struct daemon_control *control, struct daemon_client *client, const struct daemon_varlink_call *call)
{
	CLEANUP(strv_done) struct strv names = STRV(NAMES_MAX);
	const struct daemon_manager *manager = control->manager;
	struct error err;
	bool force = false;
	int r = JSON_FIELD_ABSENT;

	error_clear(&err);
	if (call->parameters)
		r = json_field_strings(call->parameters, "parameters", "certificates", &names, &err);
	if (r < 0) {
		fail_parameter(client, "certificates");
		return;
	}
	if (call->parameters && json_field_bool(call->parameters, "parameters", "force", &force, &err) < 0) {
		fail_parameter(client, "force");
		return;
	}
	for (size_t i = 0; i < names.count; i++) {
		if (manager->find(manager->self, names.items[i]) < 0) {
			daemon_client_error(client, INTERFACE ".NoSuchCertificate", json_pack("{s:s}", "certificate", names.items[i]));
			return;
		}
	}
	if (r == JSON_FIELD_OK && names.count == 0)
		daemon_client_reply(client, NULL, false);
	else
		begin_renew(control, client, r == JSON_FIELD_OK ? &names : NULL, force, call->more);
}

static void call_reload(struct daemon_control *control, struct daemon_client *client, const struct daemon_varlink_call *call)
{
	struct error err;

	(void)call;
	error_clear(&err);
	if (control->manager->reload(control->manager->self, &err) < 0)
		fail(client, &err);
	else
		daemon_client_reply(client, NULL, false);
}

static void call_info(struct daemon_control *control, struct daemon_client *client, const struct daemon_varlink_call *call)
{
	(void)control;
	(void)call;
	daemon_client_reply(client,
	                    json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "certd", "product", PACKAGE_NAME, "version",
	                              PACKAGE_VERSION, "url", "man:certd(8)", "interfaces", SERVICE, INTERFACE),
	                    false);
}

static void call_description(struct daemon_control *control, struct daemon_client *client, const struct daemon_varlink_call *call)
{
	const char *interface = call->parameters ? json_string_value(json_object_get(call->parameters, "interface")) : NULL;
	const char *description = NULL;

	(void)control;
	if (!interface) {
		fail_parameter(client, "interface");
		return;
	}
	if (text_equal(interface, INTERFACE))
		description = daemon_control_interface;
	else if (text_equal(interface, SERVICE))
		description = daemon_control_service;
	if (description)
		daemon_client_reply(client, json_pack("{s:s}", "description", description), false);
	else
		daemon_client_error(client, SERVICE ".InterfaceNotFound", json_pack("{s:s}", "interface", interface));
}

static const struct method methods[] = {
	{ SERVICE ".GetInfo", call_info, false, false },
	{ SERVICE ".GetInterfaceDescription", call_description, false, false },
	{ INTERFACE ".List", call_list, false, true },
	{ INTERFACE ".Status", call_status, false, false },
	{ INTERFACE ".Subscribe", call_subscribe, false, true },
	{ INTERFACE ".Renew", call_renew, true, false },
	{ INTERFACE ".Reload", call_reload, true, false },
};

static void call_nothing(struct daemon_client *client, const char *name)
{
	const size_t len = (size_t)(strrchr(name, '.') - name);
	char interface[DAEMON_VARLINK_METHOD_MAX + 1];

	(void)text_copy(interface, sizeof(interface), name);
	interface[len] = '\0';
	if (text_equal(interface, INTERFACE) || text_equal(interface, SERVICE))
		daemon_client_error(client, SERVICE ".MethodNotFound", json_pack("{s:s}", "method", name));
	else
		daemon_client_error(client, SERVICE ".InterfaceNotFound", json_pack("{s:s}", "interface", interface));
}

static void on_call(void *self, struct daemon_client *client, const struct daemon_varlink_call *call)
{
	const struct method *method = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (text_equal(methods[i].name, call->method))
			method = &methods[i];
	}
	if (!method)
		call_nothing(client, call->method);
	else if (method->changes && !daemon_client_may_change(client))
		daemon_client_error(client, SERVICE ".PermissionDenied", NULL);
	else if (method->more && !call->more)
		daemon_client_error(client, SERVICE ".ExpectedMore", NULL);
	else
		method->call(self, client, call);
}

static void on_room(void *self, struct daemon_client *client)
{
	struct series *series = daemon_client_data(client);

	(void)self;
	if (series && !series->listens)
		go_on_with_list(series);
}

static void on_gone(void *self, struct daemon_client *client)
{
	struct series *series = daemon_client_data(client);

	(void)self;
	if (series)
		series_free(series);
}

int daemon_control_open(struct sd_event *event, const struct daemon_manager *manager, const struct daemon_server_limits *limits,
                        struct daemon_control **ret, struct error *err)
{
	struct daemon_control *control = calloc(1, sizeof(*control));
	const struct daemon_server_handler handler = { .call = on_call, .room = on_room, .gone = on_gone, .self = control };

	if (!control)
		return error_oom(err);
	control->manager = manager;
	if (daemon_server_open(event, manager->config(manager->self)->runtime_dir, DAEMON_CONTROL_SOCKET, &handler, limits,
	                       &control->server, err) < 0) {
		free(control);
		return -1;
	}
	*ret = control;
	return 0;
}

void daemon_control_free(struct daemon_control *control)
{
	if (!control)
		return;
	daemon_server_free(control->server);
	free(control);
}
