# SPDX-License-Identifier: Apache-2.0
# Writes FILE (of the project ROOT) as the array of bytes NAME (and NAME_len),
# which HEADER declares, to OUT. Bytes, not a string literal: ISO C promises only
# 4095 characters for one of those.
file(READ ${FILE} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x0a,)" "\\1\n" bytes "${bytes}")
file(RELATIVE_PATH from ${ROOT} ${FILE})
file(WRITE ${OUT} "/* Generated from ${from}. */\n"
	"#include \"${HEADER}\"\n\n"
	"const unsigned char ${NAME}[] = {\n${bytes}0};\n\n"
	"const size_t ${NAME}_len = sizeof(${NAME}) - 1;\n")
