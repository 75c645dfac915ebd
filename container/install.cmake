# SPDX-License-Identifier: Apache-2.0
# Run at install time: what stands in units and in /etc depends on the prefix as
# it is then (cmake --install --prefix, cpack). Needs SOURCE, this folder.
# DESTDIR is taken care of by file(INSTALL).
set(prefix ${CMAKE_INSTALL_PREFIX})
set(SBIN ${prefix}/sbin)
set(BIN ${prefix}/bin)
set(ETC ${prefix}/etc)
set(units ${prefix}/lib/systemd/system)
if(prefix STREQUAL "/usr")
	set(ETC /etc)
	set(units /lib/systemd/system) # where Debian 12 wants them
endif()

string(RANDOM LENGTH 12 name)
set(made ${MADE}/units-${name})
file(MAKE_DIRECTORY ${made})
file(READ ${SOURCE}/systemd/diag-hardening.in HARDENING)
foreach(unit sekisho-proxy.service sekisho-diag-watch.service
		sekisho-diag-preflight.service)
	configure_file(${SOURCE}/systemd/${unit}.in ${made}/${unit} @ONLY)
endforeach()
file(INSTALL DESTINATION ${units} TYPE FILE FILES
	${made}/sekisho-proxy.service
	${made}/sekisho-diag-watch.service
	${made}/sekisho-diag-preflight.service
	${SOURCE}/systemd/sekisho-proxy.socket
	${SOURCE}/systemd/sekisho-diag-preflight.timer)
file(REMOVE_RECURSE ${made})

file(INSTALL DESTINATION ${prefix}/lib/sysusers.d TYPE FILE
	RENAME sekisho.conf FILES ${SOURCE}/systemd/sysusers.conf)
file(INSTALL DESTINATION ${ETC}/sekisho TYPE FILE
	FILES ${SOURCE}/sekisho.conf ${SOURCE}/diag.env)
file(INSTALL DESTINATION ${ETC}/logrotate.d TYPE FILE
	RENAME sekisho FILES ${SOURCE}/logrotate)
