/* SPDX-License-Identifier: Apache-2.0
 *
 * For the network plugin of the cluster itself. Both policies select the pods
 * of the chart by the label that it puts on all of them, the release's name;
 * scout in the Cloud One chart runs on the host network, where no policy for
 * pods reaches. */
#include "core/ipaddr.h"
#include "list_form.h"

static const char head[] = "metadata:\n"
			   "  name: container-security-egress\n"
			   "  namespace: trendmicro-system\n";

static const char pods[] = "    matchLabels:\n"
			   "      app.kubernetes.io/instance: trendmicro\n";

/* Why the rule for DNS lets every name through: a pod asks for its search
 * list's names first, and a refused one would end the lookup. */
static const char cilium_dns[] =
    "  # What is resolved here is what toFQDNs goes by; names of the search\n"
    "  # list are asked first, so that every name may be asked.\n"
    "  - toEndpoints:\n"
    "    - matchLabels:\n"
    "        k8s:io.kubernetes.pod.namespace: kube-system\n"
    "        k8s:k8s-app: kube-dns\n"
    "    toPorts:\n"
    "    - ports:\n"
    "      - port: \"53\"\n"
    "        protocol: ANY\n"
    "      rules:\n"
    "        dns:\n"
    "        - matchPattern: \"*\"\n";

void
list_cilium(FILE *out, const struct list *l)
{
	list_comment(out, l, "# ");
	(void)fputs(
	    "# For clusters whose pods go out directly. Pods that go through\n"
	    "# the gateway need only --format networkpolicy-note.\n"
	    "# Scout on the host network is not selected: that takes a\n"
	    "# CiliumClusterwideNetworkPolicy with a nodeSelector.\n"
	    "apiVersion: cilium.io/v2\n"
	    "kind: CiliumNetworkPolicy\n",
	    out);
	(void)fprintf(out, "%sspec:\n  endpointSelector:\n%s  egress:\n%s",
	    head, pods, cilium_dns);
	(void)fputs("  # Everything inside the cluster, its API server too.\n"
		    "  - toEntities:\n"
		    "    - cluster\n"
		    "    - kube-apiserver\n"
		    "  - toFQDNs:\n",
	    out);
	for (size_t i = 0; i < l->count; i++)
		(void)fprintf(
		    out, "    - matchName: %s\n", l->rules[i].entry->host.text);
	(void)fprintf(out,
	    "    toPorts:\n"
	    "    - ports:\n"
	    "      - port: \"%d\"\n"
	    "        protocol: TCP\n",
	    LIST_PORT);
}

/* NAME.NAMESPACE.svc…: the namespace, empty when the host is not of that form.
 */
static struct span
service_namespace(const char *host)
{
	const char *dot = strchr(host, '.');
	size_t len = dot ? strcspn(dot + 1, ".") : 0;

	if (len == 0 || strncmp(dot + 1 + len, ".svc", 4) != 0)
		return span_of(NULL, 0);
	return span_of(dot + 1, len);
}

/* The peer in a "to:" of the policy: where the gateway is. */
static void
networkpolicy_gateway(FILE *out, const struct proxy_url *gateway)
{
	struct span space = span_of(NULL, 0);
	struct ipaddr address;

	if (gateway != NULL)
		space = service_namespace(gateway->host);
	if (gateway != NULL &&
	    ipaddr_parse(&address, span_str(gateway->host))) {
		(void)fprintf(out, "    - ipBlock:\n        cidr: %s/%d\n",
		    gateway->host, address.family == IP_V4 ? 32 : 128);
		return;
	}
	(void)fprintf(out,
	    "    - namespaceSelector:\n"
	    "        matchLabels:\n"
	    "          kubernetes.io/metadata.name: %.*s\n",
	    space.len ? (int)space.len : 6, space.len ? space.ptr : "egress");
}

static void
networkpolicy_note(FILE *out, const struct list *l)
{
	list_comment(out, l, "# ");
	(void)fputs(
	    "#\n"
	    "# A NetworkPolicy knows pods, namespaces and addresses, but no\n"
	    "# names, and the addresses behind these names change within\n"
	    "# minutes: the list cannot be written as a NetworkPolicy. What "
	    "it\n"
	    "# can do is to leave the gateway as the only way out; the "
	    "gateway\n"
	    "# then admits the names. This policy does that, on a network\n"
	    "# plugin that enforces policies.\n"
	    "#\n"
	    "# Before it is applied:\n"
	    "# - The API server is no pod. Add its address, or the components\n"
	    "#   lose it: kubectl get endpointslices -n default -l\n"
	    "#   kubernetes.io/service-name=kubernetes\n"
	    "# - Check namespace and port of the gateway below (--proxy URL "
	    "of\n"
	    "#   this command fills them in).\n"
	    "# - Scout on the host network is not selected by any policy.\n"
	    "#\n"
	    "# What the gateway then admits:\n",
	    out);
	for (size_t i = 0; i < l->count; i++)
		(void)fprintf(out, "#   %s:%u\n", l->rules[i].entry->host.text,
		    l->rules[i].entry->port);
}

void
list_networkpolicy(FILE *out, const struct list *l)
{
	networkpolicy_note(out, l);
	(void)fprintf(out,
	    "apiVersion: networking.k8s.io/v1\n"
	    "kind: NetworkPolicy\n"
	    "%sspec:\n  podSelector:\n%s"
	    "  policyTypes:\n"
	    "  - Egress\n"
	    "  egress:\n"
	    "  # The gateway.\n"
	    "  - to:\n",
	    head, pods);
	networkpolicy_gateway(out, l->proxy);
	(void)fprintf(out,
	    "    ports:\n"
	    "    - protocol: TCP\n"
	    "      port: %u\n"
	    "  # Everything inside the cluster, DNS included.\n"
	    "  - to:\n"
	    "    - namespaceSelector: {}\n"
	    "  # The API server:\n"
	    "  # - to:\n"
	    "  #   - ipBlock:\n"
	    "  #       cidr: ADDRESS/32\n"
	    "  #   ports:\n"
	    "  #   - protocol: TCP\n"
	    "  #     port: 6443\n",
	    l->proxy != NULL ? l->proxy->port : 3128U);
}
