# SPDX-License-Identifier: Apache-2.0
# Run by cpack over what is to be packed: what Debian's policy wants beside it.
set(root ${CPACK_TEMPORARY_DIRECTORY})
set(doc ${root}/usr/share/doc/sekisho)
set(source ${CMAKE_CURRENT_LIST_DIR}/../..)

file(MAKE_DIRECTORY ${doc})
configure_file(${CMAKE_CURRENT_LIST_DIR}/copyright ${doc}/copyright COPYONLY)
file(COPY_FILE ${source}/CHANGELOG.md ${doc}/changelog)
file(WRITE ${doc}/changelog.Debian
"sekisho (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * See the changelog beside this file.

 -- ${CPACK_PACKAGE_CONTACT}  Sun, 22 Nov 2026 00:00:00 +0000
")
file(GLOB pages ${root}/usr/share/man/man*/*.[1-8])
execute_process(COMMAND gzip -9n ${pages} ${doc}/changelog ${doc}/changelog.Debian
	COMMAND_ERROR_IS_FATAL ANY)
file(CHMOD_RECURSE ${root}/usr/share ${root}/etc ${root}/lib/systemd
	FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ
	DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
		GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
