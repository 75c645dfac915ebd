/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of keys: what the parser accepts, --dump-config prints, and the
 * manual page and the sample file are checked against. */
#include "config_table.h"
#include "core/log.h"

#define MS(n)      (uint64_t)(n)
#define SECONDS(n) (MS(1000) * (n))
#define MINUTES(n) (SECONDS(60) * (n))
#define HOURS(n)   (MINUTES(60) * (n))
#define DAYS(n)    (HOURS(24) * (n))
#define KIB(n)     (UINT64_C(1024) * (n))

#define KEY(s, n, field)                                                       \
	.section = (s), .name = (n), .offset = offsetof(struct config, field)
#define LISTENER_KEY(n, field)                                                 \
	.section = "listener", .name = (n),                                    \
	.offset = offsetof(struct config_listener, field)
#define HOST_KEY(n, field)                                                     \
	.section = "host", .name = (n),                                        \
	.offset = offsetof(struct config_host, field)

static const struct config_word families[] = {
    {"any", FAMILY_ANY},
    {"ipv4", FAMILY_IPV4},
    {"ipv6", FAMILY_IPV6},
    {NULL, 0},
};

static const struct config_word modes[] = {
    {"enforce", MODE_ENFORCE},
    {"report", MODE_REPORT},
    {NULL, 0},
};

static const struct config_word sni_modes[] = {
    {"verify", SNI_VERIFY},
    {"require-tls", SNI_REQUIRE_TLS},
    {"off", SNI_OFF},
    {NULL, 0},
};

static const struct config_word host_sni_modes[] = {
    {"tunnel.sni", SNI_AS_TUNNEL},
    {"verify", SNI_VERIFY},
    {"require-tls", SNI_REQUIRE_TLS},
    {"off", SNI_OFF},
    {NULL, 0},
};

static const struct config_word protocols[] = {
    {"connect", PROTOCOL_CONNECT},
    {"socks5", PROTOCOL_SOCKS5},
    {"sni", PROTOCOL_SNI},
    {NULL, 0},
};

static const struct config_word auth_modes[] = {
    {"none", AUTH_NONE},
    {"basic", AUTH_BASIC},
    {NULL, 0},
};

static const struct config_word log_formats[] = {
    {"json", LOG_JSON},
    {"logfmt", LOG_LOGFMT},
    {NULL, 0},
};

static const struct config_word log_levels[] = {
    {"error", LOG_ERROR},
    {"warn", LOG_WARN},
    {"info", LOG_INFO},
    {"debug", LOG_DEBUG},
    {NULL, 0},
};

const struct config_key config_table[] = {
    {KEY("gateway", "regions", gateway.regions), .type = &config_regions,
	.word = "all", .help = "regions whose endpoints are let through"},
    {KEY("gateway", "features", gateway.features), .type = &config_features,
	.word = "all", .fallback = "all",
	.help = "only the endpoints of these features; admission is always on"},
    {KEY("gateway", "allowlist_dir", gateway.allowlist_dir),
	.type = &config_path, .word = "built in", .fallback = "built in",
	.help = "read the published lists from here instead"},
    {KEY("gateway", "sets", gateway.sets), .type = &config_names,
	.word = "none", .fallback = "none",
	.help = "opt-in sets of further endpoints, such as registry-cdn"},
    {KEY("gateway", "extra", gateway.extra), .type = &config_paths,
	.word = "none", .fallback = "none",
	.help = "allowlist files of your own"},
    {KEY("gateway", "mode", gateway.mode), .type = &config_choice,
	.words = modes, .fallback = "enforce",
	.help = "report: let names and ports that are on no list through all "
		"the same, log and count them"},
    {KEY("gateway", "workers", gateway.workers), .type = &config_count,
	.min = 1, .max = CONFIG_WORKERS_MAX, .word = "auto", .fallback = "auto",
	.restart = true,
	.help = "threads; auto is one for each CPU this process may use"},
    {KEY("gateway", "user", gateway.user), .type = &config_user, .word = "none",
	.fallback = "none", .restart = true,
	.help = "become this user once the sockets are bound"},
    {KEY("gateway", "handover", gateway.handover), .type = &config_socket,
	.word = "none", .fallback = "none", .restart = true,
	.help = "socket at which the next gateway takes over without a pause"},
    {KEY("gateway", "watch_files", gateway.watch_files), .type = &config_flag,
	.fallback = "off",
	.help = "reload when the configuration, lists or credentials change"},

    {LISTENER_KEY("address", name), /* the whole listener, see the type */
	.type = &config_listen_address, .fallback = "127.0.0.1:3128",
	.help = "where clients connect to"},
    {LISTENER_KEY("protocols", protocols), .type = &config_bits,
	.words = protocols, .fallback = "connect, socks5",
	.help = "what clients may speak, told apart by the first byte; sni, "
		"alone: TLS redirected here, for port 443 of its server name"},
    {LISTENER_KEY("clients", clients), .type = &config_prefix_list,
	.fallback = "127.0.0.0/8, ::1, 10.0.0.0/8, 172.16.0.0/12, "
		    "192.168.0.0/16, 100.64.0.0/10, fc00::/7",
	.help = "sources that may use it; not for unix:"},
    {LISTENER_KEY("auth", auth), .type = &config_choice, .words = auth_modes,
	.fallback = "none",
	.help = "basic: clients need a user and a password, Basic with CONNECT "
		"and username/password with SOCKS5"},
    {LISTENER_KEY("credentials", credentials), .type = &config_path,
	.word = "none", .fallback = "none",
	.help = "htpasswd file of the users (bcrypt, yescrypt, SHA-512)"},
    {LISTENER_KEY("tls_certificate", tls_certificate), .type = &config_path,
	.word = "none", .fallback = "none",
	.help = "PEM file of the gateway's certificate and its intermediates: "
		"clients speak TLS"},
    {LISTENER_KEY("tls_key", tls_key), .type = &config_path, .word = "none",
	.fallback = "none",
	.help = "PEM file of the certificate's private key; none: it is in "
		"tls_certificate"},
    {LISTENER_KEY("tls_client_ca", tls_client_ca), .type = &config_path,
	.word = "none", .fallback = "none",
	.help = "PEM file of authorities: clients need a certificate of one, "
		"and its subject is the user in the access log"},
    {LISTENER_KEY("proxy_protocol", proxy_protocol), .type = &config_flag,
	.fallback = "off",
	.help = "on: the addresses in clients are load balancers, which must "
		"send a PROXY header (v1 or v2)"},

    {KEY("dns", "servers", dns.servers), .type = &config_servers,
	.word = "resolv.conf", .fallback = "resolv.conf", .restart = true,
	.help = "DNS servers to ask"},
    {KEY("dns", "timeout", dns.timeout_ms), .type = &config_millis,
	.min = MS(10), .max = MINUTES(1), .fallback = "2s", .restart = true,
	.help = "wait for an answer, each try"},
    {KEY("dns", "attempts", dns.attempts), .type = &config_count, .min = 1,
	.max = 10, .fallback = "3", .restart = true, .help = "tries"},
    {KEY("dns", "min_ttl", dns.min_ttl_s), .type = &config_seconds,
	.max = DAYS(1), .fallback = "5s", .restart = true,
	.help = "keep answers at least so long"},
    {KEY("dns", "max_ttl", dns.max_ttl_s), .type = &config_seconds,
	.min = SECONDS(1), .max = DAYS(7), .fallback = "1h", .restart = true,
	.help = "keep answers at most so long"},
    {KEY("dns", "negative_ttl", dns.negative_ttl_s), .type = &config_seconds,
	.max = HOURS(1), .fallback = "5s", .restart = true,
	.help = "remember a failure so long"},
    {KEY("dns", "serve_stale", dns.serve_stale_s), .type = &config_seconds,
	.max = DAYS(7), .fallback = "1h", .restart = true,
	.help =
	    "when all servers fail, use answers expired this long; 0: never"},
    {KEY("dns", "prefetch", dns.prefetch), .type = &config_flag,
	.fallback = "on", .restart = true,
	.help = "ask again for names in use before their answers expire"},

    {KEY("upstream", "connect_timeout", upstream.connect_timeout_ms),
	.type = &config_millis, .min = MS(10), .max = MINUTES(5),
	.fallback = "5s", .help = "whole dial, all addresses"},
    {KEY("upstream", "attempt_delay", upstream.attempt_delay_ms),
	.type = &config_millis,
	.min = MS(10), /* RFC 8305 section 5: both ends of the range */
	.max = SECONDS(2), .fallback = "250ms",
	.help = "try the next address too after so long (RFC 8305)"},
    {KEY("upstream", "family", upstream.family), .type = &config_choice,
	.words = families, .fallback = "any", .restart = true,
	.help = "address family to connect with"},
    {KEY("upstream", "allow_addresses", upstream.allow_addresses),
	.type = &config_prefix_list, .word = "none", .fallback = "none",
	.help = "special-purpose addresses to dial all the same (PrivateLink)"},
    {KEY("upstream", "deny_addresses", upstream.deny_addresses),
	.type = &config_prefix_list, .word = "none", .fallback = "none",
	.help = "further addresses never dialled; wins over allow_addresses"},
    {KEY("upstream", "parent", upstream.parent), .type = &config_parent_url,
	.word = "none", .fallback = "none",
	.help = "chain through this proxy, which then resolves the names"},
    {KEY("upstream", "parent_password_file", upstream.parent_password_file),
	.type = &config_path, .word = "none", .fallback = "none",
	.help = "file whose first line is the password of the parent's user"},
    {KEY("upstream", "parent_ca_file", upstream.parent_ca_file),
	.type = &config_path, .word = "system", .fallback = "system",
	.help = "PEM file of the authorities that an https:// parent's "
		"certificate may be of; system: those of the machine"},
    {KEY("upstream", "warm", upstream.warm), .type = &config_count, .max = 64,
	.word = "off", .fallback = "off", .restart = true,
	.help = "spare connections per endpoint in use, so that a CONNECT "
		"waits for no round trip; at most so many"},

    {KEY("tunnel", "sni", tunnel.sni), .type = &config_choice,
	.words = sni_modes, .fallback = "verify",
	.help = "verify: the TLS hello must name the CONNECT host; "
		"require-tls: any TLS hello; off: any bytes"},
    {KEY("tunnel", "hello_timeout", tunnel.hello_timeout_ms),
	.type = &config_millis, .min = MS(10), .max = MINUTES(5),
	.fallback = "10s", .help = "from the 200 to a whole TLS hello"},
    {KEY("tunnel", "idle_timeout", tunnel.idle_timeout_ms),
	.type = &config_millis, .min = MS(10), .max = DAYS(7), .fallback = "1h",
	.help = "end a tunnel with no byte either way for so long"},
    {KEY("tunnel", "half_close_timeout", tunnel.half_close_timeout_ms),
	.type = &config_millis, .min = MS(10), .max = DAYS(1), .fallback = "5m",
	.help = "end a tunnel so long after one side has finished"},

    {KEY("limits", "tunnels", limits.tunnels), .type = &config_count, .min = 1,
	.max = 10000000, .word = "auto", .fallback = "auto", .restart = true,
	.help = "tunnels at once, then 503; auto is from RLIMIT_NOFILE"},
    {KEY("limits", "tunnels_per_client", limits.tunnels_per_client),
	.type = &config_count, .max = 10000000, .fallback = "0",
	.restart = true,
	.help = "tunnels at once of one client address, then 429; 0: no limit"},
    {KEY("limits", "connects_per_client", limits.connects_per_client),
	.type = &config_count, .max = 1000000, .fallback = "0", .restart = true,
	.help = "requests a second of one client address, burst twice that, "
		"then 429; 0: no limit"},
    {KEY("limits", "header_bytes", limits.header_bytes), .type = &config_size,
	.min = KIB(1), .max = KIB(64), .fallback = "8k",
	.help = "size of a request head, then 431"},
    {KEY("limits", "header_timeout", limits.header_timeout_ms),
	.type = &config_millis, .min = MS(10), .max = MINUTES(5),
	.fallback = "10s",
	.help = "time for a request head to arrive, then 408"},

    {KEY("log", "access", log.access), .type = &config_log_target,
	.fallback = "stdout", .restart = true,
	.help = "where the access log goes"},
    {KEY("log", "format", log.format), .type = &config_choice,
	.words = log_formats, .fallback = "json", .restart = true,
	.help = "form of the access log's lines"},
    {KEY("log", "level", log.level), .type = &config_choice,
	.words = log_levels, .fallback = "info",
	.help = "least urgent messages to write on stderr; debug has an "
		"access log line when a tunnel opens, too"},

    {KEY("admin", "address", admin), .type = &config_admin_address,
	.word = "off", .fallback = "127.0.0.1:3129", .restart = true,
	.help = "where metrics, health and the status page are served; "
		"unprotected"},
    {KEY("admin", "names", admin.names), .type = &config_hosts, .word = "none",
	.fallback = "none",
	.help = "further names under which browsers ask for the admin address, "
		"such as a Service's; all but addresses, localhost and this "
		"machine's name are refused"},

    {KEY("shutdown", "drain", shutdown.drain_ms), .type = &config_millis,
	.max = DAYS(1), .fallback = "25s",
	.help = "time for tunnels to end after TERM; 0: none"},

    {HOST_KEY("addresses", addresses), .type = &config_address_list,
	.word = "none", .fallback = "none",
	.help = "connect to these, in this order, instead of asking DNS"},
    {HOST_KEY("allow_addresses", allow_addresses), .type = &config_prefix_list,
	.word = "none", .fallback = "none",
	.help = "special-purpose addresses to dial all the same, for this name "
		"alone"},
    {HOST_KEY("sni", sni), .type = &config_choice, .words = host_sni_modes,
	.fallback = "tunnel.sni",
	.help = "in place of tunnel.sni, for this name"},
    {HOST_KEY("idle_timeout", idle_timeout_ms), .type = &config_millis,
	.min = MS(10), .max = DAYS(7), .word = "tunnel.idle_timeout",
	.fallback = "tunnel.idle_timeout",
	.help = "in place of tunnel.idle_timeout, for this name"},
};

const size_t config_table_count =
    sizeof(config_table) / sizeof(config_table[0]);
