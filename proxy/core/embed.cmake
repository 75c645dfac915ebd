# SPDX-License-Identifier: Apache-2.0
# Writes the lists FILES (relative to ROOT) as C text to OUT.
set(c "/* Generated from allowlists/. */\n#include \"core/allowlist.h\"\n\n")
string(APPEND c "const struct allowlist_file allowlist_builtin[] = {\n")
set(count 0)
foreach(name IN LISTS FILES)
	file(READ ${ROOT}/${name} hex HEX)
	string(LENGTH "${hex}" digits)
	math(EXPR len "${digits} / 2")
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
	# Lines of 16 bytes keep literals short; the parts join.
	string(REGEX REPLACE "((\\\\x[0-9a-f][0-9a-f])(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?)" "\"\\1\"\n\t" bytes "${bytes}")
	string(APPEND c "\t{\"${name}\",\n\t${bytes}, ${len}},\n")
	math(EXPR count "${count} + 1")
endforeach()
string(APPEND c "};\n\nconst size_t allowlist_builtin_count = ${count};\n")
file(WRITE ${OUT} "${c}")
