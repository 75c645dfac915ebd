/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lookalike.h"

#include <string.h>

static const struct {
	const char *suffix;
	const char *label; /* one label must begin so; NULL: any name */
	const char *about;
} shapes[] = {
    {"trendmicro.com", NULL, "a Trend Micro name, maybe newer than this list"},
    {"trendmicro.co.jp", NULL,
	"a Trend Micro name, maybe newer than this list"},
    {"amazonaws.com", "s3", "an S3 name, maybe newer than this list"},
    {"amazonaws.com", "ecr", "an Amazon ECR name, maybe a mirror"},
    {"ecr.aws", NULL, "an Amazon ECR name, maybe newer than this list"},
    {"cloudfront.net", NULL,
	"a CloudFront name, maybe where a registry keeps image layers"},
};

static bool
has_label(const struct hostname *name, const char *start)
{
	size_t len = strlen(start);
	const char *p = name->text;

	while (p != NULL) {
		if (strncmp(p, start, len) == 0 &&
		    (p[len] == '.' || p[len] == '-'))
			return true;
		p = strchr(p, '.');
		p = p != NULL ? p + 1 : NULL;
	}
	return false;
}

const char *
lookalike_about(const struct hostname *name)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (hostname_is_below(name, span_str(shapes[i].suffix)) &&
		    (shapes[i].label == NULL ||
			has_label(name, shapes[i].label)))
			return shapes[i].about;
	}
	return NULL;
}
