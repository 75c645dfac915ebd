/* SPDX-License-Identifier: Apache-2.0 */
#include "hash_password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/htpasswd.h"
#include "core/span.h"

enum {
	PASSWORD_MAX = 255, /* what RFC 1929 can carry */
	LINE_MAX_BYTES = PASSWORD_MAX + 3,
};

static bool
fail(const char **why, const char *text)
{
	*why = text;
	return false;
}

/* A line without its end. */
static bool
read_line(FILE *in, char *line, const char **why)
{
	size_t len;

	if (fgets(line, LINE_MAX_BYTES, in) == NULL)
		return fail(why, "no password on standard input");
	len = strcspn(line, "\n");
	if (len > 0 && line[len] == '\n' && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	if (len > PASSWORD_MAX)
		return fail(why, "the password has more than 255 bytes");
	if (len == 0)
		return fail(why, "the password is empty");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c < 0x20 || c == 0x7f)
			return fail(why, "control character in the password");
	}
	return true;
}

static bool
prompt(FILE *in, const char *text, char *line, const char **why)
{
	struct termios shown, hidden;
	bool ok;

	if (tcgetattr(fileno(in), &shown) != 0)
		return fail(why, "cannot hide what is typed");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(fileno(in), TCSAFLUSH, &hidden) != 0)
		return fail(why, "cannot hide what is typed");
	(void)fputs(text, stderr); /* what comes now is not shown */
	ok = read_line(in, line, why);
	(void)tcsetattr(fileno(in), TCSAFLUSH, &shown);
	(void)fputc('\n', stderr);
	return ok;
}

static bool
read_password(FILE *in, char *password, const char **why)
{
	char again[LINE_MAX_BYTES];
	bool ok;

	if (!isatty(fileno(in)))
		return read_line(in, password, why);
	ok = prompt(in, "Password: ", password, why) &&
	     prompt(in, "Once more: ", again, why);
	if (ok && strcmp(password, again) != 0)
		ok = fail(why, "the two passwords differ");
	explicit_bzero(again, sizeof(again));
	return ok;
}

static bool
user_is_fine(const char *user, const char **why)
{
	if (user[0] == '\0' || strlen(user) > HTPASSWD_USER_MAX ||
	    user[0] == '#' || strpbrk(user, ":\n\r\t") != NULL)
		return fail(why, "the user is empty, too long, begins with #, "
				 "or holds a colon or a control character");
	return true;
}

bool
hash_password(const char *user, FILE *in, FILE *out, const char **why)
{
	char password[LINE_MAX_BYTES] = "";
	struct crypt_data data = {.initialized = 0};
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *hash = NULL;

	if (user != NULL && !user_is_fine(user, why))
		return false;
	if (!read_password(in, password, why)) {
		explicit_bzero(password, sizeof(password));
		return false;
	}
	if (crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt)) != NULL)
		hash = crypt_rn(password, salt, &data, sizeof(data));
	explicit_bzero(password, sizeof(password));
	if (hash == NULL)
		return fail(why, "crypt(3) cannot make a yescrypt hash");
	if (user != NULL)
		(void)fprintf(out, "%s:", user);
	(void)fprintf(out, "%s\n", hash);
	explicit_bzero(&data, sizeof(data));
	return true;
}
