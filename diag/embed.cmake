# SPDX-License-Identifier: Apache-2.0
# Writes FILE as the array of bytes NAME (and NAME_len) to OUT. Bytes, not a
# string literal: ISO C promises only 4095 characters for one of those.
file(READ ${FILE} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x0a,)" "\\1\n" bytes "${bytes}")
get_filename_component(base ${FILE} NAME)
file(WRITE ${OUT} "/* Generated from diag/${base}. */\n"
	"#include \"report_html.h\"\n\n"
	"const unsigned char ${NAME}[] = {\n${bytes}0};\n\n"
	"const size_t ${NAME}_len = sizeof(${NAME}) - 1;\n")
