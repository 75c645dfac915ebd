/* SPDX-License-Identifier: Apache-2.0
 *
 * What the process may still do once it has bound its ports. */
#ifndef SEKISHO_PRIVILEGES_H
#define SEKISHO_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

/* Becomes user (its groups too) for good; NULL: stays. A number that no user
 * database knows has the group of the same number and no other. False after a
 * log line. */
bool privileges_drop(const char *user) MUST_CHECK;

/* No program that would be started, by whatever hole, has a capability. While
 * there still is the right to do so: before privileges_drop(). */
void privileges_drop_bounding(void);

/* Gives up every capability of this thread and those that it starts, for good.
 * False when one is left. */
bool privileges_drop_capabilities(void);

/* Raises the soft limit of open files to the hard one, but not beyond what the
 * gateway has a use for; returns the limit in force. */
uint64_t privileges_raise_files(void);

#endif
