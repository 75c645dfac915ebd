/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of commands that people copy into a shell. Pure. */
#ifndef SEKISHO_DIAG_SHELL_WORD_H
#define SEKISHO_DIAG_SHELL_WORD_H

#include "core/text.h"

/* Appends word as one word of a POSIX shell, quoted where it must be. */
void shell_word(struct text *out, const char *word);

#endif
