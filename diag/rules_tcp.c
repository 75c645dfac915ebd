/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "rules.h"

static enum finding_id
tcp_finding(enum tcp_end end)
{
	switch (end) {
	case TCP_REFUSED:
		return FINDING_TCP_REFUSED;
	case TCP_TIMEOUT:
		return FINDING_TCP_DROP;
	case TCP_UNREACHABLE:
		return FINDING_TCP_UNREACH;
	case TCP_LOCAL_DENY:
		return FINDING_TCP_LOCALDENY;
	case TCP_NO_PORT:
		return FINDING_TCP_EPHEMERAL;
	case TCP_OTHER:
	case TCP_NOT_TRIED:
	case TCP_OPEN:
	case TCP_SKIPPED:
		break;
	}
	return FINDING_TCP_OTHER;
}

static void
attempt_facts(struct match *m, const struct tcp_attempt *a)
{
	char addr[IPADDR_TEXT_MAX + 1];

	(void)ipaddr_format(&a->to.addr, addr);
	fact_endpoint(m, "addr", &a->to);
	fact_set(&m->facts, "addr_only", addr);
	fact_ms(m, "ms", a->time_ns);
	fact_errno(m, "errno", a->err ? a->err : ETIMEDOUT);
	if (a->figures.known && a->figures.total_retrans > 0)
		fact_number(m, "retransmits", a->figures.total_retrans);
	if (a->from.addr.family != IP_NONE) {
		(void)ipaddr_format(&a->from.addr, addr);
		fact_set(&m->facts, "source", addr);
	}
}

bool
cause_tcp(const struct rule_ctx *c, struct match *m)
{
	const struct tcp_result *tcp = &c->r->tcp;
	const struct tcp_attempt *a = main_attempt(tcp);

	if (c->proxied || a == NULL || a->end == TCP_OPEN ||
	    tcp->time.end == PHASE_DONE || tcp->time.end == PHASE_INTERRUPTED ||
	    is_own_shortage(a->err))
		return false;
	match_begin(m, c, tcp_finding(a->end));
	attempt_facts(m, a);
	if (tcp->attempt_count > 1)
		fact_number(m, "tried", tcp->attempt_count);
	if (a->end == TCP_OTHER)
		match_key(m, fact_get(&m->facts, "errno"));
	return true;
}

bool
cause_proxy_connect(const struct rule_ctx *c, struct match *m)
{
	const struct tcp_result *tcp = &c->r->tcp;
	const struct tcp_attempt *a = main_attempt(tcp);

	if (!c->proxied || a == NULL || a->end == TCP_OPEN ||
	    tcp->time.end == PHASE_DONE || tcp->time.end == PHASE_INTERRUPTED ||
	    is_own_shortage(a->err))
		return false;
	match_begin(m, c, FINDING_PX_CONN);
	attempt_facts(m, a);
	fact_set(&m->facts, "what", fact_get(&m->facts, "errno"));
	fact_set(&m->facts, "proxy_host", c->path->proxy.host);
	fact_number(m, "proxy_port", c->path->proxy.port);
	fact_set(&m->facts, "proxy_url", c->path->label);
	fact_set(&m->facts, "setting", c->path->source);
	if (a->end == TCP_REFUSED)
		m->owner = OWNER_PROXY;
	return true;
}

bool
remark_tcp_v6(const struct rule_ctx *c, struct match *m)
{
	const struct tcp_result *tcp = &c->r->tcp;
	const struct tcp_attempt *v6 = NULL;
	bool v4_open = false;

	for (size_t i = 0; i < tcp->attempt_count; i++) {
		const struct tcp_attempt *a = &tcp->attempts[i];

		if (a->end == TCP_OPEN && a->to.addr.family == IP_V6)
			return false;
		if (a->end == TCP_OPEN)
			v4_open = true;
		else if (a->to.addr.family == IP_V6 && v6 == NULL &&
			 a->end != TCP_NOT_TRIED && a->end != TCP_SKIPPED)
			v6 = a;
	}
	if (!v4_open || v6 == NULL)
		return false;
	match_begin(m, c, FINDING_TCP_V6);
	attempt_facts(m, v6);
	return true;
}
