/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for parser tests: the input ends right before an unmapped page, so
 * that a read behind it crashes with or without a sanitizer. */
#ifndef SEKISHO_TESTS_GUARD_H
#define SEKISHO_TESTS_GUARD_H

#include <stddef.h>

struct guard {
	unsigned char *map;
	size_t map_len;
	unsigned char *data; /* the copy; data + len is unmapped */
	size_t len;
};

/* Copies len bytes to the end of a fresh mapping; aborts when out of memory. */
struct guard guard_copy(const void *data, size_t len);
void guard_free(struct guard *g);

#endif
