/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "checkup.h"
#include "command_line.h"
#include "core/text.h"
#include "plan.h"
#include "watch_history.h"
#include "watch_http.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	LINE_MAX_BYTES = 2048,
	NAMES_MAX = 16,
	CHAINS_MAX = 16, /* files of one round (tls_chain_save()) */
	CHAIN_NAME_MAX = 256,
	JITTER_PERCENT = 10, /* either way */
	STALE_ROUNDS = 3,    /* missed ones, until it is not healthy */
};

#define MILLISECOND UINT64_C(1000000)
#define HOUR        (3600000 * MILLISECOND)

struct watch_options {
	struct check_options check;
	uint64_t interval_ns;
	struct ip_endpoint listen;
	const char *names[NAMES_MAX];
	size_t name_count;
};

struct chains {
	char files[CHAINS_MAX][CHAIN_NAME_MAX];
	size_t count;
};

struct watcher {
	struct watch_options options;
	struct checkup *checkup;
	struct watch_history *history;
	struct watch_http *http;
	struct chains chains; /* of the last round */
	sigset_t signals;     /* that end it; blocked */
};

/* ---- options ---- */

static bool
apply_interval(void *target, const char *value)
{
	struct watch_options *o = target;

	return duration_parse(&o->interval_ns, span_str(value)) &&
	       o->interval_ns >= 10 * MILLISECOND &&
	       o->interval_ns <= 24 * HOUR;
}

static bool
apply_listen(void *target, const char *value)
{
	struct watch_options *o = target;

	return ip_endpoint_parse(&o->listen, span_str(value));
}

static bool
apply_name(void *target, const char *value)
{
	struct watch_options *o = target;

	if (o->name_count == NAMES_MAX || value[0] == '\0')
		return false;
	o->names[o->name_count++] = value;
	return true;
}

static const struct option_row rows[] = {
    {"interval", "DURATION", "10ms to 24h, such as 60s",
	"time between the end of a round and the next (60s)", apply_interval, 0,
	false},
    {"listen", "ADDR:PORT", "an IP address and a port, 0 for any free one",
	"where the pages are served (127.0.0.1:9469)", apply_listen, 0, false},
    {"name", "NAME", "a host name",
	"serve requests for this host too, besides addresses and localhost",
	apply_name, 0, false},
};

static enum options_end
options_parse(struct watch_options *o, int argc, char **argv,
    struct options_message *message)
{
	const struct command_line line = {
	    .head = "Usage: sekisho-diag watch --region R[,R…] [OPTION]…\n"
		    "Checks for ever; serves /metrics, /healthz, /report.json, "
		    "/history.json and /.\n\n",
	    .tail = "\nExit codes: 0 ended by TERM or INT, 2 usage, 5 it could "
		    "not begin.\n",
	    .tables = {{rows, COUNT(rows), o},
		check_options_table(&o->check, OPTIONS_WHAT),
		check_options_table(&o->check, OPTIONS_WAY),
		check_options_table(&o->check, OPTIONS_NET),
		check_options_table(&o->check, OPTIONS_KEY),
		check_options_table(&o->check, OPTIONS_LANG)},
	    .table_count = 6,
	};
	enum options_end end;

	check_options_init(&o->check);
	o->interval_ns = 60000 * MILLISECOND;
	if (!ip_endpoint_parse(&o->listen, span_str("127.0.0.1:9469")))
		return OPTIONS_USAGE;
	end = command_line_parse(&line, argc, argv, message);
	if (end == OPTIONS_RUN && !check_options_settle(&o->check, message))
		end = OPTIONS_USAGE;
	/* No progress on the terminal: the lines on standard output tell. */
	o->check.format = REPORT_JSON;
	return end;
}

/* ---- what is told ---- */

static void
pair(struct text *t, const char *key, const char *value)
{
	text_str(t, key);
	text_logfmt(t, span_str(value));
}

static void
log_change(void *arg, const struct watch_change *c)
{
	char buf[LINE_MAX_BYTES];
	struct text t = text_in(buf, sizeof(buf));

	(void)arg;
	text_str(&t, "time=");
	text_time(&t, c->unix_ns);
	if (c->names != NULL) {
		text_str(&t, " event=endpoint");
		pair(&t, " host=", c->names->host);
		text_str(&t, " port=");
		text_u64(&t, c->names->port);
		pair(&t, " path=", c->names->path);
	} else {
		text_str(&t, " event=verdict");
	}
	pair(&t, " from=", c->from);
	pair(&t, " to=", c->to);
	if (c->cause[0] != '\0')
		pair(&t, " cause=", c->cause);
	(void)puts(text_end(&t));
	(void)fflush(stdout);
}

static void
log_ready(const struct watcher *w)
{
	const struct run *run = checkup_result(w->checkup);
	struct ip_endpoint at = watch_http_address(w->http);
	char address[IP_ENDPOINT_TEXT_MAX + 1], buf[LINE_MAX_BYTES];
	struct text t = text_in(buf, sizeof(buf));

	(void)ip_endpoint_format(&at, address);
	text_str(&t, "event=ready");
	pair(&t, " listen=", address);
	text_str(&t, " endpoints=");
	text_u64(&t, run->endpoint_count);
	text_str(&t, " interval_ms=");
	text_ms(&t, w->options.interval_ns);
	(void)puts(text_end(&t));
	(void)fflush(stdout);
}

/* ---- pages ---- */

static void
write_page(const struct watcher *w, enum watch_page page, FILE *out)
{
	struct report_input in = {
	    .run = checkup_result(w->checkup),
	    .diagnosis = checkup_diagnosis(w->checkup),
	};
	bool ok = true;

	switch (page) {
	case PAGE_METRICS:
		ok = report_prometheus(out, &in);
		watch_history_metrics(out, w->history);
		break;
	case PAGE_REPORT_JSON:
		ok = report_json(out, &in);
		break;
	case PAGE_HISTORY_JSON:
		watch_history_json(out, w->history);
		break;
	case PAGE_HTML:
		ok = report_html(out, &in);
		break;
	case PAGE_COUNT:
		break;
	}
	(void)ok; /* a memory stream fails as a whole, at its end */
}

static bool
render(const struct watcher *w, struct watch_pages *pages)
{
	bool ok = true;

	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		FILE *out = open_memstream(&pages->text[i], &pages->len[i]);

		if (out == NULL) {
			ok = false;
			continue;
		}
		write_page(w, (enum watch_page)i, out);
		ok &= ferror(out) == 0;
		ok &= fclose(out) == 0;
	}
	return ok;
}

static void
publish(struct watcher *w)
{
	struct watch_pages pages = {.text = {NULL}};

	if (render(w, &pages)) {
		watch_http_publish(w->http, pages);
		return;
	}
	for (unsigned i = 0; i < PAGE_COUNT; i++)
		free(pages.text[i]);
	(void)checkup_complain(0, "out of memory: the pages stay as they were");
}

/* Suspect chains are saved anew in each round; only the last round's stay. */
static void
replace_chains(struct watcher *w)
{
	const struct run *run = checkup_result(w->checkup);
	struct chains now = {.count = 0};

	for (size_t i = 0; i < run->endpoint_count; i++) {
		const char *file = run->endpoints[i].tls.chain_file;
		bool known = file[0] == '\0' || now.count == CHAINS_MAX;

		for (size_t k = 0; !known && k < now.count; k++)
			known = strcmp(now.files[k], file) == 0;
		if (!known)
			(void)snprintf(
			    now.files[now.count++], CHAIN_NAME_MAX, "%s", file);
	}
	for (size_t i = 0; i < w->chains.count; i++)
		(void)unlink(w->chains.files[i]);
	w->chains = now;
}

/* ---- rounds ---- */

/* A round has ended, whole. */
static void
conclude(struct watcher *w)
{
	if (checkup_diagnose(w->checkup) != 0)
		return;
	if (!watch_history_take(w->history, checkup_result(w->checkup),
		checkup_diagnosis(w->checkup), log_change, w)) {
		(void)checkup_complain(0, "out of memory: a round is lost");
		return;
	}
	publish(w);
	replace_chains(w);
}

/* The interval with its jitter, so that many that were started together do not
 * stay together. */
static uint64_t
pause_ns(const struct watcher *w)
{
	uint64_t most = w->options.interval_ns / 100 * JITTER_PERCENT;
	uint64_t random = most;

	/* Early boot alone lacks randomness; then there is no jitter. */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(random))
		random = most;
	return w->options.interval_ns - most + random % (2 * most + 1);
}

/* False: a signal has come. */
static bool
pause_between(const struct watcher *w)
{
	uint64_t ns = pause_ns(w);
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000),
	    .tv_nsec = (long)(ns % 1000000000)};

	while (sigtimedwait(&w->signals, NULL, &ts) < 0) {
		if (errno == EAGAIN)
			return true;
		/* EINTR: stopped and continued; wait anew. */
	}
	return false;
}

/* Checks until a signal comes. What fails in a round is told by then, and may
 * be better in the next. */
static int
rounds(struct watcher *w)
{
	const struct report_style style = {.width = 0};

	do {
		if (checkup_run(w->checkup, &style) == 0) {
			if (checkup_result(w->checkup)->end == RUN_INTERRUPTED)
				return 0;
			conclude(w);
		}
		if (!pause_between(w))
			return 0;
	} while (checkup_prepare(w->checkup) == 0);
	return EXIT_CANNOT_TELL;
}

static bool
serve(struct watcher *w)
{
	const struct run *run = checkup_result(w->checkup);
	struct watch_http_options options = {
	    .address = w->options.listen,
	    .names = w->options.names,
	    .name_count = w->options.name_count,
	    .stale_ns = STALE_ROUNDS *
			(2 * w->options.interval_ns + run->plan->budget_ns),
	};
	char address[IP_ENDPOINT_TEXT_MAX + 1];

	w->http = watch_http_new(&options);
	if (w->http != NULL)
		return true;
	(void)ip_endpoint_format(&w->options.listen, address);
	(void)fprintf(stderr,
	    "sekisho-diag: --listen %s: %s: name a free address of this "
	    "machine\n",
	    address, strerrordesc_np(errno));
	return false;
}

static bool
block_signals(struct watcher *w)
{
	(void)sigemptyset(&w->signals);
	(void)sigaddset(&w->signals, SIGINT);
	(void)sigaddset(&w->signals, SIGTERM);
	/* A client that hangs up must not end us. */
	return signal(SIGPIPE, SIG_IGN) != SIG_ERR &&
	       sigprocmask(SIG_BLOCK, &w->signals, NULL) == 0;
}

static int
run(struct watcher *w)
{
	int code;

	w->checkup = checkup_new(&w->options.check);
	w->history = watch_history_new();
	if (w->checkup == NULL || w->history == NULL || !block_signals(w))
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	code = checkup_prepare(w->checkup);
	if (code != 0)
		return code;
	if (!serve(w))
		return EXIT_CANNOT_TELL;
	log_ready(w);
	return rounds(w);
}

int
watch_main(int argc, char **argv)
{
	struct watcher *w = calloc(1, sizeof(*w));
	struct options_message message;
	enum options_end end;
	int code;

	if (w == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	end = options_parse(&w->options, argc, argv, &message);
	code = end == OPTIONS_RUN ? run(w) : options_finish(end, &message);
	watch_http_free(w->http);
	watch_history_free(w->history);
	checkup_free(w->checkup);
	free(w);
	return code;
}
