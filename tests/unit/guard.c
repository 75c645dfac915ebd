/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard
guard_copy(const void *data, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = len / page + 2;
	struct guard g = {.map_len = pages * page, .len = len};

	g.map = mmap(NULL, g.map_len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g.map == MAP_FAILED ||
	    mprotect(g.map + g.map_len - page, page, PROT_NONE) != 0)
		abort();
	g.data = g.map + g.map_len - page - len;
	if (len > 0)
		memcpy(g.data, data, len);
	return g;
}

void
guard_free(struct guard *g)
{
	if (munmap(g->map, g->map_len) != 0)
		abort();
	g->map = NULL;
}
