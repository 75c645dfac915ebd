/* SPDX-License-Identifier: Apache-2.0 */
#include "key_secret.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

static const char chart_entry[] = "api.key";

/* Where values of the Secret have been, none is left. */
static void
wiping_free(void *ptr)
{
	if (ptr != NULL)
		OPENSSL_cleanse(ptr, malloc_usable_size(ptr));
	free(ptr);
}

bool
key_secret_is_json(struct span text)
{
	size_t i = 0;

	while (i < text.len && strchr(" \t\r\n", text.ptr[i]) != NULL &&
	       text.ptr[i] != '\0')
		i++;
	return i < text.len && text.ptr[i] == '{';
}

/* The value of api.key, or of the only entry. */
static json_t *
pick(json_t *entries, const char **name)
{
	json_t *value = json_object_get(entries, chart_entry);

	*name = chart_entry;
	if (value == NULL && json_object_size(entries) == 1) {
		*name = json_object_iter_key(json_object_iter(entries));
		value = json_object_get(entries, *name);
	}
	return value;
}

static bool
take_plain(struct api_key *key, size_t *key_len, const json_t *value)
{
	size_t len = json_string_length(value);

	if (len >= KEY_MAX)
		return false;
	memcpy(key->text, json_string_value(value), len);
	key->text[len] = '\0';
	*key_len = len;
	return true;
}

/* EVP_DecodeBlock(3) counts padding as bytes. */
static bool
take_base64(struct api_key *key, size_t *key_len, const json_t *value)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);
	int got;

	if (len % 4 != 0 || len / 4 * 3 >= KEY_MAX)
		return false;
	got = EVP_DecodeBlock(
	    (unsigned char *)key->text, (const unsigned char *)text, (int)len);
	if (got < 0)
		return false;
	*key_len = (size_t)got;
	for (size_t i = len; i > 0 && text[i - 1] == '=' && *key_len > 0; i--)
		--*key_len;
	key->text[*key_len] = '\0';
	return true;
}

static bool
read_entries(struct api_key *key, char entry[KEY_ENTRY_MAX], size_t *key_len,
    json_t *root, char *error, size_t len)
{
	json_t *data = json_object_get(root, "data");
	json_t *plain = json_object_get(root, "stringData");
	bool encoded = json_object_size(data) > 0;
	const char *name;
	json_t *value = pick(encoded ? data : plain, &name);
	bool fits;

	if (!json_is_string(value)) {
		(void)snprintf(error, len,
		    "the Secret has no entry %s, and not just one other "
		    "(fields data, stringData)",
		    chart_entry);
		return false;
	}
	(void)snprintf(entry, KEY_ENTRY_MAX, "%s", name);
	fits = encoded ? take_base64(key, key_len, value)
		       : take_plain(key, key_len, value);
	if (!fits)
		(void)snprintf(error, len,
		    "entry %s of the Secret is no base64, or longer than a "
		    "key",
		    entry);
	return fits;
}

bool
key_secret_read(struct api_key *key, char entry[KEY_ENTRY_MAX], size_t *key_len,
    struct span json, char *error, size_t len)
{
	json_malloc_t usual_malloc;
	json_free_t usual_free;
	json_error_t fault;
	json_t *root;
	bool ok;

	json_get_alloc_funcs(&usual_malloc, &usual_free);
	json_set_alloc_funcs(usual_malloc, wiping_free);
	root = json_loadb(json.ptr, json.len, 0, &fault);
	if (root != NULL) {
		ok = read_entries(key, entry, key_len, root, error, len);
	} else {
		ok = false;
		/* fault.text would quote what it met. */
		(void)snprintf(error, len,
		    "no JSON of a Secret: line %d, column %d", fault.line,
		    fault.column);
		OPENSSL_cleanse(&fault, sizeof(fault));
	}
	json_decref(root);
	json_set_alloc_funcs(usual_malloc, usual_free);
	return ok;
}
