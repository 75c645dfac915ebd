/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ca_bundle.h"

#include <stddef.h>
#include <unistd.h>

static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Red Hat */
    "/etc/ssl/ca-bundle.pem",             /* SUSE */
    "/etc/ssl/cert.pem",
    "/usr/lib/ssl/cert.pem",
};

const char *
ca_bundle_find(void)
{
	for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
		if (access(bundles[i], F_OK) == 0)
			return bundles[i];
	}
	return NULL;
}

const char *
ca_bundle_usual(void)
{
	return bundles[0];
}
