package db

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"uzerp-mfa/internal/libpq"
)

// Targets returns the servers that the settings lead to, and the database on each, without asking any of them: the
// settings may name several servers. It fails with errs.Config.
func (c Config) Targets() ([]Address, error) {
	s, err := c.parse()
	if err != nil {
		return nil, err
	}
	var targets []Address
	for _, h := range s.libpq.Hosts {
		targets = append(targets, Address{Host: h.Dialed(), Port: h.Port, Database: s.libpq.Database})
	}
	return targets, nil
}

// Setting is a part of where the database is, and where that part came from.
type Setting struct{ Value, Source string }

// Where says where the database is.
type Where struct{ Host, Port, Database, Role Setting }

// Where returns the parts of the settings, without asking a server. A value that may hold a part of a password is not
// shown. It fails with errs.Config.
func (c Config) Where() (Where, error) {
	s, err := libpq.Read(c.ConnString, cmp.Or(c.Source, "the settings"), c.Sources)
	if err != nil {
		return Where{}, err
	}
	var hosts, ports, hostsFrom, portsFrom []string
	add := func(all *[]string, text string) {
		if !slices.Contains(*all, text) {
			*all = append(*all, text)
		}
	}
	for _, h := range s.Hosts {
		add(&hosts, plain(h.Dialed()))
		add(&hostsFrom, h.From())
		add(&ports, strconv.Itoa(h.Port))
		add(&portsFrom, h.PortFrom)
	}
	joined := func(values, sources []string) Setting {
		return Setting{strings.Join(values, ", "), strings.Join(sources, ", ")}
	}
	return Where{
		Host: joined(hosts, hostsFrom), Port: joined(ports, portsFrom),
		Database: Setting{plain(s.Database), s.From("dbname")}, Role: Setting{plain(s.User), s.From("user")},
	}, nil
}
