/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the diagnosis: from a finding's facts to its four texts. */
#ifndef SEKISHO_DIAG_PRESCRIPTION_H
#define SEKISHO_DIAG_PRESCRIPTION_H

#include "diagnosis.h"

/* Adds the facts that come from all endpoints of the finding (n, total, hosts)
 * and writes title, seen, means, todo and proof. False when a template names a
 * fact that is not there. */
bool prescription_write(
    const struct run *run, struct finding *f, enum lang lang);

#endif
