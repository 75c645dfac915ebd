/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS server for tests: real packets over UDP and TCP on one port of
 * 127.0.0.1, served by the loop of the test. What it answers is a script. */
#ifndef SEKISHO_TESTS_DNS_SERVER_H
#define SEKISHO_TESTS_DNS_SERVER_H

#include "core/ipaddr.h"
#include "net/loop.h"

struct dns_server;

enum {
	DNS_A = 1,
	DNS_AAAA = 28
};

struct dns_server *dns_server_new(struct loop *loop);
void dns_server_free(struct dns_server *s);
struct ip_endpoint dns_server_at(const struct dns_server *s);

/* Says how questions for name and type are answered from now on; several words
 * with ';' between them, all borrowed:
 *   "A 192.0.2.1 60"       a record with its TTL
 *   "AAAA 2001:db8::1 60"
 *   "CNAME b.example 60"   the records behind it are b.example's
 *   "REVERSED"             the records stand in the reverse order
 *   "RCODE 2"
 *   "TC"                   truncated over UDP, whole over TCP
 *   "LARGE"                as "TC", but whole for queries with EDNS
 *   "SILENT"               no answer at all
 *   "HOLD"                 no answer before dns_server_release()
 *   "TWICE"                the same answer twice
 *   "WRONG-ID"             first one with another ID, then the right one
 *   "WRONG-NAME"           first one to another question, then the right one
 *   "GARBAGE"              the right header and question, then noise
 *   "SHORT"                a packet shorter than a header
 *   "NO-EDNS"              FORMERR to a query with EDNS
 * A name with a script for one type only has no data of the other; any other
 * name does not exist. */
void dns_server_script(
    struct dns_server *s, const char *name, unsigned type, const char *script);

/* Sends the answers that were held back. */
void dns_server_release(struct dns_server *s);

/* No answers to anything, as if the server were gone; or answers again. */
void dns_server_mute(struct dns_server *s, bool mute);

/* Queries for name and type so far, over UDP or TCP; NULL and 0: all. */
unsigned dns_server_queries(
    const struct dns_server *s, const char *name, unsigned type);
unsigned dns_server_tcp_queries(const struct dns_server *s);

/* Different source ports seen. */
unsigned dns_server_source_ports(const struct dns_server *s);

#endif
