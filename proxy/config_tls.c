/* SPDX-License-Identifier: Apache-2.0
 *
 * From the keys that name certificates to what handshakes are made with. Faults
 * are told at the key that names the file. */
#include <stdio.h>

#include "config_table.h"
#include "tls_files.h"

/* Whose files are read. */
struct owner {
	struct config_report report;
	const struct config *config;
	const struct config_named *listener; /* NULL: the parent */
	const char *const *paths;            /* by enum tls_file */
	const char *prefix;                  /* of the message */
};

static const char *const key_names[TLS_FILES] = {
    [TLS_CERTIFICATE] = "tls_certificate",
    [TLS_KEY] = "tls_key",
    [TLS_CLIENT_CA] = "tls_client_ca",
    [TLS_PARENT_CA] = "parent_ca_file",
};

static void
on_fault(void *arg, enum tls_file file, const char *text)
{
	struct owner *o = arg;
	const struct config_key *key = config_key_find(
	    span_str(file == TLS_PARENT_CA ? "upstream" : "listener"),
	    span_str(key_names[file]));
	char name[CONFIG_KEY_TEXT_MAX + 1];
	const char *path = o->paths[file];

	config_report_key(&o->report,
	    config_slot_of(key, o->config, o->listener)->first,
	    config_key_text(key, o->listener, name), "%s%s%s%s", o->prefix,
	    path != NULL ? path : "", path != NULL ? ": " : "", text);
}

static void
paths_of(const struct config_listener *l, const char **paths)
{
	paths[TLS_CERTIFICATE] = l->tls_certificate;
	paths[TLS_KEY] = l->tls_key;
	paths[TLS_CLIENT_CA] = l->tls_client_ca;
}

bool
config_tls_load(struct config *c, config_error_fn error, void *arg)
{
	const char *paths[TLS_FILES] = {NULL};
	struct owner o = {.report = {.fn = error, .arg = arg},
	    .config = c,
	    .paths = paths,
	    .prefix = ""};

	for (size_t i = 0; i < c->listener_count; i++) {
		struct config_listener *l = &c->listeners[i];

		if (l->tls_certificate == NULL)
			continue;
		o.listener = &l->named;
		paths_of(l, paths);
		l->tls = tls_server_context(paths, on_fault, &o);
	}
	o.listener = NULL;
	paths[TLS_PARENT_CA] = c->upstream.parent_ca_file;
	if (c->upstream.parent.on && c->upstream.parent.tls)
		c->upstream.parent_tls =
		    tls_client_context(paths[TLS_PARENT_CA], on_fault, &o);
	return o.report.count == 0;
}

void
config_tls_free(struct config *c)
{
	for (size_t i = 0; i < c->listener_count; i++)
		tls_context_free(c->listeners[i].tls);
	tls_context_free(c->upstream.parent_tls);
}

void
config_warnings(const struct config *c, config_error_fn warn, void *arg)
{
	const char *paths[TLS_FILES] = {NULL};
	struct owner o = {.report = {.fn = warn, .arg = arg},
	    .config = c,
	    .paths = paths,
	    .prefix = "warning: "};

	for (size_t i = 0; i < c->listener_count; i++) {
		if (c->listeners[i].tls == NULL)
			continue;
		o.listener = &c->listeners[i].named;
		paths_of(&c->listeners[i], paths);
		tls_context_warn(c->listeners[i].tls, on_fault, &o);
	}
}
