/* SPDX-License-Identifier: Apache-2.0
 *
 * Where this system keeps the certificates of the authorities it trusts. */
#ifndef SEKISHO_CORE_CA_BUNDLE_H
#define SEKISHO_CORE_CA_BUNDLE_H

/* Path of the first bundle that there is, or NULL. */
const char *ca_bundle_find(void);
/* The path that most systems have, for messages. */
const char *ca_bundle_usual(void);

#endif
