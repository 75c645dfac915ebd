/* SPDX-License-Identifier: Apache-2.0
 *
 * The program's own messages, one line each on stderr in logfmt:
 * time=… level=… event=… key=value …. Not the access log. */
#ifndef SEKISHO_CORE_LOG_H
#define SEKISHO_CORE_LOG_H

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};

/* The one file-scope variable of the program that changes: what is written. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Writes one line; fields is printf text of the form key=value key="value".
 * Control characters in the result are escaped. Any thread. */
void log_write(enum log_level level, const char *event, const char *fields, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                         \
	do {                                                                   \
		if (log_get_level() >= LOG_DEBUG)                              \
			log_write(LOG_DEBUG, __VA_ARGS__);                     \
	} while (0)

#endif
