/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the JSON report (report.schema.json); report_json.c puts them
 * together. */
#ifndef SEKISHO_DIAG_REPORT_JSON_H
#define SEKISHO_DIAG_REPORT_JSON_H

#include "core/json_out.h"
#include "diagnosis.h"
#include "result.h"

void report_json_endpoint(struct json_out *j, const struct run *run,
    const struct diagnosis *d, size_t index);
void report_json_vantage(struct json_out *j, const struct run *run);

#endif
