package db

import (
	"cmp"
	"context"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Address says where a connection leads to. The settings may name several servers, or one that has several addresses.
type Address struct {
	Host     string // the server's address, or the directory of its socket
	Port     int
	Database string
}

// Address returns where the last connection leads to.
func (db *DB) Address() Address {
	if at := db.pool.address.Load(); at != nil {
		return *at
	}
	return Address{}
}

func addressOf(conn *pgx.Conn) *Address {
	config := conn.Config()
	at := &Address{Database: config.Database}
	if at.Database == "" {
		at.Database = config.User // as the server does
	}
	switch remote := conn.PgConn().Conn().RemoteAddr().(type) {
	case *net.TCPAddr:
		at.Host, at.Port = remote.IP.String(), remote.Port
		if remote.Zone != "" {
			at.Host += "%" + remote.Zone
		}
	case *net.UnixAddr:
		at.Host = realPath(filepath.Dir(remote.Name))
		_, port, _ := strings.Cut(filepath.Base(remote.Name), "PGSQL.")
		at.Port, _ = strconv.Atoi(port)
	}
	return at
}

func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

// Addresses returns where connections with these settings can lead to, without making one. It asks the resolver for a
// host's addresses, and fails as that does, or as Open does for wrong settings.
func (c Config) Addresses(ctx context.Context) ([]Address, error) {
	s, err := c.parse()
	if err != nil {
		return nil, err
	}
	config := s.pool.ConnConfig
	var all []Address
	add := func(host string, port uint16) error {
		hosts := []string{host}
		if strings.HasPrefix(host, "/") {
			hosts[0] = realPath(host)
		} else if net.ParseIP(host) == nil {
			if hosts, err = config.LookupFunc(ctx, host); err != nil {
				return err
			}
		}
		for _, h := range hosts {
			if ip := net.ParseIP(h); ip != nil {
				h = ip.String()
			}
			all = append(all, Address{Host: h, Port: int(port), Database: cmp.Or(config.Database, config.User)})
		}
		return nil
	}
	if err := add(config.Host, config.Port); err != nil {
		return nil, err
	}
	for _, fallback := range config.Fallbacks {
		if err := add(fallback.Host, fallback.Port); err != nil {
			return nil, err
		}
	}
	return all, nil
}
