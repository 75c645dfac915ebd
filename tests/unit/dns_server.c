/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/node.h"

enum {
	SCRIPTS_MAX = 64,
	HELD_MAX = 16,
	CLIENTS_MAX = 16,
	PACKET_MAX = 1500,
	HEADER_LEN = 12,
	NAME_TEXT_MAX = 256,
};

struct script {
	char name[NAME_TEXT_MAX];
	unsigned type;
	const char *words;
	unsigned queries;
};

/* Where a query came from, and the query. */
struct query {
	struct sockaddr_storage from;
	socklen_t from_len;
	int tcp_fd; /* -1: UDP */
	uint8_t packet[PACKET_MAX];
	size_t len, question_len;
	char name[NAME_TEXT_MAX];
	unsigned type;
	bool edns;
	struct script *script; /* NULL: no such name */
};

struct client {
	struct watch watch; /* first */
	struct dns_server *server;
};

struct dns_server {
	struct watch udp; /* first */
	struct watch tcp;
	struct loop *loop;
	struct ip_endpoint at;
	struct script scripts[SCRIPTS_MAX];
	size_t script_count;
	struct query held[HELD_MAX];
	size_t held_count;
	struct client clients[CLIENTS_MAX];
	unsigned queries, tcp_queries, source_ports;
	uint8_t seen_ports[65536 / 8];
	bool mute;
};

struct packet {
	uint8_t bytes[PACKET_MAX];
	size_t len;
};

/* --- building answers ----------------------------------------------------- */

static void
put(struct packet *p, const void *bytes, size_t len)
{
	assert_true(p->len + len <= sizeof(p->bytes));
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

static void
put_number(struct packet *p, uint32_t n, unsigned bytes)
{
	while (bytes-- > 0)
		put(p, &(uint8_t){(uint8_t)(n >> 8 * bytes)}, 1);
}

static void
put_name(struct packet *p, const char *name)
{
	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		put_number(p, (uint32_t)len, 1);
		put(p, name, len);
		name += len + (name[len] == '.');
	}
	put_number(p, 0, 1);
}

/* Copies a word and returns what stands behind it and the blank. */
static const char *
take_word(char *out, size_t cap, const char *at)
{
	size_t len = strcspn(at, " ;");

	assert_true(len > 0 && len < cap);
	memcpy(out, at, len);
	out[len] = '\0';
	return at + len + (at[len] == ' ');
}

/* One record: "A 192.0.2.1 60". owner follows aliases. */
static void
put_record(struct packet *p, char *owner, const char *at)
{
	char type[16], data[NAME_TEXT_MAX];
	uint32_t ttl_s;
	struct packet d = {.len = 0};
	bool alias;

	at = take_word(type, sizeof(type), at);
	at = take_word(data, sizeof(data), at);
	ttl_s = (uint32_t)strtoul(at, NULL, 10);
	alias = strcmp(type, "CNAME") == 0;
	if (alias) {
		put_name(&d, data);
	} else {
		struct ipaddr a;

		assert_true(ipaddr_parse(&a, span_str(data)));
		put(&d, a.bytes, a.family == IP_V4 ? 4 : 16);
	}
	put_name(p, owner);
	put_number(p, alias ? 5 : strcmp(type, "A") == 0 ? DNS_A : DNS_AAAA, 2);
	put_number(p, 1, 2);
	put_number(p, ttl_s, 4);
	put_number(p, (uint32_t)d.len, 2);
	put(p, d.bytes, d.len);
	if (alias)
		(void)snprintf(owner, NAME_TEXT_MAX, "%s", data);
}

/* Whether the script has a word, and the number behind it. */
static bool
has_word(const struct query *q, const char *word, unsigned *number)
{
	const char *at = q->script != NULL ? q->script->words : "RCODE 3";
	size_t len = strlen(word);

	for (;;) {
		at += strspn(at, " ;");
		if (strncmp(at, word, len) == 0 &&
		    strchr(" ;", at[len]) != NULL) {
			if (number != NULL)
				*number = (unsigned)strtoul(at + len, NULL, 10);
			return true;
		}
		at = strchr(at, ';');
		if (at == NULL)
			return false;
	}
}

static bool
is_record(const char *word)
{
	return strncmp(word, "A ", 2) == 0 || strncmp(word, "AAAA ", 5) == 0 ||
	       strncmp(word, "CNAME ", 6) == 0;
}

/* The records of the script, in their order or reversed. */
static unsigned
put_records(struct packet *p, const struct query *q)
{
	struct packet records[16];
	unsigned count = 0;
	char owner[NAME_TEXT_MAX];
	const char *at = q->script != NULL ? q->script->words : "";
	bool reversed = has_word(q, "REVERSED", NULL);

	(void)snprintf(owner, sizeof(owner), "%s", q->name);
	for (; at != NULL; at = strchr(at, ';')) {
		at += strspn(at, " ;");
		if (!is_record(at))
			continue;
		assert_true(count < 16);
		records[count].len = 0;
		put_record(&records[count++], owner, at);
	}
	for (unsigned i = 0; i < count; i++) {
		const struct packet *r = &records[reversed ? count - 1 - i : i];

		put(p, r->bytes, r->len);
	}
	return count;
}

static struct packet
answer_of(const struct query *q)
{
	struct packet p = {.len = 0};
	unsigned rcode = 0, count = 0;
	bool tc =
	    q->tcp_fd < 0 && (has_word(q, "TC", NULL) ||
				 (has_word(q, "LARGE", NULL) && !q->edns));

	(void)has_word(q, "RCODE", &rcode);
	if (has_word(q, "NO-EDNS", NULL) && q->edns)
		rcode = 1;
	put(&p, q->packet, 2);
	put_number(&p, tc ? 0x83 : 0x81, 1);
	put_number(&p, 0x80 | rcode, 1);
	put_number(&p, 1, 2);
	put(&p, "\0\0\0\0\0", 6); /* filled in below */
	put(&p, q->packet + HEADER_LEN, q->question_len);
	if (has_word(q, "GARBAGE", NULL)) {
		put(&p, "\xc0\xff\xee\x00\x01garbage", 12);
		count = 9;
	} else if (!tc && rcode == 0) {
		count = put_records(&p, q);
	}
	p.bytes[7] = (uint8_t)count;
	return p;
}

/* --- sending -------------------------------------------------------------- */

static void
send_packet(struct dns_server *s, const struct query *q, const struct packet *p)
{
	struct packet framed = {.len = 0};

	if (q->tcp_fd < 0) {
		(void)!sendto(s->udp.fd, p->bytes, p->len, 0,
		    (const struct sockaddr *)&q->from, q->from_len);
		return;
	}
	put_number(&framed, (uint32_t)p->len, 2);
	put(&framed, p->bytes, p->len);
	(void)!write(q->tcp_fd, framed.bytes, framed.len);
}

static void
reply(struct dns_server *s, const struct query *q)
{
	struct packet p = answer_of(q), other = p;

	if (has_word(q, "WRONG-ID", NULL)) {
		other.bytes[0] ^= 0x55;
		send_packet(s, q, &other);
	}
	if (has_word(q, "WRONG-NAME", NULL)) {
		other.bytes[HEADER_LEN + 1] ^= 1;
		send_packet(s, q, &other);
	}
	if (has_word(q, "SHORT", NULL))
		p.len = 5;
	send_packet(s, q, &p);
	if (has_word(q, "TWICE", NULL))
		send_packet(s, q, &p);
}

void
dns_server_release(struct dns_server *s)
{
	for (size_t i = 0; i < s->held_count; i++)
		reply(s, &s->held[i]);
	s->held_count = 0;
}

/* --- reading queries ------------------------------------------------------ */

static void
read_question(struct query *q)
{
	size_t at = HEADER_LEN, len = 0;

	assert_true(q->len > HEADER_LEN);
	while (q->packet[at] != 0) {
		size_t label = q->packet[at++];

		assert_true(label < 64 && at + label + 5 <= q->len);
		memcpy(q->name + len, q->packet + at, label);
		len += label;
		at += label;
		q->name[len++] = '.';
	}
	q->name[len > 0 ? len - 1 : 0] = '\0';
	q->type = (unsigned)q->packet[at + 1] << 8 | q->packet[at + 2];
	q->question_len = at + 5 - HEADER_LEN;
	q->edns = q->packet[11] > 0;
}

static struct script *
find_script(struct dns_server *s, const char *name, unsigned type)
{
	for (size_t i = 0; i < s->script_count; i++) {
		if (strcasecmp(s->scripts[i].name, name) == 0 &&
		    s->scripts[i].type == type)
			return &s->scripts[i];
	}
	return NULL;
}

static void
note_port(struct dns_server *s, const struct query *q)
{
	struct ip_endpoint e;
	uint8_t *byte;

	assert_true(ip_endpoint_from_sockaddr(
	    &e, (const struct sockaddr *)(const void *)&q->from));
	byte = &s->seen_ports[e.port / 8];
	if ((*byte & 1U << e.port % 8) == 0)
		s->source_ports++;
	*byte |= (uint8_t)(1U << e.port % 8);
}

static void
serve(struct dns_server *s, struct query *q)
{
	const unsigned other[] = {[DNS_A] = DNS_AAAA, [DNS_AAAA] = DNS_A};

	read_question(q);
	s->queries++;
	assert_true(q->type == DNS_A || q->type == DNS_AAAA);
	q->script = find_script(s, q->name, q->type);
	if (q->script == NULL &&
	    find_script(s, q->name, other[q->type]) != NULL) {
		dns_server_script(s, q->name, q->type, "");
		q->script = find_script(s, q->name, q->type);
	}
	if (q->script != NULL)
		q->script->queries++;
	if (s->mute || has_word(q, "SILENT", NULL))
		return;
	if (has_word(q, "HOLD", NULL)) {
		assert_true(s->held_count < HELD_MAX);
		s->held[s->held_count++] = *q;
		return;
	}
	reply(s, q);
}

static void
on_datagram(struct watch *w, uint32_t events)
{
	struct dns_server *s = (struct dns_server *)(void *)w;
	struct query q;
	ssize_t n;

	(void)events;
	for (;;) {
		memset(&q, 0, sizeof(q));
		q.tcp_fd = -1;
		q.from_len = sizeof(q.from);
		n = recvfrom(w->fd, q.packet, sizeof(q.packet), 0,
		    (struct sockaddr *)&q.from, &q.from_len);
		if (n < 0)
			return;
		q.len = (size_t)n;
		note_port(s, &q);
		serve(s, &q);
	}
}

/* c-ares writes a query at once, so that one read has it whole; several may
 * stand behind each other. */
static void
on_stream(struct watch *w, uint32_t events)
{
	struct dns_server *s = ((struct client *)(void *)w)->server;
	uint8_t buf[4 * PACKET_MAX];
	ssize_t n = read(w->fd, buf, sizeof(buf));
	size_t at = 0, len;

	(void)events;
	if (n <= 0) {
		watch_close(s->loop, w);
		return;
	}
	while (at + 2 < (size_t)n) {
		struct query q = {.tcp_fd = w->fd};

		len = (size_t)buf[at] << 8 | buf[at + 1];
		assert_true(at + 2 + len <= (size_t)n);
		memcpy(q.packet, buf + at + 2, len);
		q.len = len;
		at += 2 + len;
		s->tcp_queries++;
		serve(s, &q);
	}
}

static void
on_connection(struct watch *w, uint32_t events)
{
	struct dns_server *s = owner_of(w, struct dns_server, tcp);
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	for (int i = 0; fd >= 0 && i < CLIENTS_MAX; i++) {
		if (s->clients[i].watch.fd >= 0)
			continue;
		assert_true(loop_watch(
		    s->loop, &s->clients[i].watch, fd, EPOLLIN, on_stream));
		return;
	}
	fail();
}

/* --- the whole ------------------------------------------------------------ */

/* Both sockets on one port. */
static bool
bind_both(struct dns_server *s, int *udp, int *tcp)
{
	struct sockaddr_storage sa;
	socklen_t len = ip_endpoint_to_sockaddr(&s->at, &sa);
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

	*udp = socket(AF_INET, SOCK_DGRAM | flags, 0);
	*tcp = socket(AF_INET, SOCK_STREAM | flags, 0);
	assert_true(*udp >= 0 && *tcp >= 0);
	assert_int_equal(bind(*udp, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(getsockname(*udp, (struct sockaddr *)&sa, &len), 0);
	if (bind(*tcp, (struct sockaddr *)&sa, len) == 0 &&
	    listen(*tcp, 8) == 0)
		return ip_endpoint_from_sockaddr(
		    &s->at, (struct sockaddr *)&sa);
	(void)close(*udp);
	(void)close(*tcp);
	return false;
}

struct dns_server *
dns_server_new(struct loop *loop)
{
	struct dns_server *s = calloc(1, sizeof(*s));
	int udp, tcp, tries = 0;

	assert_non_null(s);
	s->loop = loop;
	assert_true(ip_endpoint_parse(&s->at, span_str("127.0.0.1:0")));
	while (!bind_both(s, &udp, &tcp))
		assert_true(++tries < 20);
	for (int i = 0; i < CLIENTS_MAX; i++)
		s->clients[i] =
		    (struct client){.watch = {.fd = -1}, .server = s};
	assert_true(loop_watch(loop, &s->udp, udp, EPOLLIN, on_datagram));
	assert_true(loop_watch(loop, &s->tcp, tcp, EPOLLIN, on_connection));
	return s;
}

void
dns_server_free(struct dns_server *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < CLIENTS_MAX; i++)
		watch_close(s->loop, &s->clients[i].watch);
	watch_close(s->loop, &s->udp);
	watch_close(s->loop, &s->tcp);
	free(s);
}

struct ip_endpoint
dns_server_at(const struct dns_server *s)
{
	return s->at;
}

void
dns_server_script(
    struct dns_server *s, const char *name, unsigned type, const char *script)
{
	struct script *found = find_script(s, name, type);

	if (found == NULL) {
		assert_true(s->script_count < SCRIPTS_MAX);
		found = &s->scripts[s->script_count++];
		(void)snprintf(found->name, sizeof(found->name), "%s", name);
		found->type = type;
	}
	found->words = script;
}

void
dns_server_mute(struct dns_server *s, bool mute)
{
	s->mute = mute;
}

unsigned
dns_server_queries(const struct dns_server *s, const char *name, unsigned type)
{
	unsigned n = 0;

	if (name == NULL)
		return s->queries;
	for (size_t i = 0; i < s->script_count; i++) {
		if (strcasecmp(s->scripts[i].name, name) == 0 &&
		    (type == 0 || s->scripts[i].type == type))
			n += s->scripts[i].queries;
	}
	return n;
}

unsigned
dns_server_tcp_queries(const struct dns_server *s)
{
	return s->tcp_queries;
}

unsigned
dns_server_source_ports(const struct dns_server *s)
{
	return s->source_ports;
}
