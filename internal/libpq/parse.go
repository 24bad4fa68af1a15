package libpq

import (
	"strings"
)

// schemes are the beginnings of a URL that libpq knows.
var schemes = []string{"postgresql://", "postgres://"}

// parse reads a URL or keyword=value string.
func parse(conn string) ([]pair, error) {
	if strings.ContainsRune(conn, 0) {
		return nil, problem{text: "it has a NUL"}
	}
	for _, scheme := range schemes {
		if rest, ok := strings.CutPrefix(conn, scheme); ok {
			return parseURL(rest)
		}
	}
	if err := foreignURL(conn); err != nil {
		return nil, err
	}
	return parsePairs(conn)
}

// foreignURL recognises what other programs take for a database.
func foreignURL(conn string) error {
	lower := strings.ToLower(strings.TrimSpace(conn))
	scheme, _, hasScheme := strings.Cut(lower, "://")
	keyword, _, hasColon := strings.Cut(lower, ":")
	if strings.ContainsAny(scheme, "= @/?#'") {
		hasScheme = false // a keyword=value string that has a URL in it
	}
	const url = "postgres://USER:PASSWORD@HOST:PORT/DATABASE"
	switch {
	case lower != "" && strings.ContainsAny(lower[:1], `"'`):
		return problem{"it has quotes around it", "leave them out: here no shell takes them away (Docker's env files, systemd and cron pass them on)"}
	case strings.HasPrefix(lower, "psql "):
		return problem{"it is a command line of psql's", "leave out psql, and the quotes"}
	case strings.HasPrefix(lower, "database_url="):
		return problem{"it begins with DATABASE_URL=", "leave that out"}
	case strings.HasPrefix(lower, "jdbc:"):
		return problem{"it is one for JDBC", "write " + url + ", with USER and PASSWORD from the user=… and password=… of the JDBC URL"}
	case strings.HasPrefix(lower, "pgsql:") && !hasScheme:
		return problem{"it is a DSN for PHP's PDO", "leave out pgsql: and write blanks in place of the semicolons: host=… port=… dbname=… user=…"}
	case hasScheme && (scheme == "postgres" || scheme == "postgresql"):
		return problem{"it must begin with postgres:// in small letters, with no blank before it", ""}
	case hasScheme && (strings.HasPrefix(scheme, "postgres+") || strings.HasPrefix(scheme, "postgresql+")):
		return problem{"between postgres and :// it names a Python driver", "write postgres:// in place of all up to ://"}
	case hasScheme && (strings.Contains(scheme, "pgsql") || scheme == "psql" || scheme == "pg" || scheme == "postgis"):
		return problem{"it begins with the name of another program's driver", "write postgres:// in place of all up to ://"}
	case hasScheme && (strings.Contains(scheme, "mysql") || strings.Contains(scheme, "maria")), keyword == "mysql" && hasColon:
		return problem{"it is for MySQL, and uzERP's database is PostgreSQL", "write " + url}
	case keyword == "sqlite" && hasColon, hasScheme && (strings.Contains(scheme, "sqlite") || strings.Contains(scheme, "sqlserver") ||
		strings.Contains(scheme, "mssql") || strings.Contains(scheme, "oracle")):
		return problem{"it is for another kind of database, and uzERP's is PostgreSQL", "write " + url}
	case hasScheme:
		return problem{"it does not begin with postgres://", "write " + url}
	case strings.HasPrefix(lower, "//"):
		return problem{"it does not begin with postgres://", "write " + url}
	case semicolons(lower):
		return problem{"it has semicolons between its parts, as .NET and PDO write them", "write blanks in their place: host=… port=… dbname=… user=…"}
	}
	return nil
}

// semicolons reports whether conn looks like host=x;database=y.
func semicolons(conn string) bool {
	before, after, ok := strings.Cut(conn, ";")
	key, _, assigned := strings.Cut(before, "=")
	return ok && assigned && strings.Contains(after, "=") && !strings.ContainsAny(before, " '") && strings.TrimSpace(key) != "password"
}

// secretive reports whether a name in conn may be a part of a password that was not escaped.
func secretive(conn string) bool {
	for _, scheme := range schemes {
		if rest, ok := strings.CutPrefix(conn, scheme); ok {
			_, path, _ := strings.Cut(rest, "/")
			_, parameters, _ := strings.Cut(rest, "?")
			return strings.Contains(path, "@") || strings.Contains(parameters, "@")
		}
	}
	return strings.Contains(strings.ToLower(conn), "password")
}

// escapes is what to write for what a URL can't hold in a part.
const escapes = "in a user name, password, host or database write %20 for a blank, %23 for #, %25 for %, %2F for /, %3A for :, %3F for ?, %40 for @, " +
	"%5B for [ and %5D for ]"

// parseURL reads a URL after its scheme, as libpq does.
func parseURL(s string) ([]pair, error) {
	var pairs []pair
	var failed error
	add := func(name, text string) {
		decoded, err := unescape(text)
		if err != nil && failed == nil {
			failed = err
		}
		if text != "" {
			pairs = append(pairs, pair{name, decoded})
		}
	}
	if end := strings.IndexAny(s, "@/"); end >= 0 && s[end] == '@' {
		user, password, _ := strings.Cut(s[:end], ":")
		add("user", user)
		add("password", password)
		s = s[end+1:]
	}
	hosts, ports, s, err := parseHosts(s)
	if err != nil {
		return nil, err
	}
	add("host", strings.Join(hosts, ","))
	add("port", strings.Join(ports, ","))
	if strings.HasPrefix(s, "/") {
		end := endOf(s, "?")
		add("dbname", s[1:end])
		s = s[end:]
	}
	if failed != nil {
		return nil, failed
	}
	parameters, err := parseParameters(strings.TrimPrefix(s, "?"))
	return append(pairs, parameters...), err
}

// parseHosts reads HOST:PORT,HOST:PORT… and returns what comes after it. A part that is not there is "".
func parseHosts(s string) (hosts, ports []string, rest string, err error) {
	for more := true; more; s, more = strings.CutPrefix(s, ",") {
		var host, port string
		if strings.HasPrefix(s, "[") {
			end := strings.IndexByte(s, ']')
			if end < 0 {
				return nil, nil, "", problem{"a [ has no ]", escapes}
			}
			if end == 1 {
				return nil, nil, "", problem{"there is no address between [ and ]", escapes}
			}
			host, s = s[1:end], s[end+1:]
			if s != "" && !strings.ContainsRune(":/?,", rune(s[0])) {
				return nil, nil, "", problem{"after ] stands neither a : nor a /", escapes}
			}
		} else {
			end := endOf(s, ":/?,")
			host, s = s[:end], s[end:]
		}
		if strings.HasPrefix(s, ":") {
			end := endOf(s, "/?,")
			port, s = s[1:end], s[end:]
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	return hosts, ports, s, nil
}

// parseParameters reads what comes after the ? of a URL.
func parseParameters(s string) (pairs []pair, err error) {
	for s != "" {
		var parameter string
		parameter, s, _ = strings.Cut(s, "&") // libpq takes one & at the end
		name, text, ok := strings.Cut(parameter, "=")
		switch {
		case !ok:
			return nil, problem{"after the ? stands a parameter without =", escapes}
		case strings.Contains(text, "="):
			return nil, problem{"after the ? stands a parameter with two =", "write %3D for a = in a value"}
		}
		key, err := unescape(name)
		if err != nil {
			return nil, err
		}
		decoded, err := unescape(text)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{key, decoded})
	}
	return pairs, nil
}

// endOf returns where the first of the characters is in s, or else its end.
func endOf(s, characters string) int {
	if i := strings.IndexAny(s, characters); i >= 0 {
		return i
	}
	return len(s)
}

// unescape replaces each %XX. PostgreSQL 18 refuses blanks in a URL, and older ones take them as they are.
func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r':
			return "", problem{"it has a blank", escapes}
		case s[i] != '%':
			b.WriteByte(s[i])
		case i+2 >= len(s) || digit(s[i+1]) < 0 || digit(s[i+2]) < 0:
			return "", problem{"it has a % that is not followed by two hex digits", escapes}
		case s[i+1:i+3] == "00":
			return "", problem{"it has a %00", escapes}
		default:
			b.WriteByte(byte(digit(s[i+1])<<4 | digit(s[i+2])))
			i += 2
		}
	}
	return b.String(), nil
}

func digit(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }

// blanks are what libpq takes for white space.
const blanks = " \t\n\v\f\r"

// parsePairs reads keyword=value pairs, as libpq does.
func parsePairs(s string) ([]pair, error) {
	const hint = "write it as postgres://USER@HOST:PORT/DATABASE, or as host=… dbname=… user=…, with '…' around a value that has blanks"
	var pairs []pair
	for s = strings.TrimLeft(s, blanks); s != ""; s = strings.TrimLeft(s, blanks) {
		end := endOf(s, "="+blanks)
		name := s[:end]
		s = strings.TrimLeft(s[end:], blanks)
		if !strings.HasPrefix(s, "=") {
			return nil, problem{"after a keyword there is no =", hint}
		}
		s = strings.TrimLeft(s[1:], blanks)
		quoted := strings.HasPrefix(s, "'")
		if quoted {
			s = s[1:]
		}
		var b strings.Builder
		i := 0
		for ; i < len(s); i++ {
			if quoted && s[i] == '\'' || !quoted && strings.IndexByte(blanks, s[i]) >= 0 {
				break
			}
			if s[i] == '\\' {
				if i++; i == len(s) {
					break
				}
			}
			b.WriteByte(s[i])
		}
		if quoted && i >= len(s) {
			return nil, problem{"a ' has no second one", hint}
		}
		if quoted {
			i++
		}
		s = s[min(i, len(s)):]
		pairs = append(pairs, pair{name, b.String()})
	}
	return pairs, nil
}
