/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "core/text.h"
#include "page.h"
#include "report_text.h"

enum {
	ROWS_DEFAULT = 24,
	COLUMNS_DEFAULT = 80,
	STATE_COLUMNS = 10, /* the widest of "waiting", "ended" … and a gap */
};

struct progress_view {
	struct page page;
	struct report_style style;
	const struct plan *plan; /* borrowed */
	bool terminal;
	bool lines;   /* one line an endpoint; else they do not fit: one line */
	bool drawn;   /* something stands on the terminal */
	size_t width; /* of the terminal */
	size_t ended;
};

static void
read_size(struct progress_view *v, unsigned *rows)
{
	struct winsize size = {.ws_row = 0};
	int fd = fileno(v->page.out);

	*rows = ROWS_DEFAULT;
	v->width = v->style.width ? v->style.width : COLUMNS_DEFAULT;
	if (fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
		*rows = size.ws_row;
		v->width = size.ws_col > 0 ? size.ws_col : v->width;
	}
}

/* One endpoint's line, never wider than the terminal: a wrapped line would
 * shift all below it. */
static void
write_endpoint(const struct progress_view *v, size_t index, const char *state,
    enum ink ink)
{
	const struct page *p = &v->page;
	char name[REPORT_NAME_MAX];
	size_t room =
	    v->width > STATE_COLUMNS + 4 ? v->width - STATE_COLUMNS - 1 : 4;

	page_ink(p, ink, state);
	page_pad(p, page_columns(p, state), STATE_COLUMNS);
	(void)report_name(&v->plan->targets[index], name);
	if (strlen(name) > room)
		name[room] = '\0';
	page_ink(p, INK_PLAIN, name);
}

static void
write_begin(struct progress_view *v)
{
	char line[160];
	struct text out = text_in(line, sizeof(line));

	text_str(&out, page_word(&v->page, WORD_CHECKING));
	text_char(&out, ' ');
	text_u64(&out, v->plan->target_count);
	text_char(&out, ' ');
	text_str(&out, page_word(&v->page, WORD_UNIT_HOSTS));
	text_str(&out, ", ");
	text_str(&out, page_word(&v->page, WORD_AT_MOST));
	text_char(&out, ' ');
	text_u64(&out, (v->plan->budget_ns + 999999999) / 1000000000);
	text_str(&out, " s\n");
	(void)fputs(text_end(&out), v->page.out);
}

struct progress_view *
progress_view_new(FILE *out, const struct plan *plan,
    const struct report_style *style, bool terminal)
{
	struct progress_view *v = calloc(1, sizeof(*v));
	unsigned rows;

	if (v == NULL)
		return NULL;
	v->style = *style;
	v->page = page_on(out, &v->style, plan->options->lang);
	v->plan = plan;
	v->terminal = terminal;
	read_size(v, &rows);
	v->lines = plan->target_count + 2 <= rows;
	write_begin(v);
	for (size_t i = 0; terminal && v->lines && i < plan->target_count;
	     i++) {
		write_endpoint(
		    v, i, page_word(&v->page, WORD_WAITING), INK_DIM);
		(void)fputc('\n', out);
	}
	v->drawn = terminal;
	(void)fflush(out);
	return v;
}

static void
write_count(const struct progress_view *v, const struct progress *p)
{
	char line[160];
	struct text out = text_in(line, sizeof(line));

	text_u64(&out, p->ended);
	text_char(&out, '/');
	text_u64(&out, p->total);
	text_char(&out, ' ');
	text_str(&out, page_word(&v->page, WORD_DONE));
	text_char(&out, ' ');
	text_u64(&out, p->elapsed_ns / 1000000);
	text_str(&out, " ms");
	(void)fputs(text_end(&out), v->page.out);
}

static void
redraw_endpoint(const struct progress_view *v, const struct progress *p)
{
	size_t up = v->plan->target_count - p->endpoint;
	bool ended = p->phase == PHASE_COUNT;

	(void)fprintf(v->page.out, "\033[%zuA\r\033[K", up);
	write_endpoint(v, p->endpoint,
	    ended ? page_word(&v->page, WORD_ENDED) : phase_str(p->phase),
	    ended ? INK_DIM : INK_BOLD);
	(void)fprintf(v->page.out, "\033[%zuB\r", up);
}

void
progress_view_show(void *view, const struct progress *p)
{
	struct progress_view *v = view;
	bool last = p->phase == PHASE_COUNT && p->ended == p->total;

	v->ended = p->ended;
	if (v->terminal && v->lines) {
		redraw_endpoint(v, p);
	} else if (v->terminal) {
		(void)fputs("\r\033[K", v->page.out);
		write_count(v, p);
	} else if (last) {
		write_count(v, p);
		(void)fputc('\n', v->page.out);
	}
	(void)fflush(v->page.out);
}

void
progress_view_free(struct progress_view *v)
{
	if (v == NULL)
		return;
	/* Up over the lines and the heading, then clear to the end. */
	if (v->drawn)
		(void)fprintf(v->page.out, "\r\033[%zuA\033[J",
		    v->lines ? v->plan->target_count + 1 : 1);
	(void)fflush(v->page.out);
	free(v);
}
