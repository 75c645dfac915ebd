/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading configurations from text, for the tests of config. */
#ifndef SEKISHO_TESTS_CONFIG_TESTING_H
#define SEKISHO_TESTS_CONFIG_TESTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LISTEN   "ADDR:PORT, [ADDR]:PORT or unix:/path (107 bytes)"

/* Errors, one a line. */
struct errors {
	char text[4096];
	unsigned count;
};

static inline void
on_error(void *arg, const char *text)
{
	struct errors *e = arg;
	size_t len = strlen(e->text);

	(void)snprintf(e->text + len, sizeof(e->text) - len, "%s%s",
	    len > 0 ? "\n" : "", text);
	e->count++;
}

static const struct config_setting region_us = {
    .key = "gateway.regions", .value = "us-1", .option = "--region"};

/* Loads text as the file "f", from guarded memory; regions from the command
 * line if asked for. */
static inline struct config *
load_text(const char *text, bool with_region, struct errors *e)
{
	struct guard g = guard_copy(text, strlen(text));
	struct config_sources src = {
	    .file = "f",
	    .text = span_of((const char *)g.data, g.len),
	    .settings = &region_us,
	    .setting_count = with_region ? 1 : 0,
	};
	struct config *c;

	*e = (struct errors){.count = 0};
	c = config_load(&src, on_error, e);
	guard_free(&g);
	return c;
}

static inline struct config *
load_settings(const struct config_setting *settings, size_t count,
    const char *file, struct errors *e)
{
	struct config_sources src = {
	    .file = file != NULL ? "f" : NULL,
	    .text = span_of(file, file != NULL ? strlen(file) : 0),
	    .settings = settings,
	    .setting_count = count,
	};

	*e = (struct errors){.count = 0};
	return config_load(&src, on_error, e);
}

#endif
