/* SPDX-License-Identifier: Apache-2.0 */
#include "gke_command.h"

#include <stdio.h>
#include <string.h>

#include "shell_word.h"

static const char rule_name[] = "allow-apiserver-to-admission-webhook-8443";

/* The value as a word, or the variable that stands for it. */
static void
add_value(struct text *out, const struct gke_value *value, const char *variable)
{
	if (value->text[0] != '\0') {
		shell_word(out, value->text);
		return;
	}
	text_str(out, "\"$");
	text_str(out, variable);
	text_char(out, '"');
}

static void
add_network(struct text *out, const struct gke_facts *f)
{
	if (f->network.text[0] != '\0')
		shell_word(out, gke_short_name(f->network.text));
	else
		text_str(out, "\"$NETWORK\"");
}

/* A rule belongs to the project of the network, which for a Shared VPC is
 * another one than the cluster's; a project's number serves as well. */
static void
add_project(struct text *out, const struct gke_facts *f)
{
	const char *at = strstr(f->network.text, "projects/");
	char project[GKE_VALUE_MAX];
	size_t len = at != NULL ? strcspn(at + 9, "/") : 0;

	if (len > 0 && (at[9] < '0' || at[9] > '9')) {
		memcpy(project, at + 9, len);
		project[len] = '\0';
	} else if (f->project.text[0] != '\0') {
		memcpy(project, f->project.text, sizeof(project));
	} else {
		return;
	}
	text_str(out, " --project ");
	shell_word(out, project);
}

void
gke_command_create(struct text *out, const struct gke_facts *f)
{
	text_str(out, "gcloud compute firewall-rules create ");
	text_str(out, rule_name);
	add_project(out, f);
	text_str(out, " \\\n  --network ");
	add_network(out, f);
	text_str(out, " --direction INGRESS --action ALLOW \\\n"
		      "  --source-ranges ");
	add_value(out, &f->cidr, "CONTROL_PLANE_RANGE");
	text_str(out, " --rules tcp:8443 \\\n  --target-tags ");
	add_value(out, &f->tags, "TARGET");
	text_str(out, " \\\n  --description 'Allow apiserver access to "
		      "admission webhook pod on port 8443'\n");
}

/* --project and --location of the cluster. */
static void
add_place(struct text *out, const struct gke_facts *f)
{
	text_str(out, " --location ");
	add_value(out, &f->location, "LOCATION");
	if (f->project.text[0] != '\0') {
		text_str(out, " --project ");
		shell_word(out, f->project.text);
	}
}

static void
add_describe(struct text *out, const struct gke_facts *f, const char *name,
    const char *format)
{
	text_str(out, name);
	text_str(out, "=$(gcloud container clusters describe ");
	add_value(out, &f->cluster, "CLUSTER");
	add_place(out, f);
	text_str(out, " --format 'value(");
	text_str(out, format);
	text_str(out, ")')\n");
}

/* A filter on the names of GKE's own rules; with a variable it must be in
 * double quotes. */
static void
add_filter(struct text *out, const struct gke_facts *f, const char *which)
{
	char pattern[GKE_VALUE_MAX + 64];

	text_str(out, " --filter ");
	if (f->cluster.text[0] == '\0') {
		text_str(out, "\"name~^gke-$CLUSTER-[0-9a-z]*-");
		text_str(out, which);
		text_str(out, "\\$\"");
		return;
	}
	(void)snprintf(pattern, sizeof(pattern), "name~^gke-%s-[0-9a-z]*-%s$",
	    f->cluster.text, which);
	shell_word(out, pattern);
}

void
gke_command_find(struct text *out, const struct gke_facts *f)
{
	bool range = f->cidr.text[0] == '\0', tags = f->tags.text[0] == '\0';
	bool network = f->network.text[0] == '\0';

	if (!range && !tags && !network)
		return;
	if (f->cluster.text[0] == '\0' ||
	    ((range || network) && f->location.text[0] == '\0'))
		text_str(out, "gcloud container clusters list "
			      "--format 'table(name,location)'\n");
	if (f->cluster.text[0] == '\0')
		text_str(out, "CLUSTER=NAME\n");
	if ((range || network) && f->location.text[0] == '\0')
		text_str(out, "LOCATION=REGION-OR-ZONE\n");
	if (range)
		add_describe(out, f, "CONTROL_PLANE_RANGE",
		    "privateClusterConfig.masterIpv4CidrBlock");
	if (network)
		add_describe(out, f, "NETWORK", "network");
	if (!tags)
		return;
	text_str(out, "TARGET=$(gcloud compute firewall-rules list");
	add_project(out, f);
	add_filter(out, f, "(master|vms)");
	text_str(out, " --limit 1 --format 'value(targetTags.list())')\n");
}

void
gke_command_show(struct text *out, const struct gke_facts *f)
{
	text_str(out, "gcloud compute firewall-rules list");
	add_project(out, f);
	add_filter(out, f, "master");
	text_str(out, " \\\n  --format 'table(name,network,direction,"
		      "sourceRanges.list():label=SRC_RANGES,"
		      "allowed[].map().firewall_rule().list():label=ALLOW,"
		      "targetTags.list():label=TARGET_TAGS)'\n");
}

static void
add_flag(struct text *out, const char *flag, const struct gke_value *value)
{
	if (value->origin != GKE_FROM_FLAG)
		return;
	text_str(out, flag);
	shell_word(out, value->text);
}

void
gke_command_judge(struct text *out, const struct gke_facts *f)
{
	text_str(out, "gcloud compute firewall-rules list");
	add_project(out, f);
	text_str(out, " --format json | sekisho-diag gke --rules -");
	if (f->cluster.text[0] != '\0') {
		text_str(out, " --cluster ");
		shell_word(out, f->cluster.text);
	}
	add_flag(out, " --control-plane-cidr ", &f->cidr);
	add_flag(out, " --target-tags ", &f->tags);
	add_flag(out, " --network ", &f->network);
	text_char(out, '\n');
}

void
gke_command_policies(struct text *out, const struct gke_facts *f)
{
	text_str(out, "gcloud compute networks get-effective-firewalls ");
	add_network(out, f);
	add_project(out, f);
	text_char(out, '\n');
}

static const char *
text_or(const struct gke_value *value, const char *stand_in)
{
	return value->text[0] != '\0' ? value->text : stand_in;
}

void
gke_command_prove(struct text *out, const struct gke_facts *f)
{
	char cluster[3 * GKE_VALUE_MAX + 64];

	(void)snprintf(cluster, sizeof(cluster),
	    "projects/%s/locations/%s/clusters/%s",
	    text_or(&f->project, "PROJECT"), text_or(&f->location, "LOCATION"),
	    text_or(&f->cluster, "CLUSTER"));
	text_str(out, "gcloud network-management connectivity-tests create "
		      "webhook-8443 \\\n  --source-gke-master-cluster ");
	shell_word(out, cluster);
	text_str(out, " \\\n  --destination-ip-address POD_IP "
		      "--destination-port 8443 --protocol TCP\n"
		      "gcloud network-management connectivity-tests delete "
		      "webhook-8443\n");
}
