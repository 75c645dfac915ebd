/* SPDX-License-Identifier: Apache-2.0 */
#include "access_line.h"

#define NS_PER_S UINT64_C(1000000000)

enum {
	NS_PER_MS = 1000000,
	/* Bytes of a value that are shown. Names beyond these are not names;
	 * a client must not be able to keep its line out of the log by making
	 * it too long for the ring. */
	SHOWN_NAME = 256,
	SHOWN_USER = 256,
	SHOWN_LABEL = 64,
	SHOWN_WHERE = 512,
	SHOWN_DETAIL = 512,
};

/* In the order of design A4. */
#define KEYS(KEY)                                                              \
	KEY(EVENT, event)                                                      \
	KEY(OUTCOME, outcome)                                                  \
	KEY(STATUS, status)                                                    \
	KEY(CLIENT, client)                                                    \
	KEY(USER, user)                                                        \
	KEY(LISTENER, listener)                                                \
	KEY(PROTOCOL, protocol)                                                \
	KEY(HOST, host)                                                        \
	KEY(PORT, port)                                                        \
	KEY(REGION, region)                                                    \
	KEY(CATEGORY, category)                                                \
	KEY(RULE, rule)                                                        \
	KEY(SNI, sni)                                                          \
	KEY(UPSTREAM, upstream)                                                \
	KEY(PARENT, parent)                                                    \
	KEY(DNS_MS, dns_ms)                                                    \
	KEY(CONNECT_MS, connect_ms)                                            \
	KEY(FIRST_BYTE_MS, first_byte_ms)                                      \
	KEY(DURATION_MS, duration_ms)                                          \
	KEY(BYTES_UP, bytes_up)                                                \
	KEY(BYTES_DOWN, bytes_down)                                            \
	KEY(DETAIL, detail)

enum key {
#define KEY(id, name) KEY_##id,
	KEYS(KEY)
#undef KEY
	KEY_COUNT
};

/* What stands before a value, with the end of the value before. */
static const struct span json_keys[KEY_COUNT] = {
#define KEY(id, name)                                                          \
	[KEY_##id] = {                                                         \
	    .ptr = ",\"" #name "\":", .len = sizeof(",\"" #name "\":") - 1},
    KEYS(KEY)
#undef KEY
};

static const struct span logfmt_keys[KEY_COUNT] = {
#define KEY(id, name)                                                          \
	[KEY_##id] = {.ptr = " " #name "=", .len = sizeof(" " #name "=") - 1},
    KEYS(KEY)
#undef KEY
};

struct line {
	struct text *t;
	bool json;
};

static void
add_key(struct line *l, enum key key)
{
	text_add(l->t, l->json ? json_keys[key] : logfmt_keys[key]);
}

/* Text from outside: escaped, and no more than max bytes of it. */
static void
add_text(struct line *l, enum key key, struct span s, size_t max)
{
	if (s.len == 0)
		return;
	if (s.len > max)
		s.len = max;
	add_key(l, key);
	if (l->json)
		text_json(l->t, s);
	else
		text_logfmt(l->t, s);
}

static void
add_quote(struct line *l)
{
	if (l->json)
		text_char(l->t, '"');
}

/* A word of our own, which needs no escapes. */
static void
add_word(struct line *l, enum key key, const char *word)
{
	add_key(l, key);
	add_quote(l);
	text_str(l->t, word);
	add_quote(l);
}

static void
add_number(struct line *l, enum key key, uint64_t n, uint64_t absent)
{
	if (n == absent)
		return;
	add_key(l, key);
	text_u64(l->t, n);
}

static void
add_ms(struct line *l, enum key key, uint64_t ns)
{
	if (ns == ACCESS_ABSENT)
		return;
	add_key(l, key);
	text_ms(l->t, ns);
}

static char *
put_octet(char *at, unsigned n)
{
	if (n >= 100)
		*at++ = (char)('0' + n / 100);
	if (n >= 10)
		*at++ = (char)('0' + n / 10 % 10);
	*at++ = (char)('0' + n % 10);
	return at;
}

/* ip_endpoint_format() goes by printf, which costs as much as all the rest of
 * the line; nearly all addresses are IPv4, and those are written here. */
static void
add_ipv4(struct text *t, const struct ip_endpoint *e)
{
	char buf[sizeof("255.255.255.255:")];
	char *at = buf;

	for (size_t i = 0; i < 4; i++) {
		at = put_octet(at, e->addr.bytes[i]);
		*at++ = i < 3 ? '.' : ':';
	}
	text_add(t, span_of(buf, (size_t)(at - buf)));
	text_u64(t, e->port);
}

static void
add_endpoint(struct line *l, enum key key, const struct ip_endpoint *e)
{
	char buf[IP_ENDPOINT_TEXT_MAX + 1];

	if (e->addr.family == IP_NONE)
		return;
	add_key(l, key);
	add_quote(l);
	if (e->addr.family == IP_V4)
		add_ipv4(l->t, e);
	else
		text_add(l->t, span_of(buf, ip_endpoint_format(e, buf)));
	add_quote(l);
}

static void
add_time(struct line *l, uint64_t unix_ns, struct access_line_clock *clock)
{
	uint64_t second = unix_ns / NS_PER_S;
	unsigned ms = (unsigned)(unix_ns % NS_PER_S / NS_PER_MS);
	char tail[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
	    (char)('0' + ms % 10), 'Z'};

	if (second != clock->second || clock->text[0] == '\0') {
		char whole[sizeof("2026-01-31T08:09:10.123Z")];
		struct text t = text_in(whole, sizeof(whole));

		text_time(&t, second * NS_PER_S);
		memcpy(clock->text, whole, sizeof(clock->text));
		clock->second = second;
	}
	text_str(l->t, l->json ? "{\"time\":\"" : "time=");
	text_add(l->t, span_of(clock->text, sizeof(clock->text)));
	text_add(l->t, span_of(tail, sizeof(tail)));
	add_quote(l);
}

static void
add_rule(struct line *l, const struct rule *rule)
{
	const char *region = rule->entry->region;

	/* "-" stands for no region in listings. */
	if (strcmp(region, "-") != 0)
		add_text(l, KEY_REGION, span_str(region), SHOWN_LABEL);
	add_text(l, KEY_CATEGORY, span_str(rule->entry->category), SHOWN_LABEL);
	add_text(l, KEY_RULE, span_str(rule->where), SHOWN_WHERE);
}

void
access_line_add(struct text *t, enum config_log_format format,
    const struct access_record *r, struct access_line_clock *clock)
{
	struct line l = {.t = t, .json = format == LOG_JSON};

	add_time(&l, r->unix_ns, clock);
	add_word(&l, KEY_EVENT, r->tunnel ? "tunnel" : "refused");
	add_word(&l, KEY_OUTCOME, outcome_token(r->why));
	add_number(&l, KEY_STATUS, r->status, 0);
	add_endpoint(&l, KEY_CLIENT, &r->client);
	add_text(&l, KEY_USER, r->user, SHOWN_USER);
	add_text(&l, KEY_LISTENER, r->listener, SHOWN_LABEL);
	if (r->protocol != NULL)
		add_word(&l, KEY_PROTOCOL, r->protocol);
	add_text(&l, KEY_HOST, r->host, SHOWN_NAME);
	add_number(&l, KEY_PORT, r->port, 0);
	if (r->rule != NULL)
		add_rule(&l, r->rule);
	add_text(&l, KEY_SNI, r->sni, SHOWN_NAME);
	add_endpoint(&l, KEY_UPSTREAM, &r->upstream);
	add_text(&l, KEY_PARENT, r->parent, SHOWN_NAME);
	add_ms(&l, KEY_DNS_MS, r->dns_ns);
	add_ms(&l, KEY_CONNECT_MS, r->connect_ns);
	add_ms(&l, KEY_FIRST_BYTE_MS, r->first_byte_ns);
	add_ms(&l, KEY_DURATION_MS, r->duration_ns);
	add_number(&l, KEY_BYTES_UP, r->bytes_up, ACCESS_ABSENT);
	add_number(&l, KEY_BYTES_DOWN, r->bytes_down, ACCESS_ABSENT);
	add_text(&l, KEY_DETAIL, r->detail, SHOWN_DETAIL);
	text_str(t, l.json ? "}\n" : "\n");
}

size_t
access_log_render(char *buf, size_t cap, enum config_log_format format,
    const struct access_record *r)
{
	struct access_line_clock clock = {0};
	struct text t = text_in(buf, cap);

	access_line_add(&t, format, r, &clock);
	return t.cut ? 0 : t.len;
}
