# SPDX-License-Identifier: Apache-2.0
"""key_tests.py ROOT PRINT_KEYS: for every key of the configuration there is a
test that fails when the key does nothing.

TESTS is the table: section.key, and FILE::FUNCTION below tests/. That the test
proves what it is there for is a reviewer's question; that it exists, and that
no key is left out, is asked here.
"""
import re
import subprocess
import sys

import tree

TESTS = """
gateway.regions                e2e/test_reload.py::test_regions
gateway.features               e2e/test_cli.py::test_opt_in_set_and_features_change_the_list
gateway.allowlist_dir          e2e/test_cli.py::test_lists_can_be_read_from_a_folder_instead
gateway.sets                   e2e/test_cli.py::test_opt_in_set_and_features_change_the_list
gateway.extra                  e2e/test_denied.py::test_ini_is_a_list_that_admits_them
gateway.mode                   e2e/test_report_mode.py::test_it_ends_in_lines_to_review
gateway.workers                e2e/test_keys.py::test_workers_are_threads
gateway.user                   e2e/test_keys.py::test_user_is_dropped_to
gateway.handover               e2e/test_handover.py::test_twenty_in_a_row_under_load
gateway.watch_files            e2e/test_reload.py::test_configuration_file_is_watched
listener NAME.address          e2e/test_reload.py::test_listeners_come_and_go
listener NAME.protocols        e2e/test_socks5.py::test_listener_without_connect
listener NAME.clients          e2e/test_refusals.py::test_client_outside_the_prefixes
listener NAME.auth             e2e/test_auth.py::test_no_credentials
listener NAME.credentials      e2e/test_auth.py::test_right_credentials
listener NAME.tls_certificate  e2e/test_tls.py::test_curl
listener NAME.tls_key          e2e/test_tls_files.py::test_check_is_content
listener NAME.tls_client_ca    e2e/test_tls.py::test_curl_with_a_certificate
listener NAME.proxy_protocol   e2e/test_proxy_protocol.py::test_connect_behind_a_header
dns.servers                    e2e/test_resolution.py::test_configured_server_replaces_resolv_conf
dns.timeout                    e2e/test_keys.py::test_expired_answers_serve_when_all_servers_fail
dns.attempts                   e2e/test_keys.py::test_questions_are_asked_as_often_as_configured
dns.min_ttl                    e2e/test_resolution.py::test_name_that_turns_private_is_cut_off
dns.max_ttl                    e2e/test_keys.py::test_answers_are_kept_no_longer_than_max_ttl
dns.negative_ttl               e2e/test_keys.py::test_failures_are_remembered_for_negative_ttl
dns.serve_stale                e2e/test_keys.py::test_expired_answers_serve_when_all_servers_fail
dns.prefetch                   e2e/test_keys.py::test_names_in_use_are_asked_again_before_they_expire
upstream.connect_timeout       e2e/test_connecting.py::test_silence
upstream.attempt_delay         e2e/test_keys.py::test_attempt_delay_is_waited_for
upstream.family                e2e/test_connecting.py::test_configured_family_alone_is_used
upstream.allow_addresses       e2e/test_resolution.py::test_exempted_private_prefix_is_dialled
upstream.deny_addresses        e2e/test_resolution.py::test_denied_public_address_is_not_dialled
upstream.parent                e2e/test_parent.py::test_every_endpoint_through_it
upstream.parent_password_file  e2e/test_parent.py::test_credentials
upstream.parent_ca_file        e2e/test_parent_tls.py::test_the_system_does_not_know_the_authority
upstream.warm                  e2e/test_warm.py::test_second_request_is_served_by_a_spare
tunnel.sni                     e2e/test_hello.py::test_off_takes_anything_also_a_server_that_speaks_first
tunnel.hello_timeout           e2e/test_hello.py::test_that_never_ends_times_out
tunnel.idle_timeout            e2e/test_timeouts.py::test_idle_tunnel_is_closed_on_both_sides
tunnel.half_close_timeout      e2e/test_timeouts.py::test_half_closed_tunnel_ends
limits.tunnels                 e2e/test_limits.py::test_tunnels_of_the_process
limits.tunnels_per_client      e2e/test_limits.py::test_tunnels_of_one_client
limits.connects_per_client     e2e/test_limits.py::test_connects_of_one_client
limits.header_bytes            e2e/test_keys.py::test_heads_have_a_greatest_size
limits.header_timeout          e2e/test_timeouts.py::test_request_head_that_never_ends
log.access                     e2e/test_lifecycle.py::test_usr1_opens_the_log_anew_and_no_line_is_lost
log.format                     e2e/test_lifecycle.py::test_logfmt
log.level                      e2e/test_keys.py::test_messages_have_a_least_level
admin.address                  e2e/test_keys.py::test_admin_may_be_off
admin.names                    e2e/test_status.py::test_names_of_a_service_are_admitted_by_the_configuration
shutdown.drain                 e2e/test_lifecycle.py::test_drain_has_an_end
host NAME.addresses            e2e/test_hosts.py::test_fixed_addresses_ask_no_dns_server
host NAME.allow_addresses      e2e/test_hosts.py::test_private_endpoint_for_one_name_only
host NAME.sni                  e2e/test_hosts.py::test_server_names_of_one_host
host NAME.idle_timeout         e2e/test_hosts.py::test_idle_time_of_one_host
"""


def rows():
    """Key and test of each line."""
    for line in TESTS.strip().splitlines():
        key, _, test = line.rpartition(" ")
        yield key.strip(), test


def main(root, program):
    printed = subprocess.run(
        [program], check=True, capture_output=True, text=True
    ).stdout
    keys = [line.split("\t")[0] for line in printed.splitlines()]
    table = dict(rows())
    faults = [
        f"tests/lint/key_tests.py: {key}: no test shows that it does anything"
        for key in keys
        if key not in table
    ]
    faults += [
        f"tests/lint/key_tests.py: {key}: is no key"
        for key in table
        if key not in keys
    ]
    for key, test in table.items():
        path, _, name = test.partition("::")
        try:
            text = tree.read(root, f"tests/{path}")
        except OSError:
            text = ""
        if not re.search(rf"^(def )?{name}\(", text, re.M):
            faults.append(f"tests/lint/key_tests.py: {key}: {test} is not there")
    tree.finish("key_tests", faults)


if __name__ == "__main__":
    main(*sys.argv[1:])
