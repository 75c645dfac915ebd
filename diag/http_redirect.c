/* SPDX-License-Identifier: Apache-2.0 */
#include "http_redirect.h"

#include "probe_text.h"

/* Takes prefix off *s, in any case. */
static bool
skip(struct span *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->len < n || !span_is_nocase(span_of(s->ptr, n), prefix))
		return false;
	*s = span_of(s->ptr + n, s->len - n);
	return true;
}

bool
http_location_read(
    struct endpoint *out, const char *location, const struct endpoint *base)
{
	struct span s = text_trim(span_str(location));
	struct endpoint to = {.port = 443};
	const char *colon;
	size_t n = 0;

	if (skip(&s, "http://"))
		to.port = 80;
	else if (!skip(&s, "https://") && !skip(&s, "//")) {
		*out = *base;
		return s.len > 0 && s.ptr[0] == '/';
	}
	while (n < s.len && strchr("/?#", s.ptr[n]) == NULL)
		n++;
	s.len = n;
	colon = memrchr(s.ptr, ':', s.len);
	if (colon != NULL) {
		n = (size_t)(colon - s.ptr);
		if (!port_parse(&to.port, span_of(colon + 1, s.len - n - 1)))
			return false;
		s.len = n;
	}
	if (hostname_parse(&to.host, s) != HOSTNAME_NAME)
		return false;
	*out = to;
	return true;
}

/* An opt-in set counts as in force when the plan has one of its hosts. */
static bool
set_in_force(const struct plan *plan, const char *set)
{
	for (size_t i = 0; i < plan->target_count; i++) {
		if (strcmp(plan->targets[i].category, set) == 0)
			return true;
	}
	return false;
}

enum tri
http_on_list(const struct plan *plan, const struct endpoint *at)
{
	size_t count;
	const struct allowlist_entry *e;

	if (plan->catalog == NULL)
		return TRI_UNKNOWN;
	e = allowlist_entries(plan->catalog, &count);
	for (size_t i = 0; i < count; i++) {
		bool same = e[i].suffix
				? hostname_is_below(&at->host,
				      span_of(e[i].host.text, e[i].host.len))
				: hostname_equal(&at->host, &e[i].host);

		if (same && e[i].port == at->port &&
		    (e[i].origin != ORIGIN_SET ||
			set_in_force(plan, e[i].category)))
			return TRI_YES;
	}
	return TRI_NO;
}

void
http_redirect_read(struct http_result *out, const struct plan *plan,
    const struct target *target)
{
	struct endpoint to;

	if (out->status < 300 || out->status >= 400 || out->location[0] == '\0')
		return;
	out->redirect.seen = true;
	if (!http_location_read(&to, out->location, &target->at))
		return;
	copy_text(out->redirect.host, sizeof(out->redirect.host),
	    span_of(to.host.text, to.host.len));
	out->redirect.port = to.port;
	out->redirect.on_list = http_on_list(plan, &to);
}
