/* SPDX-License-Identifier: Apache-2.0 */
#include "net/csp.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

static struct span
element_text(struct span page, const char *tag)
{
	char mark[32];
	size_t len = (size_t)snprintf(mark, sizeof(mark), "<%s>", tag);
	const char *begin = memmem(page.ptr, page.len, mark, len), *end;

	if (begin == NULL)
		return span_of(NULL, 0);
	begin += len;
	len = (size_t)snprintf(mark, sizeof(mark), "</%s>", tag);
	end = memmem(begin, (size_t)(page.ptr + page.len - begin), mark, len);
	return end == NULL ? span_of(NULL, 0)
			   : span_of(begin, (size_t)(end - begin));
}

void
csp_source(struct span page, const char *tag, char *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned char text[4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1];
	struct span element = element_text(page, tag);
	unsigned len = 0;

	out[0] = '\0';
	if (element.ptr == NULL ||
	    EVP_Digest(element.ptr, element.len, digest, &len, EVP_sha256(),
		NULL) != 1 ||
	    len != SHA256_DIGEST_LENGTH)
		return;
	(void)EVP_EncodeBlock(text, digest, (int)len);
	(void)snprintf(out, CSP_SOURCE_MAX, "'sha256-%s'", (char *)text);
}
