/* SPDX-License-Identifier: Apache-2.0
 *
 * The API key from where people keep it: a file that holds it and nothing else,
 * the directory that a Kubernetes Secret is mounted as, or the JSON of a Secret
 * as `kubectl get secret NAME -o json` prints it. */
#ifndef SEKISHO_DIAG_KEY_FILE_H
#define SEKISHO_DIAG_KEY_FILE_H

#include "key.h"

/* Reads the key and lints it just as it stands there (of a Secret in JSON:
 * decoded once); lint->source is the path, and the entry of the Secret behind
 * it. Of several entries it is api.key, as the chart names it, or else the only
 * one. False with one line in error (size len), which holds no value. */
bool key_file_read(struct api_key *key, struct key_lint *lint, const char *path,
    char *error, size_t len) MUST_CHECK;

#endif
