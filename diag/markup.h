/* SPDX-License-Identifier: Apache-2.0
 *
 * Text inside XML and HTML: every text is made one harmless line (or lines) by
 * glyph_clean() and then quoted, so that no byte of a peer is ever markup, and
 * the document is well-formed whatever they send. */
#ifndef SEKISHO_DIAG_MARKUP_H
#define SEKISHO_DIAG_MARKUP_H

#include <stdint.h>
#include <stdio.h>

#include "core/span.h"

/* One line: for contents and for quoted attributes. */
void markup_span(FILE *out, struct span s);
void markup_str(FILE *out, const char *s);

/* Newlines stay; the rest as above. */
void markup_lines(FILE *out, const char *s);

/* ` name="value"`. */
void markup_attr(FILE *out, const char *name, const char *value);

/* Seconds with microseconds: "0.012345". */
void markup_seconds(FILE *out, uint64_t ns);

#endif
