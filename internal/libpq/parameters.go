package libpq

import (
	"slices"
	"strings"
)

// Use is what this program does with a parameter.
type Use string

// The uses.
const (
	Obeyed  Use = "obeyed"  // as libpq does
	Ignored Use = "ignored" // it does no harm to leave it out
	Refused Use = "refused" // it can't be obeyed, and leaving it out would do harm
	Own     Use = "own"     // libpq does not know it: a setting of the server's that this program takes in the same place
)

// Parameter is a parameter of libpq, or one of its variables.
type Parameter struct {
	Name     string // in a URL; "" if there is only a variable
	Variable string // "" if there is none
	Use      Use
	Harmless []string // values with which a refused one is ignored
	Reason   string   // why it is refused
}

const (
	noLogin  = "this program can't log in with it"
	noStream = "this program does no replication"
	noCRL    = "this program reads no lists of revoked certificates"
)

// parameters are those of PostgreSQL 9.4 to 18.
var parameters = []Parameter{
	{Name: "host", Variable: "PGHOST", Use: Obeyed},
	{Name: "hostaddr", Variable: "PGHOSTADDR", Use: Obeyed},
	{Name: "port", Variable: "PGPORT", Use: Obeyed},
	{Name: "dbname", Variable: "PGDATABASE", Use: Obeyed},
	{Name: "user", Variable: "PGUSER", Use: Obeyed},
	{Name: "password", Variable: "PGPASSWORD", Use: Obeyed},
	{Name: "passfile", Variable: "PGPASSFILE", Use: Obeyed},
	{Name: "service", Variable: "PGSERVICE", Use: Obeyed},
	{Name: "servicefile", Variable: "PGSERVICEFILE", Use: Obeyed},
	{Variable: "PGSYSCONFDIR", Use: Obeyed},
	{Name: "require_auth", Variable: "PGREQUIREAUTH", Use: Obeyed},
	{Name: "channel_binding", Variable: "PGCHANNELBINDING", Use: Obeyed},
	{Name: "connect_timeout", Variable: "PGCONNECT_TIMEOUT", Use: Obeyed},
	{Name: "options", Variable: "PGOPTIONS", Use: Obeyed},
	{Name: "application_name", Variable: "PGAPPNAME", Use: Obeyed},
	{Variable: "PGTZ", Use: Obeyed},
	{Name: "target_session_attrs", Variable: "PGTARGETSESSIONATTRS", Use: Obeyed},
	{Name: "load_balance_hosts", Variable: "PGLOADBALANCEHOSTS", Use: Obeyed},
	{Name: "min_protocol_version", Variable: "PGMINPROTOCOLVERSION", Use: Obeyed},
	{Name: "max_protocol_version", Variable: "PGMAXPROTOCOLVERSION", Use: Obeyed},
	{Name: "requirepeer", Variable: "PGREQUIREPEER", Use: Obeyed},
	{Name: "sslmode", Variable: "PGSSLMODE", Use: Obeyed},
	{Name: "requiressl", Variable: "PGREQUIRESSL", Use: Obeyed},
	{Name: "sslnegotiation", Variable: "PGSSLNEGOTIATION", Use: Obeyed},
	{Name: "sslcert", Variable: "PGSSLCERT", Use: Obeyed},
	{Name: "sslkey", Variable: "PGSSLKEY", Use: Obeyed},
	{Name: "sslpassword", Variable: "PGSSLPASSWORD", Use: Obeyed}, // the variable is pgx's
	{Name: "sslcertmode", Variable: "PGSSLCERTMODE", Use: Obeyed},
	{Name: "sslrootcert", Variable: "PGSSLROOTCERT", Use: Obeyed},
	{Name: "sslsni", Variable: "PGSSLSNI", Use: Obeyed},
	{Name: "ssl_min_protocol_version", Variable: "PGSSLMINPROTOCOLVERSION", Use: Obeyed},
	{Name: "ssl_max_protocol_version", Variable: "PGSSLMAXPROTOCOLVERSION", Use: Obeyed},

	{Name: "gssencmode", Variable: "PGGSSENCMODE", Use: Refused, Harmless: []string{"disable", "prefer"}, Reason: "this program never encrypts with GSS"},
	{Name: "replication", Use: Refused, Harmless: []string{"false", "off", "no", "0"}, Reason: noStream},
	{Name: "sslcrl", Variable: "PGSSLCRL", Use: Refused, Reason: noCRL},
	{Name: "sslcrldir", Variable: "PGSSLCRLDIR", Use: Refused, Reason: noCRL},
	{Name: "sslkeylogfile", Use: Refused, Reason: "it would write the secrets of the connection into a file"},
	{Name: "scram_client_key", Use: Refused, Reason: noLogin},
	{Name: "scram_server_key", Use: Refused, Reason: noLogin},
	{Name: "oauth_issuer", Use: Refused, Reason: noLogin},
	{Name: "oauth_client_id", Use: Refused, Reason: noLogin},
	{Name: "oauth_client_secret", Use: Refused, Reason: noLogin},
	{Name: "oauth_scope", Use: Refused, Reason: noLogin},

	{Name: "client_encoding", Variable: "PGCLIENTENCODING", Use: Ignored},
	{Name: "fallback_application_name", Use: Ignored},
	{Name: "keepalives", Use: Ignored},
	{Name: "keepalives_idle", Use: Ignored},
	{Name: "keepalives_interval", Use: Ignored},
	{Name: "keepalives_count", Use: Ignored},
	{Name: "tcp_user_timeout", Use: Ignored},
	{Name: "sslcompression", Variable: "PGSSLCOMPRESSION", Use: Ignored},
	{Name: "krbsrvname", Variable: "PGKRBSRVNAME", Use: Ignored},
	{Name: "gsslib", Variable: "PGGSSLIB", Use: Ignored},
	{Name: "gssdelegation", Variable: "PGGSSDELEGATION", Use: Ignored},
	{Name: "authtype", Variable: "PGAUTHTYPE", Use: Ignored},
	{Name: "tty", Variable: "PGTTY", Use: Ignored},
	{Variable: "PGDATESTYLE", Use: Ignored},
	{Variable: "PGGEQO", Use: Ignored},
	{Variable: "PGLOCALEDIR", Use: Ignored},
	{Variable: "PGREALM", Use: Ignored},
	{Variable: "PGOAUTHDEBUG", Use: Ignored},

	{Name: "search_path", Use: Own},
	{Name: "statement_timeout", Use: Own},
	{Name: "lock_timeout", Use: Own},
}

// Parameters returns all parameters that are known.
func Parameters() []Parameter { return slices.Clone(parameters) }

// known returns the parameter of that name. The server does not care about the case of its own settings.
func known(name string) (Parameter, bool) {
	i := slices.IndexFunc(parameters, func(p Parameter) bool {
		return p.Name != "" && (p.Name == name || p.Use == Own && p.Name == strings.ToLower(name))
	})
	if i < 0 {
		return Parameter{}, false
	}
	return parameters[i], true
}

// foreign says whose a parameter is that libpq does not know, and what to do about it.
type foreign struct{ names, whose, advice string }

const leaveOut = "leave it out"

var foreigners = []foreign{
	{"schema", "Prisma", "write search_path=SCHEMA in its place"},
	{"currentschema", "JDBC", "write search_path=SCHEMA in its place"},
	{"connection_limit pool_timeout pgbouncer sslaccept sslidentity socket_timeout statement_cache_size", "Prisma", leaveOut},
	{"serverversion server_version charset driver default_dbname server driverclass wrapperclass memory", "Doctrine", leaveOut},
	{"pool adapter encoding prepared_statements reaping_frequency checkout_timeout variables", "Rails", leaveOut},
	{"applicationname", "JDBC", "write application_name=NAME in its place"},
	{"logintimeout", "JDBC", "write connect_timeout=SECONDS in its place"},
	{"ssl", "JDBC or a Node.js driver", "write sslmode=verify-full, require or disable in its place"},
	{"sockettimeout preparethreshold binarytransfer targetservertype stringtype rewritebatchedinserts loggerlevel tcpkeepalive", "JDBC", leaveOut},
	{"uselibpqcompat", "a Node.js driver", leaveOut},
	{"prepared_statement_cache_size async_fallback conn_max_age", "a Python driver", leaveOut},
	{"pool_max_conns pool_min_conns pool_min_idle_conns pool_max_conn_lifetime pool_max_conn_lifetime_jitter pool_max_conn_idle_time " +
		"pool_health_check_period pool_ping_timeout default_query_exec_mode statement_cache_capacity description_cache_capacity", "pgx", leaveOut},
	{"username", "another program", "write user=USER in its place"},
	{"database", "another program", "write dbname=DATABASE in its place"},
}

func foreignParameter(name string) (foreign, bool) {
	i := slices.IndexFunc(foreigners, func(f foreign) bool {
		return slices.Contains(strings.Fields(f.names), strings.ToLower(name))
	})
	if i < 0 {
		return foreign{}, false
	}
	return foreigners[i], true
}
