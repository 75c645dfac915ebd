/* SPDX-License-Identifier: Apache-2.0 */
#include "core/catalog.h"

const char allowlist_global[] = "global";

static const struct {
	unsigned bit;
	const char *name;
} features[] = {
    {FEATURE_ADMISSION, "admission"},
    {FEATURE_RUNTIME, "runtime"},
    {FEATURE_VULNERABILITY_SCAN, "vulnerability-scan"},
    {FEATURE_ARTIFACT_SCANNER, "artifact-scanner"},
    {FEATURE_TELEMETRY, "telemetry"},
    {FEATURE_IMAGES, "images"},
};

unsigned
feature_from_name(struct span name)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (span_is(name, features[i].name))
			return features[i].bit;
	}
	return 0;
}

const char *
feature_name(unsigned bit)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (features[i].bit == bit)
			return features[i].name;
	}
	return "unknown";
}
