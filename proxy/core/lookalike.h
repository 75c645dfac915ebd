/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that are on no list, yet look like the vendor's: endpoints move, and
 * the published list is a snapshot. Pure. */
#ifndef SEKISHO_CORE_LOOKALIKE_H
#define SEKISHO_CORE_LOOKALIKE_H

#include "core/hostname.h"

/* What the name may be ("a Trend Micro name, …": static ASCII, a few words), or
 * NULL when it looks like nothing we know. */
const char *lookalike_about(const struct hostname *name);

#endif
