package db

import (
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
		at.Host = filepath.Dir(remote.Name)
		_, port, _ := strings.Cut(filepath.Base(remote.Name), "PGSQL.")
		at.Port, _ = strconv.Atoi(port)
	}
	return at
}
