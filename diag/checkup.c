/* SPDX-License-Identifier: Apache-2.0 */
#include "checkup.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "baseline.h"
#include "diagnosis.h"
#include "key.h"
#include "key_file.h"
#include "plan.h"
#include "report.h"
#include "runner.h"
#include "vantage.h"

struct checkup {
	const struct check_options *options; /* borrowed */
	struct proxy_env env;
	struct vantage vantage;
	struct api_key key;
	struct key_lint lint;
	struct allowlist *catalog;
	struct plan *plan;
	struct run *run;
	struct loop *loop;
	struct runner *runner;
	struct progress_view *view; /* NULL: nobody watches */
	struct watch signals;       /* signalfd: Ctrl-C */
	struct diagnosis *diagnosis;
};

int
checkup_complain(int code, const char *text)
{
	(void)fprintf(stderr, "sekisho-diag: %s\n", text);
	return code;
}

static const char *
read_environment(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

static void
on_list_error(void *arg, const char *text)
{
	(void)arg;
	(void)checkup_complain(0, text);
}

struct report_style
checkup_style(const struct check_options *options)
{
	return report_style_for(
	    options->output ? NULL : stdout, options, read_environment, NULL);
}

struct checkup *
checkup_new(const struct check_options *options)
{
	struct checkup *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->options = options;
	c->signals.fd = -1;
	return c;
}

/* 0, or the exit code after a message. */
static int
read_key(struct checkup *c)
{
	struct key_lint *lint = &c->lint;
	const char *value = getenv("C1_API_KEY");
	char error[512];

	if (lint->given)
		return 0;
	if (c->options->api_key_file != NULL) {
		key_protect();
		if (!key_file_read(&c->key, lint, c->options->api_key_file,
			error, sizeof(error)))
			return checkup_complain(EXIT_USAGE, error);
	} else if (value != NULL && value[0] != '\0') {
		key_protect();
		if (!key_take_variable(&c->key, lint, "C1_API_KEY"))
			return checkup_complain(EXIT_USAGE,
			    "C1_API_KEY: 4096 bytes or more: no key is that "
			    "long");
	}
	return 0;
}

static void
forget_run(struct checkup *c)
{
	diagnosis_free(c->diagnosis);
	c->diagnosis = NULL;
	runner_free(c->runner);
	c->runner = NULL;
	run_free(c->run);
	c->run = NULL;
	plan_free(c->plan);
	c->plan = NULL;
}

static bool
read_lists(struct checkup *c)
{
	struct allowlist_sources sources = {.dir = c->options->allowlist_dir};

	if (c->catalog == NULL)
		c->catalog = allowlist_load(&sources, on_list_error, NULL);
	return c->catalog != NULL;
}

int
checkup_prepare(struct checkup *c)
{
	struct proxy_env_where where;
	struct plan_error error;
	int code = read_key(c);

	if (code != 0)
		return code;
	forget_run(c);
	vantage_read(&c->vantage, c->options);
	where = (struct proxy_env_where){c->vantage.in_pod, c->vantage.in_gke};
	proxy_env_read(&c->env, read_environment, NULL, &where);
	if (!read_lists(c))
		return EXIT_USAGE;
	c->plan = plan_make(c->options, c->catalog, &c->env, &error);
	if (c->plan == NULL)
		return checkup_complain(EXIT_USAGE, error.text);
	c->run = run_new(c->plan);
	if (c->run == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	(void)snprintf(c->vantage.lists_date, sizeof(c->vantage.lists_date),
	    "%s", allowlist_date(c->catalog));
	c->run->vantage = c->vantage;
	c->run->proxy_env = c->env;
	c->run->key = c->lint;
	return 0;
}

static struct checkup *
checkup_of(struct watch *w)
{
	return (void *)((char *)w - offsetof(struct checkup, signals));
}

static void
on_signal(struct watch *w, uint32_t events)
{
	struct checkup *c = checkup_of(w);
	struct signalfd_siginfo info;

	(void)events;
	if (read(w->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		runner_interrupt(c->runner);
}

/* Ctrl-C and TERM as events of the loop. */
static bool
catch_signals(struct checkup *c)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return false;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return false;
	if (loop_watch(c->loop, &c->signals, fd, EPOLLIN, on_signal))
		return true;
	(void)close(fd);
	return false;
}

static void
on_progress(void *arg, const struct progress *p)
{
	struct checkup *c = arg;

	if (c->view != NULL)
		progress_view_show(c->view, p);
}

static void
on_done(void *arg)
{
	struct checkup *c = arg;

	loop_stop(c->loop);
}

static uint64_t
unix_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static bool
loop_ready(struct checkup *c)
{
	if (c->loop != NULL)
		return true;
	c->loop = loop_new();
	return c->loop != NULL && catch_signals(c);
}

int
checkup_run(struct checkup *c, const struct report_style *style)
{
	struct runner_options options = {
	    .api_key = key_is_sendable(&c->lint) ? c->key.text : NULL,
	    .progress = on_progress,
	    .done = on_done,
	    .arg = c,
	};
	uint64_t begun;

	if (!loop_ready(c))
		return checkup_complain(
		    EXIT_CANNOT_TELL, strerrordesc_np(errno));
	if (c->options->format == REPORT_TEXT)
		c->view = progress_view_new(stderr, c->plan, style,
		    report_can_redraw(stderr, read_environment, NULL));
	c->run->started_unix_ns = unix_now_ns();
	begun = clock_now_ns();
	c->runner = runner_start(c->loop, c->plan, c->run, &options);
	if (c->runner == NULL)
		return checkup_complain(EXIT_CANNOT_TELL,
		    "the checks cannot begin: no memory or no file "
		    "descriptors (ulimit -n)");
	loop_run(c->loop);
	c->run->duration_ns = clock_now_ns() - begun;
	progress_view_free(c->view);
	c->view = NULL;
	return 0;
}

int
checkup_diagnose(struct checkup *c)
{
	const char *baseline = c->options->baseline;
	char error[512];

	if (baseline != NULL &&
	    !baseline_compare(c->run, baseline, error, sizeof(error)))
		return checkup_complain(EXIT_USAGE, error);
	c->diagnosis = diagnosis_make(c->run, c->options->lang);
	if (c->diagnosis == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	if (baseline != NULL && c->run->end == RUN_COMPLETE &&
	    !baseline_write(c->run, baseline, error, sizeof(error)))
		return checkup_complain(EXIT_USAGE, error);
	return 0;
}

int
checkup_report(const struct checkup *c, const struct report_style *style)
{
	const char *path = c->options->output;
	struct report_input in = {
	    .run = c->run, .diagnosis = c->diagnosis, .style = *style};
	FILE *out = path ? fopen(path, "we") : stdout;
	bool ok = out != NULL && report_for(c->options->format)(out, &in);

	if (out != NULL)
		ok &= (out == stdout ? fflush(out) : fclose(out)) == 0;
	if (ok)
		return c->diagnosis->exit_code;
	(void)fprintf(stderr, "sekisho-diag: %s: cannot write: %s\n",
	    path ? path : "standard output", strerrordesc_np(errno));
	return EXIT_CANNOT_TELL;
}

const struct run *
checkup_result(const struct checkup *c)
{
	return c->run;
}

const struct diagnosis *
checkup_diagnosis(const struct checkup *c)
{
	return c->diagnosis;
}

void
checkup_free(struct checkup *c)
{
	if (c == NULL)
		return;
	key_forget(&c->key);
	progress_view_free(c->view);
	forget_run(c);
	if (c->loop != NULL)
		watch_close(c->loop, &c->signals);
	loop_free(c->loop);
	allowlist_free(c->catalog);
	free(c);
}
