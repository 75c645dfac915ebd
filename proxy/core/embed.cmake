# SPDX-License-Identifier: Apache-2.0
# Writes the lists FILES (relative to ROOT) as a C table to OUT. Bytes, not
# string literals: ISO C promises only 4095 characters for one of those.
set(arrays "")
set(table "")
set(count 0)
foreach(name IN LISTS FILES)
	file(READ ${ROOT}/${name} hex HEX)
	string(LENGTH "${hex}" digits)
	math(EXPR len "${digits} / 2")
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
	string(REGEX REPLACE "(0a,)" "\\1\n" bytes "${bytes}")
	string(APPEND arrays "/* ${name} */\n"
		"static const unsigned char list_${count}[] = {\n${bytes}0};\n\n")
	string(APPEND table
		"\t{\"${name}\", (const char *)list_${count}, ${len}},\n")
	math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUT} "/* Generated from allowlists/. */\n"
	"#include \"core/allowlist.h\"\n\n${arrays}"
	"const struct allowlist_file allowlist_builtin[] = {\n${table}};\n\n"
	"const size_t allowlist_builtin_count = ${count};\n")
