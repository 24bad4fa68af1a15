package libpq

import (
	"cmp"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"uzerp-mfa/internal/account"
	"uzerp-mfa/internal/errs"
)

// Settings are the settings of a connection.
type Settings struct {
	Hosts    []Host // one at least, in the order in which they are tried
	Database string
	User     string
	// PassfileProblem says why the password file was not read although it is there. It is psql's warning.
	PassfileProblem string

	values  map[string]value
	urlFrom string // where a URL came from, if one is set
}

type value struct{ text, source string }

// Host is one server that may be asked.
type Host struct {
	Name        string // a name, an address, or the directory of a socket; "" if only Addr is set
	NameFrom    string
	Addr        string // the address to use in place of a look-up of Name
	AddrFrom    string
	Port        int
	PortFrom    string
	Password    string
	defaultHost bool
}

// Dialed returns what is connected to: an address, a name, or the directory of a socket.
func (h Host) Dialed() string { return cmp.Or(h.Addr, h.Name) }

// From returns where Dialed came from.
func (h Host) From() string { return cmp.Or(h.AddrFrom, h.NameFrom) }

// Socket reports whether the connection is to a socket of this machine.
func (h Host) Socket() bool { return h.Addr == "" && strings.HasPrefix(h.Name, "/") }

// Get returns the value of a parameter, or "" if it is not set.
func (s *Settings) Get(name string) string { return s.values[name].text }

// From returns where the value of a parameter came from: "DATABASE_URL", "PGHOST", "line 3 of /etc/pg_service.conf".
func (s *Settings) From(name string) string { return cmp.Or(s.values[name].source, byDefault) }

// HostFrom says where the hosts and ports came from: "from DATABASE_URL", "host from PGHOST, port by default".
func (s *Settings) HostFrom() string {
	var hosts, ports []string
	for _, h := range s.Hosts {
		hosts, ports = addNew(hosts, h.From()), addNew(ports, h.PortFrom)
	}
	host, port := strings.Join(hosts, " and "), strings.Join(ports, " and ")
	switch {
	case host == port && host == byDefault:
		return "host and port by default"
	case host == port:
		return "from " + host
	}
	return "host " + origin(host) + ", port " + origin(port)
}

func origin(source string) string {
	if source == byDefault {
		return "by default"
	}
	return "from " + source
}

func addNew(all []string, source string) []string {
	if slices.Contains(all, source) {
		return all
	}
	return append(all, source)
}

// PasswordFrom returns where the password came from, or "" if there is none.
func (s *Settings) PasswordFrom() string {
	switch {
	case s.Get("password") != "":
		return s.From("password")
	case len(s.Hosts) > 0 && s.Hosts[0].Password != "":
		return cmp.Or(s.Get("passfile"), inHome(".pgpass"))
	}
	return ""
}

// ChosenFrom returns where the parameters came from that only the server knows.
func (s *Settings) ChosenFrom() []string {
	var all []string
	for _, p := range parameters {
		if v, set := s.values[p.Name]; set && (p.Use == Own || p.Name == "options" || p.Name == "application_name") {
			all = addNew(all, v.source)
		}
	}
	return all
}

// Own returns the server's settings that the user chose in the place of libpq's parameters.
func (s *Settings) Own() map[string]string {
	all := make(map[string]string)
	for _, p := range parameters {
		if v, set := s.values[p.Name]; set && p.Use == Own {
			all[p.Name] = v.text
		}
	}
	return all
}

const byDefault = "the default"

// defaultPort is libpq's.
const defaultPort = 5432

// Read finds the settings. conn is a URL or keyword=value string, and source is where it came from; sources says it for
// single parameters, where it is known better. It fails with errs.Config and connects to nothing.
func Read(conn, source string, sources map[string]string) (*Settings, error) {
	s := &Settings{values: make(map[string]value)}
	if conn != "" {
		pairs, err := parse(conn)
		if err != nil {
			return nil, broken(source, err)
		}
		if strings.Contains(conn, "://") {
			s.urlFrom = source
		}
		shy := secretive(conn)
		for _, p := range pairs { // the last one of a name wins
			if err := s.set(p, cmp.Or(sources[p.name], source), shy, true); err != nil {
				return nil, err
			}
		}
	}
	if err := s.readService(); err != nil {
		return nil, err
	}
	s.readVariables()
	if err := s.readDefaults(account.ByUID); err != nil {
		return nil, err
	}
	if err := s.refuse(); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, s.findHosts()
}

// pair is a parameter as it is written.
type pair struct{ name, text string }

// problem says what is wrong with a connection string. It quotes nothing from it.
type problem struct{ text, hint string }

func (p problem) Error() string { return p.text }

func broken(source string, err error) error {
	p, _ := errors.AsType[problem](err)
	return errs.New(errs.Config, "the database URL from "+source+" can't be understood: "+err.Error(), cmp.Or(p.hint, howToWrite))
}

const howToWrite = "write it as postgres://USER@HOST:PORT/DATABASE, with %XX for special characters in a part, or as host=… dbname=… user=…"

// set takes a parameter from source. shy means that its name may be a part of a password. The first source wins;
// within one, over says whether the last value does.
func (s *Settings) set(p pair, source string, shy, over bool) error {
	name := p.name
	switch {
	case name == "requiressl": // libpq keeps it for old programs
		name, p.text = "sslmode", map[bool]string{true: "require", false: "prefer"}[strings.HasPrefix(p.text, "1")]
	case name == "ssl" && p.text == "true": // libpq takes it for JDBC
		name, p.text = "sslmode", "require"
	}
	known, ok := known(name)
	if !ok {
		if f, found := foreignParameter(name); found {
			return errs.New(errs.Config, "libpq knows no parameter "+strconv.Quote(name)+", which is in "+source+": it is of "+f.whose, f.advice)
		}
		if shy || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
			return errs.New(errs.Config, "libpq does not know a parameter in "+source+" (not shown: it may be a part of a password)",
				"in a URL write %40 for @, %2F for /, %3F for ? and %25 for % in a user name or password; in keyword=value write '…' around a value with blanks")
		}
		return errs.New(errs.Config, "libpq knows no parameter "+strconv.Quote(name)+", which is in "+source,
			"leave it out; a setting of the server's is written as options=-c NAME=VALUE (in a URL: options=-c%20NAME%3DVALUE)")
	}
	if _, set := s.values[known.Name]; !set || over {
		s.values[known.Name] = value{p.text, source}
	}
	return nil
}

func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
}

func (s *Settings) readVariables() {
	for _, p := range parameters {
		text := os.Getenv(p.Variable)
		switch _, set := s.values[p.Name]; {
		case p.Variable == "" || text == "" || set:
		case p.Name == "":
			s.values[p.Variable] = value{text, p.Variable}
		case p.Name == "requiressl":
			if _, set := s.values["sslmode"]; !set && strings.HasPrefix(text, "1") {
				s.values["sslmode"] = value{"require", p.Variable}
			}
		default:
			s.values[p.Name] = value{text, p.Variable}
		}
	}
}

// readDefaults sets what is not set. look looks up who this process is.
func (s *Settings) readDefaults(look func(uid int) (account.User, error)) error {
	if _, set := s.values["sslmode"]; !set {
		mode := "prefer"
		if s.Get("sslrootcert") == "system" {
			mode = "verify-full"
		}
		s.values["sslmode"] = value{mode, byDefault}
	}
	if s.Get("user") == "" {
		me, err := look(os.Geteuid())
		if err != nil {
			return errs.New(errs.Config, "no role of the database is set, and this process's user, "+account.Unnamed(os.Geteuid())+", has no known name that could be "+
				"the role's: "+err.Error(), "name the role with PGUSER, or as the user in DATABASE_URL")
		}
		s.values["user"] = value{me.Name, "the name of the operating system's user"}
	}
	s.User, s.Database = s.Get("user"), s.Get("dbname")
	if s.Database == "" {
		s.Database = s.User
		s.values["dbname"] = value{s.User, "the name of the user"}
	}
	return nil
}

// refuse fails if a parameter is set that this program can't obey.
func (s *Settings) refuse() error {
	for _, p := range parameters {
		v, set := s.values[p.Name]
		if p.Use != Refused || !set || v.text == "" || slices.Contains(p.Harmless, v.text) {
			continue
		}
		hint := "leave it out"
		if len(p.Harmless) > 0 {
			hint += ", or set it to " + p.Harmless[0]
		}
		return errs.New(errs.Config, p.Name+" (from "+v.source+") is refused: "+p.Reason, hint)
	}
	return nil
}

// choices are the values that a parameter may have.
var choices = map[string][]string{
	"sslmode":                  {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
	"sslnegotiation":           {"postgres", "direct"},
	"sslcertmode":              {"disable", "allow", "require"},
	"sslsni":                   {"0", "1"},
	"channel_binding":          {"disable", "prefer", "require"},
	"gssencmode":               {"disable", "prefer", "require"},
	"target_session_attrs":     {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
	"load_balance_hosts":       {"disable", "random"},
	"min_protocol_version":     {"3.0", "3.2", "latest"},
	"max_protocol_version":     {"3.0", "3.2", "latest"},
	"ssl_min_protocol_version": {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"},
	"ssl_max_protocol_version": {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"},
}

// mayBeEmpty are those of them that libpq takes without a value.
var mayBeEmpty = []string{"sslsni", "ssl_min_protocol_version", "ssl_max_protocol_version"}

// logins are the methods that require_auth may name.
var logins = []string{"password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"}

func (s *Settings) check() error {
	for _, p := range parameters {
		v, set := s.values[p.Name]
		allowed := choices[p.Name]
		switch {
		case !set || allowed == nil || slices.Contains(allowed, v.text):
		case v.text == "" && slices.Contains(mayBeEmpty, p.Name):
		case v.text == "":
			return errs.New(errs.Config, p.Name+" (from "+v.source+") has no value", "its values are "+strings.Join(allowed, ", ")+"; or leave it out")
		default:
			return errs.New(errs.Config, p.Name+" (from "+v.source+") has a value that libpq does not know (not shown)",
				"its values are "+strings.Join(allowed, ", "))
		}
	}
	wrong := func(name, text, hint string) error {
		return errs.New(errs.Config, name+" (from "+s.From(name)+") "+text, hint)
	}
	if t, set := s.values["connect_timeout"]; set {
		if _, err := strconv.ParseInt(strings.TrimSpace(t.text), 10, 32); err != nil {
			return wrong("connect_timeout", "is not a whole number of seconds (not shown)", "write the seconds alone, such as 10")
		}
	}
	negated, bare, seen := 0, 0, make(map[string]bool)
	for method := range strings.SplitSeq(s.Get("require_auth"), ",") {
		name, not := strings.CutPrefix(method, "!")
		switch {
		case s.Get("require_auth") == "":
		case !slices.Contains(logins, name):
			return wrong("require_auth", "names a login that libpq does not know (not shown)", "it knows "+strings.Join(logins, ", "))
		case seen[name]:
			return wrong("require_auth", "names a login twice", "name each once")
		case not:
			negated++
		default:
			bare++
		}
		seen[name] = true
	}
	if negated > 0 && bare > 0 {
		return wrong("require_auth", "has logins with ! and without", "name those that are accepted, or with ! those that are not")
	}
	lowest, highest := choices["ssl_min_protocol_version"], slices.Index(choices["ssl_max_protocol_version"], s.Get("ssl_max_protocol_version"))
	if highest >= 0 && slices.Index(lowest, cmp.Or(s.Get("ssl_min_protocol_version"), "TLSv1.2")) > highest {
		return wrong("ssl_max_protocol_version", "is below ssl_min_protocol_version", "without that setting, TLSv1.2 is the lowest")
	}
	order := choices["min_protocol_version"]
	if highest := slices.Index(order, s.Get("max_protocol_version")); highest >= 0 && slices.Index(order, s.Get("min_protocol_version")) > highest {
		return wrong("max_protocol_version", "is below min_protocol_version", "leave one of them out")
	}
	weak := slices.Index(choices["sslmode"], s.Get("sslmode")) < slices.Index(choices["sslmode"], "require")
	if s.Get("sslnegotiation") == "direct" && weak {
		return wrong("sslnegotiation", "needs sslmode=require, verify-ca or verify-full", "set sslmode too, or leave sslnegotiation out")
	}
	if s.Get("sslrootcert") == "system" && s.Get("sslmode") != "verify-full" {
		return wrong("sslmode", "is too weak for sslrootcert=system", "set sslmode=verify-full, or leave it out")
	}
	return nil
}

// findHosts makes the list of hosts from the lists of names, addresses and ports.
func (s *Settings) findHosts() error {
	list := func(name string) []string {
		if s.Get(name) == "" {
			return nil
		}
		return strings.Split(s.Get(name), ",")
	}
	names, addrs, ports := list("host"), list("hostaddr"), list("port")
	n := max(1, len(names), len(addrs))
	if len(names) > 0 && len(addrs) > 0 && len(names) != len(addrs) {
		return errs.New(errs.Config, "host (from "+s.From("host")+") and hostaddr (from "+s.From("hostaddr")+") name different numbers of servers",
			"give each host one address, with commas between them")
	}
	if len(ports) > 1 && len(ports) != n {
		return errs.New(errs.Config, "port (from "+s.From("port")+") names another number of ports than there are hosts (from "+s.From("host")+")",
			"give one port for all hosts, or one for each")
	}
	for i := range n {
		h := Host{Port: defaultPort, PortFrom: byDefault}
		if i < len(names) && names[i] != "" {
			h.Name, h.NameFrom = names[i], s.From("host")
		}
		if i < len(addrs) && addrs[i] != "" {
			if _, err := netip.ParseAddr(addrs[i]); err != nil {
				return errs.New(errs.Config, "hostaddr (from "+s.From("hostaddr")+") is no numeric address (not shown)", "write a name as host")
			}
			h.Addr, h.AddrFrom = addrs[i], s.From("hostaddr")
		}
		if h.Name == "" && h.Addr == "" {
			h.Name, h.NameFrom, h.defaultHost = socketDirectory(), byDefault, true
		}
		if strings.HasPrefix(h.Name, "@") && h.Addr == "" {
			return errs.New(errs.Config, "host (from "+s.From("host")+") begins with @: this program knows no abstract sockets",
				"name the directory of the socket; if it is a part of the password, write %40 for its @")
		}
		port := ""
		if len(ports) == 1 {
			port = ports[0]
		} else if i < len(ports) {
			port = ports[i]
		}
		if port != "" {
			number, err := strconv.Atoi(strings.TrimSpace(port))
			if err != nil || number < 1 || number > 65535 {
				return errs.New(errs.Config, "port (from "+s.From("port")+") is not a number between 1 and 65535 (not shown"+s.cause("port", port)+")",
					s.portHint())
			}
			h.Port, h.PortFrom = number, s.From("port")
		}
		s.Hosts = append(s.Hosts, h)
	}
	return s.findPasswords()
}

// portHint says what to do about a port that is none. Only in a URL can a part of the password stand there.
func (s *Settings) portHint() string {
	if s.urlFrom == "" || s.From("port") != s.urlFrom {
		return "write the number alone, such as 5432"
	}
	return "if a part of the password stands there, write %40 for @, %2F for /, %3A for :, %3F for ? and %25 for % in it"
}

// cause says what kind of character makes a value none of its kind.
func (s *Settings) cause(name, text string) string {
	if kind := Odd(text); kind != "" && s.values[name].source != "" {
		return ": it has " + kind
	}
	return ""
}

// Odd returns what kind of character is in a name that plain names don't have, or "". Such a name may be a part of a
// password that was not escaped. Letters of other languages are told only if there is nothing else.
func Odd(name string) string {
	foreign := ""
	for _, r := range name {
		switch {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			return "a blank"
		case r > 127:
			foreign = "a letter or sign that is not ASCII"
		case r < ' ' || r == 127:
			return "a control character"
		case strings.ContainsRune("@#%?&=+,;!$'\"\\*()<>|{}^`~", r):
			return "a " + string(r)
		}
	}
	return foreign
}

// socketDirectory is where libpq looks for the server's socket. Which directory that is was decided when libpq was built.
func socketDirectory() string {
	for _, dir := range []string{"/var/run/postgresql", "/tmp"} {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	return "localhost"
}

// home returns the directory of the user, as libpq finds it.
func home() string {
	if dir := os.Getenv("HOME"); dir != "" {
		return dir
	}
	if me, err := account.ByUID(os.Geteuid()); err == nil {
		return me.Home
	}
	return ""
}

func inHome(parts ...string) string {
	dir := home()
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}
