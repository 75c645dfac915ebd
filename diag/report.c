/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

report_fn
report_for(enum report_format format)
{
	switch (format) {
	case REPORT_TEXT:
		return report_text;
	case REPORT_JSON:
		return report_json;
	case REPORT_JUNIT:
		return report_junit;
	case REPORT_HTML:
		return report_html;
	case REPORT_PROMETHEUS:
		return report_prometheus;
	case REPORT_FORMAT_COUNT:
		break;
	}
	return report_text;
}
