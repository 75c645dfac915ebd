/* SPDX-License-Identifier: Apache-2.0
 *
 * For the firewalls of clouds that take names. Checked against: gcloud's
 * "compute network-firewall-policies rules create", the CreateRuleGroup call of
 * AWS Network Firewall, and ruleCollectionGroups of Azure Resource Manager. */
#include <ctype.h>

#include "core/json_out.h"
#include "core/text.h"
#include "list_form.h"

enum {
	/* Names in one rule (Google's quota for FQDN objects). */
	GCP_HOSTS_MAX = 100,
	GCP_PRIORITY = 1000,
	/* A rule group's capacity can never be changed: room for the list to
	 * grow, in steps. */
	AWS_CAPACITY_STEP = 100,
	AZURE_PRIORITY = 1000,
};

/* ---- Google Cloud: a shell script ---- */

static void
gcp_rule(FILE *out, const struct list *l, size_t from, size_t to)
{
	char words[LIST_WORDS_MAX];

	(void)fprintf(out,
	    "\ngcloud compute network-firewall-policies rules create %zu \\\n"
	    "  --firewall-policy=\"$FIREWALL_POLICY\" "
	    "--global-firewall-policy \\\n"
	    "  --action=allow --direction=EGRESS --layer4-configs=tcp:%d \\\n"
	    "  --description='%s' \\\n"
	    "  --dest-fqdns=",
	    GCP_PRIORITY + from / GCP_HOSTS_MAX, LIST_PORT,
	    list_words(l, words));
	for (size_t i = from; i < to; i++)
		(void)fprintf(out, "%s%s", i > from ? "," : "",
		    l->rules[i].entry->host.text);
	(void)fputc('\n', out);
}

void
list_gcp(FILE *out, const struct list *l)
{
	(void)fputs("#!/bin/sh\n", out);
	list_comment(out, l, "# ");
	(void)fputs(
	    "# Adds FQDN rules to a global network firewall policy:\n"
	    "#   FIREWALL_POLICY=NAME sh THIS_FILE\n"
	    "# The policy must be associated with the cluster's VPC network,\n"
	    "# and the VMs must resolve through Cloud DNS, as the rule goes "
	    "by\n"
	    "# what that answers.\n"
	    "set -eu\n"
	    ": \"${FIREWALL_POLICY:?the name of the network firewall policy}\""
	    "\n",
	    out);
	for (size_t from = 0; from < l->count; from += GCP_HOSTS_MAX) {
		size_t left = l->count - from;

		gcp_rule(out, l, from,
		    from + (left < GCP_HOSTS_MAX ? left : GCP_HOSTS_MAX));
	}
}

/* ---- AWS: the JSON of `aws network-firewall create-rule-group` ---- */

static void
aws_tag(struct json_out *j, const char *key, const char *value)
{
	json_open(j, NULL, '{');
	json_str(j, "Key", key);
	json_str(j, "Value", value);
	json_close(j, '}');
}

static void
aws_rules(struct json_out *j, const struct list *l)
{
	json_open(j, "RuleGroup", '{');
	json_open(j, "RulesSource", '{');
	json_open(j, "RulesSourceList", '{');
	json_open(j, "Targets", '[');
	for (size_t i = 0; i < l->count; i++)
		json_str(j, NULL, l->rules[i].entry->host.text);
	json_close(j, ']');
	json_open(j, "TargetTypes", '[');
	json_str(j, NULL, "TLS_SNI");
	json_close(j, ']');
	json_str(j, "GeneratedRulesType", "ALLOWLIST");
	json_close(j, '}');
	json_close(j, '}');
	json_close(j, '}');
}

void
list_aws(FILE *out, const struct list *l)
{
	struct json_out j = {.out = out};
	char words[LIST_WORDS_MAX];

	json_open(&j, NULL, '{');
	json_str(&j, "RuleGroupName", "container-security-egress");
	json_str(&j, "Type", "STATEFUL");
	json_u64(&j, "Capacity",
	    (l->count / AWS_CAPACITY_STEP + 1) * AWS_CAPACITY_STEP);
	json_str(&j, "Description", list_words(l, words));
	aws_rules(&j, l);
	json_open(&j, "Tags", '[');
	aws_tag(&j, "list-date", list_date(l));
	json_close(&j, ']');
	json_close(&j, '}');
	(void)fputc('\n', out);
}

/* ---- Azure: a template for `az deployment group create` ---- */

static void
azure_parameters(struct json_out *j)
{
	json_open(j, "parameters", '{');
	json_open(j, "firewallPolicyName", '{');
	json_str(j, "type", "string");
	json_close(j, '}');
	json_open(j, "sourceAddresses", '{');
	json_str(j, "type", "array");
	json_open(j, "defaultValue", '[');
	json_str(j, NULL, "*");
	json_close(j, ']');
	json_close(j, '}');
	json_close(j, '}');
}

/* A rule's name: letters, digits and hyphens of the category's. */
static const char *
azure_name(const char *category, char *buf, size_t size)
{
	struct text t = text_in(buf, size);

	for (; *category != '\0'; category++)
		text_char(
		    &t, isalnum((unsigned char)*category) ? *category : '-');
	return text_end(&t);
}

/* One rule for the hosts of the category of rule `first`. */
static void
azure_rule(struct json_out *j, const struct list *l, size_t first)
{
	const struct allowlist_entry *e = l->rules[first].entry;
	char name[64];

	json_open(j, NULL, '{');
	json_str(j, "ruleType", "ApplicationRule");
	json_str(j, "name", azure_name(e->category, name, sizeof(name)));
	if (e->about != NULL)
		json_str(j, "description", e->about->title_en);
	json_str(j, "sourceAddresses", "[parameters('sourceAddresses')]");
	json_open(j, "protocols", '[');
	json_open(j, NULL, '{');
	json_str(j, "protocolType", "Https");
	json_u64(j, "port", LIST_PORT);
	json_close(j, '}');
	json_close(j, ']');
	json_open(j, "targetFqdns", '[');
	for (size_t i = first; i < l->count; i++) {
		if (strcmp(l->rules[i].entry->category, e->category) == 0)
			json_str(j, NULL, l->rules[i].entry->host.text);
	}
	json_close(j, ']');
	json_close(j, '}');
}

static bool
category_was_named(const struct list *l, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (strcmp(l->rules[i].entry->category,
			l->rules[index].entry->category) == 0)
			return true;
	}
	return false;
}

static void
azure_collection(struct json_out *j, const struct list *l)
{
	json_open(j, "ruleCollections", '[');
	json_open(j, NULL, '{');
	json_str(j, "ruleCollectionType", "FirewallPolicyFilterRuleCollection");
	json_str(j, "name", "container-security");
	json_u64(j, "priority", AZURE_PRIORITY);
	json_open(j, "action", '{');
	json_str(j, "type", "Allow");
	json_close(j, '}');
	json_open(j, "rules", '[');
	for (size_t i = 0; i < l->count; i++) {
		if (!category_was_named(l, i))
			azure_rule(j, l, i);
	}
	json_close(j, ']');
	json_close(j, '}');
	json_close(j, ']');
}

void
list_azure(FILE *out, const struct list *l)
{
	struct json_out j = {.out = out};
	char words[LIST_WORDS_MAX];

	json_open(&j, NULL, '{');
	json_str(&j, "$schema",
	    "https://schema.management.azure.com/schemas/2019-04-01/"
	    "deploymentTemplate.json#");
	json_str(&j, "contentVersion", "1.0.0.0");
	json_open(&j, "metadata", '{');
	json_str(&j, "description", list_words(l, words));
	json_str(&j, "listDate", list_date(l));
	json_str(&j, "listSource", list_source(l));
	json_close(&j, '}');
	azure_parameters(&j);
	json_open(&j, "resources", '[');
	json_open(&j, NULL, '{');
	json_str(&j, "type",
	    "Microsoft.Network/firewallPolicies/ruleCollectionGroups");
	json_str(&j, "apiVersion", "2023-09-01");
	json_str(&j, "name",
	    "[format('{0}/container-security', "
	    "parameters('firewallPolicyName'))]");
	json_open(&j, "properties", '{');
	json_u64(&j, "priority", AZURE_PRIORITY);
	azure_collection(&j, l);
	json_close(&j, '}');
	json_close(&j, '}');
	json_close(&j, ']');
	json_close(&j, '}');
	(void)fputc('\n', out);
}
