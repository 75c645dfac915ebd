/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

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
#include "plan.h"
#include "report.h"
#include "runner.h"
#include "vantage.h"

enum {
	EXIT_USAGE = 2,
	EXIT_CANNOT_TELL = 5,
};

struct check {
	struct check_options options;
	struct proxy_env env;
	struct vantage vantage;
	struct api_key key;
	struct allowlist *catalog;
	struct plan *plan;
	struct run *run;
	struct loop *loop;
	struct runner *runner;
	struct progress_view *view; /* NULL: nobody watches */
	struct watch signals;       /* signalfd: Ctrl-C */
	struct report_style style;
};

static int
complain(int code, const char *text)
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
	(void)complain(0, text);
}

/* 0, or the exit code after a message. */
static int
read_key(struct check *c, struct key_lint *lint)
{
	const char *value = getenv("C1_API_KEY");
	char error[512];

	if (c->options.api_key_file != NULL) {
		if (!key_read_file(&c->key, lint, c->options.api_key_file,
			error, sizeof(error)))
			return complain(EXIT_USAGE, error);
	} else if (value != NULL && value[0] != '\0') {
		key_read_value(&c->key, lint, "C1_API_KEY", value);
	}
	return 0;
}

static int
prepare(struct check *c)
{
	struct allowlist_sources sources = {.dir = c->options.allowlist_dir};
	struct proxy_env_where where;
	struct plan_error error;

	vantage_read(&c->vantage, &c->options);
	where = (struct proxy_env_where){c->vantage.in_pod, c->vantage.in_gke};
	proxy_env_read(&c->env, read_environment, NULL, &where);
	c->catalog = allowlist_load(&sources, on_list_error, NULL);
	if (c->catalog == NULL)
		return EXIT_USAGE;
	c->plan = plan_make(&c->options, c->catalog, &c->env, &error);
	if (c->plan == NULL)
		return complain(EXIT_USAGE, error.text);
	c->run = run_new(c->plan);
	if (c->run == NULL)
		return complain(EXIT_CANNOT_TELL, "out of memory");
	(void)snprintf(c->vantage.lists_date, sizeof(c->vantage.lists_date),
	    "%s", allowlist_date(c->catalog));
	c->run->vantage = c->vantage;
	c->run->proxy_env = c->env;
	return read_key(c, &c->run->key);
}

static struct check *
check_of(struct watch *w)
{
	return (void *)((char *)w - offsetof(struct check, signals));
}

static void
on_signal(struct watch *w, uint32_t events)
{
	struct check *c = check_of(w);
	struct signalfd_siginfo info;

	(void)events;
	if (read(w->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		runner_interrupt(c->runner);
}

/* Ctrl-C and TERM as events of the loop. */
static bool
catch_signals(struct check *c)
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
	struct check *c = arg;

	if (c->view != NULL)
		progress_view_show(c->view, p);
}

static void
on_done(void *arg)
{
	struct check *c = arg;

	loop_stop(c->loop);
}

static uint64_t
unix_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static int
run_it(struct check *c)
{
	struct runner_options options = {
	    .api_key = key_is_sendable(&c->run->key) ? c->key.text : NULL,
	    .progress = on_progress,
	    .done = on_done,
	    .arg = c,
	};
	uint64_t begun;

	c->loop = loop_new();
	if (c->loop == NULL || !catch_signals(c))
		return complain(EXIT_CANNOT_TELL, strerrordesc_np(errno));
	if (c->options.format == REPORT_TEXT)
		c->view = progress_view_new(stderr, c->plan, &c->style,
		    report_can_redraw(stderr, read_environment, NULL));
	c->run->started_unix_ns = unix_now_ns();
	begun = clock_now_ns();
	c->runner = runner_start(c->loop, c->plan, c->run, &options);
	if (c->runner == NULL)
		return complain(EXIT_CANNOT_TELL, "the checks cannot begin: "
						  "no memory or no file "
						  "descriptors (ulimit -n)");
	loop_run(c->loop);
	c->run->duration_ns = clock_now_ns() - begun;
	progress_view_free(c->view);
	c->view = NULL;
	return 0;
}

static int
write_report(const struct check *c, const struct diagnosis *d)
{
	const char *path = c->options.output;
	struct report_input in = {
	    .run = c->run, .diagnosis = d, .style = c->style};
	FILE *out = path ? fopen(path, "we") : stdout;
	bool ok = out != NULL && report_for(c->options.format)(out, &in);

	if (out != NULL)
		ok &= (out == stdout ? fflush(out) : fclose(out)) == 0;
	if (ok)
		return d->exit_code;
	(void)fprintf(stderr, "sekisho-diag: %s: cannot write: %s\n",
	    path ? path : "standard output", strerrordesc_np(errno));
	return EXIT_CANNOT_TELL;
}

static int
conclude(struct check *c)
{
	const char *baseline = c->options.baseline;
	struct diagnosis *d;
	char error[512];
	int code;

	if (baseline != NULL &&
	    !baseline_compare(c->run, baseline, error, sizeof(error)))
		return complain(EXIT_USAGE, error);
	d = diagnosis_make(c->run, c->options.lang);
	if (d == NULL)
		return complain(EXIT_CANNOT_TELL, "out of memory");
	code = write_report(c, d);
	diagnosis_free(d);
	if (baseline != NULL && c->run->end == RUN_COMPLETE &&
	    !baseline_write(c->run, baseline, error, sizeof(error)))
		return complain(EXIT_USAGE, error);
	return code;
}

static void
check_fini(struct check *c)
{
	key_forget(&c->key);
	progress_view_free(c->view);
	runner_free(c->runner);
	if (c->loop != NULL)
		watch_close(c->loop, &c->signals);
	loop_free(c->loop);
	run_free(c->run);
	plan_free(c->plan);
	allowlist_free(c->catalog);
	free(c);
}

int
check_main(int argc, char **argv)
{
	struct check *c = calloc(1, sizeof(*c));
	struct options_message message;
	enum options_end end;
	int code;

	if (c == NULL)
		return complain(EXIT_CANNOT_TELL, "out of memory");
	c->signals.fd = -1;
	end = check_options_parse(&c->options, argc, argv, &message);
	if (end != OPTIONS_RUN) {
		code = options_finish(end, &message);
	} else {
		c->style = report_style_for(c->options.output ? NULL : stdout,
		    &c->options, read_environment, NULL);
		code = prepare(c);
		if (code == 0)
			code = run_it(c);
		if (code == 0)
			code = conclude(c);
	}
	check_fini(c);
	return code;
}
