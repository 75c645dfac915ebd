/* SPDX-License-Identifier: Apache-2.0
 *
 * Instructions are prose with commands in it ("… ; test: dig @10.0.0.53 NAME
 * A"). This finds the commands, so that reports can keep them whole and easy to
 * copy. Pure. */
#ifndef SEKISHO_DIAG_INSTRUCTION_H
#define SEKISHO_DIAG_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"

/* Whether a command begins at this byte of a line: at the line's begin or
 * behind ": " or "; ", a word of a known program with something behind it. */
bool instruction_is_command(struct span line, size_t at);

/* Where the command that begins at `at` ends: at the line's end, or before an
 * explanation, which stands in parentheses behind three blanks. */
size_t instruction_command_end(struct span line, size_t at);

#endif
