/* SPDX-License-Identifier: Apache-2.0
 *
 * A greeting, a login if it offers one, and a request behind it. What is
 * complete stays the same with more behind it, and no shorter piece of it was
 * refused. */
#include <stdlib.h>

#include "core/socks5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
look_at_request(struct span all)
{
	struct socks5_request r, piece;

	switch (socks5_request(&r, all)) {
	case SOCKS5_MORE:
		check(all.len < 5 + 255 + 2);
		return;
	case SOCKS5_BAD:
		check(r.reply >= 1 && r.reply <= 8 && r.why != OUTCOME_OK);
		check(r.detail != NULL && r.asked.len <= all.len);
		return;
	case SOCKS5_DONE:
		break;
	}
	check(r.len <= all.len && r.target.port != 0 && r.target.host.len > 0);
	for (size_t n = 0; n < r.len; n++)
		check(
		    socks5_request(&piece, span_of(all.ptr, n)) == SOCKS5_MORE);
}

static struct span
skip_login(struct span all)
{
	struct span user, password;
	size_t used = 0, again;

	if (socks5_login(all, &used, &user, &password) != SOCKS5_DONE)
		return all;
	check(used == 3 + user.len + password.len && used <= all.len);
	check(user.len > 0 && user.ptr >= all.ptr &&
	      password.ptr + password.len == all.ptr + used);
	for (size_t n = 0; n < used; n++)
		check(socks5_login(span_of(all.ptr, n), &again, &user,
			  &password) == SOCKS5_MORE);
	return span_of(all.ptr + used, all.len - used);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span all = span_of((const char *)data, len);
	size_t used = 0;
	bool password = false;

	if (socks5_greeting(all, SOCKS5_METHOD_PASSWORD, &used, &password) ==
	    SOCKS5_DONE) {
		check(used >= 3 && used <= all.len);
		all = span_of(all.ptr + used, all.len - used);
	}
	if (password)
		all = skip_login(all);
	look_at_request(all);
	return 0;
}
