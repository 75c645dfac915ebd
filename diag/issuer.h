/* SPDX-License-Identifier: Apache-2.0
 *
 * Who signed a certificate: a public CA, an inspection device, nobody. Names
 * alone prove nothing (a device may copy them), so a public CA's name counts
 * only with SCTs, which no device can make and no public CA leaves out since
 * 2018. Pure. */
#ifndef SEKISHO_DIAG_ISSUER_H
#define SEKISHO_DIAG_ISSUER_H

#include "result.h"

/* The class of a presented chain (leaf first), given how many SCTs came in the
 * handshake besides those embedded in the leaf. ISSUER_UNKNOWN for none. */
enum issuer_class issuer_classify(
    const struct cert_summary *chain, size_t count, unsigned stapled_scts);

/* The maker of the inspecting device as far as names in the chain tell
 * ("Zscaler", "Palo Alto Networks", "Squid" …; static), or NULL. */
const char *issuer_vendor(const struct cert_summary *chain, size_t count);

#endif
