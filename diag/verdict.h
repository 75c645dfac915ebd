/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the diagnosis: what the findings come to. */
#ifndef SEKISHO_DIAG_VERDICT_H
#define SEKISHO_DIAG_VERDICT_H

#include "diagnosis.h"

/* From findings and views to counts, owners, consequences, verdict, exit code
 * and headline. False when out of memory. */
bool verdict_decide(const struct run *run, struct diagnosis *d) MUST_CHECK;

/* Whether a finding is about the credential and not about the network. */
bool finding_is_credential(enum finding_id id);

#endif
