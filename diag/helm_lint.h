/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with a values file of the Container Security chart: the traps
 * of helm_traps.def, each with its place. Pure: reads what values_load() has
 * read. */
#ifndef SEKISHO_DIAG_HELM_LINT_H
#define SEKISHO_DIAG_HELM_LINT_H

#include "core/allowlist.h"
#include "finding.h"
#include "helm_values.h"
#include "proxy_env.h"

enum {
	TRAPS_MAX = 100, /* later ones are left out */
};

enum trap_id {
#define TRAP(name, id, why, mend) TRAP_##name,
#include "helm_traps.def"
#undef TRAP
	TRAP_COUNT,
};

struct trap_text {
	const char *id; /* "HELM-NOPROXY-LIST" */
	struct words why, mend;
};

enum helm_chart {
	CHART_UNKNOWN, /* to be told by the file's keys */
	CHART_CLOUDONE,
	CHART_VISIONONE,
};

struct trap {
	enum trap_id id;
	unsigned line, column;
	struct facts facts;
};

struct helm_asked {
	const char *region; /* NULL: not given */
	enum helm_chart chart;
	const struct proxy_url *proxy; /* NULL: not given */
	unsigned version;              /* helm_version(); 0: not given */
	char version_text[32];
	const char *service_cidr;
	const struct allowlist *catalog;
};

struct helm_traps {
	struct trap items[TRAPS_MAX]; /* by line, then column */
	size_t count;
};

/* Never NULL; static. */
const struct trap_text *trap_text(enum trap_id id);

/* "2.3.24" as a number that can be compared. False leaves *out untouched. */
bool helm_version(unsigned *out, struct span text) MUST_CHECK;

/* NULL when out of memory; to be freed by free(). */
struct helm_traps *helm_lint(
    const struct values *v, const struct helm_asked *asked) MUST_CHECK;

/* The endpoint of a region in that chart, a full URL; NULL when there is none
 * that is known. buf has HELM_URL_MAX bytes. */
enum {
	HELM_URL_MAX = 160,
};
const char *helm_endpoint(
    const struct helm_asked *asked, const char *region, char *buf);

/* "cloudOne", "visionOne": where a chart keeps its endpoint. */
const char *helm_root(enum helm_chart chart);

#endif
