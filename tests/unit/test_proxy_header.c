/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/proxy_header.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) (s), sizeof(s) - 1 /* of a literal that may hold NUL bytes */

#define SIG "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.1:51000 to 198.51.100.2:443 */
#define INET "\xC0\x00\x02\x01\xC6\x33\x64\x02\xC7\x38\x01\xBB"
/* [2001:db8::1]:51000 to [2001:db8::2]:443 */
#define INET6                                                                  \
	"\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"                           \
	"\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02\xC7\x38\x01\xBB"
#define ZEROS36                                                                \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0"
#define UNIX_PAIR ZEROS36 ZEROS36 ZEROS36 ZEROS36 ZEROS36 ZEROS36
#define ALPN      "\x01\x00\x02h2"
#define CRC       "\x03\x00\x04\x7A\xE1\xC9\xAE"
#define TAIL      "CONNECT a"

/* client NULL: the peer counts. Behind each header stands TAIL. */
static const struct {
	const char *data;
	size_t len;
	const char *client;
} good[] = {
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51000 443\r\n"),
	"192.0.2.1:51000"},
    {BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	"255.255.255.255:65535"},
    {BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0:0"},
    {BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 51000 443\r\n"),
	"[2001:db8::1]:51000"},
    {BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {BYTES("PROXY TCP6 ::FFFF:192.0.2.1 ::1 1 2\r\n"), "192.0.2.1:1"},
    {BYTES("PROXY UNKNOWN\r\n"), NULL},
    {BYTES("PROXY UNKNOWN \r\n"), NULL},
    {BYTES("PROXY UNKNOWN what \0\xFF  ever 1 2 3\r\n"), NULL},
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	NULL}, /* 107 bytes: the longest of all */
    {BYTES(SIG "\x21\x11\x00\x0C" INET), "192.0.2.1:51000"},
    {BYTES(SIG "\x21\x21\x00\x24" INET6), "[2001:db8::1]:51000"},
    {BYTES(SIG "\x21\x21\x00\x24"
	       "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC0\x00\x02\x01"
	       "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC6\x33\x64\x02\x00\x07\x01\xBB"),
	"192.0.2.1:7"},
    {BYTES(SIG "\x21\x11\x00\x11" INET ALPN), "192.0.2.1:51000"},
    {BYTES(SIG "\x21\x11\x00\x18" INET ALPN CRC), "192.0.2.1:51000"},
    {BYTES(SIG "\x21\x11\x00\x0F" INET "\xEE\x00\x00"), "192.0.2.1:51000"},
    /* LOCAL: a health check; whatever else it says is skipped. */
    {BYTES(SIG "\x20\x00\x00\x00"), NULL},
    {BYTES(SIG "\x20\x11\x00\x0C" INET), NULL},
    {BYTES(SIG "\x20\xFF\x00\x03\x03\xFF\xFF"), NULL},
    /* UNSPEC, datagrams, Unix sockets: no address of use to us. */
    {BYTES(SIG "\x21\x00\x00\x00"), NULL},
    {BYTES(SIG "\x21\x00\x00\x05" ALPN), NULL},
    {BYTES(SIG "\x21\x01\x00\x02xy"), NULL},
    {BYTES(SIG "\x21\x10\x00\x0C" INET), NULL},
    {BYTES(SIG "\x21\x12\x00\x0C" INET), NULL},
    {BYTES(SIG "\x21\x22\x00\x24" INET6), NULL},
    {BYTES(SIG "\x21\x31\x00\xD8" UNIX_PAIR), NULL},
    {BYTES(SIG "\x21\x32\x00\xDD" UNIX_PAIR ALPN), NULL},
};

/* At every shorter length MORE, with a need that grows and is never too much:
 * as a reader that waits for it would hang. */
static void
check_pieces(size_t i)
{
	for (size_t n = 0; n < good[i].len; n++) {
		struct guard g = guard_copy(good[i].data, n);
		struct proxy_header h;

		assert_int_equal(
		    proxy_header_parse(&h, span_of((const char *)g.data, n)),
		    PROXY_HEADER_MORE);
		assert_true(h.need > n && h.need <= good[i].len);
		assert_int_equal(h.client.addr.family, IP_NONE);
		guard_free(&g);
	}
}

static void
check_whole(size_t i, size_t tail)
{
	char bytes[PROXY_HEADER_MAX + sizeof(TAIL)];
	char client[IP_ENDPOINT_TEXT_MAX + 1];
	struct proxy_header h;
	struct guard g;

	memcpy(bytes, good[i].data, good[i].len);
	memcpy(bytes + good[i].len, TAIL, tail);
	g = guard_copy(bytes, good[i].len + tail);
	assert_int_equal(
	    proxy_header_parse(&h, span_of((const char *)g.data, g.len)),
	    PROXY_HEADER_DONE);
	guard_free(&g);
	assert_int_equal(h.len, good[i].len);
	if (good[i].client == NULL) {
		assert_int_equal(h.client.addr.family, IP_NONE);
		return;
	}
	(void)ip_endpoint_format(&h.client, client);
	assert_string_equal(client, good[i].client);
}

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		check_pieces(i);
		check_whole(i, 0);
		check_whole(i, sizeof(TAIL) - 1);
	}
}

/* at: how many bytes it takes until the fault is told; before, MORE. */
static const struct {
	const char *data;
	size_t len;
	size_t at;
	const char *says;
} wrong[] = {
    {BYTES("CONNECT a:443 HTTP/1.1\r\n\r\n"), 1, "no PROXY header"},
    {BYTES("\x05\x01\x00"), 1, "no PROXY header"},
    {BYTES("\x16\x03\x01"), 1, "no PROXY header"},
    {BYTES("proxy TCP4 "), 1, "no PROXY header"},
    {BYTES("PROXYTCP4"), 6, "no PROXY header"},
    {BYTES("\r\n\r\n\r\n"), 5, "no PROXY header"},
    {BYTES("\r\n\r\n\0\r\nQUIT\r"), 12, "no PROXY header"},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51000 443\n"), 44, "CR LF"},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51000 443\rx"), 45, "CR LF"},
    {BYTES("PROXY UNKNOWN a\nb\r\n"), 16, "CR LF"},
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"),
	106, "107 bytes"},
    {BYTES("PROXY \r\n"), 8, "malformed"},
    {BYTES("PROXY UNKNOWNX\r\n"), 16, "malformed"},
    {BYTES("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n"), 33, "malformed"},
    {BYTES("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n"), 33, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"), 33, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"), 34, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"), 30, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1\t2\r\n"), 32, "malformed"},
    {BYTES("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"), 32, "malformed"},
    {BYTES("PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n"), 32, "malformed"},
    {BYTES("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"), 32, "malformed"},
    {BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"), 24, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4 ::1 1 2\r\n"), 28, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n"), 33, "malformed"},
    {BYTES("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"), 30, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n"), 34, "malformed"},
    {BYTES("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"), 33, "malformed"},
    {BYTES("PROXY TCP6 [::1] ::1 1 2\r\n"), 26, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"), 33, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"), 36, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"), 33, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n"), 31, "malformed"},
    {BYTES("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n"), 33, "malformed"},
    {BYTES(SIG "\x11\x11\x00\x00"), 13, "version"},
    {BYTES(SIG "\x31\x11\x00\x00"), 13, "version"},
    {BYTES(SIG "\x22\x11\x00\x00"), 13, "command"},
    {BYTES(SIG "\x2F\x11\x00\x00"), 13, "command"},
    {BYTES(SIG "\x21\x41\x00\x00"), 14, "family"},
    {BYTES(SIG "\x21\xF1\x00\x00"), 14, "family"},
    {BYTES(SIG "\x21\x13\x00\x00"), 14, "family"},
    {BYTES(SIG "\x21\x1F\x00\x00"), 14, "family"},
    {BYTES(SIG "\x21\x11\x00\x00"), 16, "too short"},
    {BYTES(SIG "\x21\x11\x00\x0B\0\0\0\0\0\0\0\0\0\0\0"), 27, "too short"},
    {BYTES(SIG "\x21\x21\x00\x0C" INET), 28, "too short"},
    {BYTES(SIG "\x21\x31\x00\x0C" INET), 28, "too short"},
    {BYTES(SIG "\x21\x11\x0F\xF1"), 16, "4096 bytes"},
    {BYTES(SIG "\x20\x00\xFF\xFF"), 16, "4096 bytes"},
    {BYTES(SIG "\x21\x11\x00\x0E" INET "\x01\x00"), 30, "within a TLV"},
    {BYTES(SIG "\x21\x11\x00\x10" INET "\x01\x00\x02h"), 32, "within a TLV"},
    {BYTES(SIG "\x21\x11\x00\x12" INET "\x03\x00\x03\0\0\0"), 34,
	"malformed checksum"},
    {BYTES(SIG "\x21\x11\x00\x1F" INET ALPN CRC CRC), 47, "malformed checksum"},
    {BYTES(SIG "\x21\x11\x00\x18" INET ALPN "\x03\x00\x04\0\0\0\0"), 40,
	"wrong checksum"},
    {BYTES(SIG "\x21\x11\x00\x18" INET "\x01\x00\x02h3" CRC), 40,
	"wrong checksum"},
};

static void
test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		for (size_t n = 0; n <= wrong[i].len; n++) {
			struct guard g = guard_copy(wrong[i].data, n);
			struct proxy_header h;
			enum proxy_header_status got = proxy_header_parse(
			    &h, span_of((const char *)g.data, n));

			if (n < wrong[i].at) {
				assert_int_equal(got, PROXY_HEADER_MORE);
			} else {
				assert_int_equal(got, PROXY_HEADER_BAD);
				assert_int_equal(h.client.addr.family, IP_NONE);
				assert_non_null(
				    strstr(h.detail, wrong[i].says));
			}
			guard_free(&g);
		}
	}
}

/* The longest that is taken, full of TLVs. */
static void
test_longest(void **state)
{
	char bytes[PROXY_HEADER_MAX] =
	    SIG "\x21\x11\x0F\xF0" INET "\xE0\x0F\xE1";
	struct guard g = guard_copy(bytes, sizeof(bytes));
	struct proxy_header h;

	(void)state;
	assert_int_equal(
	    proxy_header_parse(&h, span_of((const char *)g.data, g.len)),
	    PROXY_HEADER_DONE);
	assert_int_equal(h.len, PROXY_HEADER_MAX);
	assert_int_equal(h.client.port, 51000);
	guard_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_wrong),
	    cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
