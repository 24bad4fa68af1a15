package db

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/libpq"
)

// This file gives the settings that libpq.Read found to pgx. pgx's own reading of files and variables is left out: it
// ignores several of libpq's parameters.

// poolConfig returns the settings for pgx. asked is set when a server wants a client's certificate and there is none.
func poolConfig(s *libpq.Settings, asked *atomic.Bool) (*pgxpool.Config, error) {
	config, err := bareConfig(s)
	if err != nil {
		return nil, err
	}
	conn := config.ConnConfig
	conn.User, conn.Database, conn.Password = s.User, s.Database, s.Hosts[0].Password
	conn.DialFunc = new(net.Dialer).DialContext
	conn.ConnectTimeout = 0
	if seconds, err := strconv.Atoi(strings.TrimSpace(s.Get("connect_timeout"))); err == nil && seconds > 0 {
		conn.ConnectTimeout = time.Duration(seconds) * time.Second
	}
	conn.RuntimeParams = make(map[string]string)
	for parameter, name := range map[string]string{"application_name": "application_name", "options": "options", "PGTZ": "timezone"} {
		if v := s.Get(parameter); v != "" && (parameter != "PGTZ" || !strings.EqualFold(v, "default")) {
			conn.RuntimeParams[name] = v
		}
	}
	hosts := s.Hosts
	if s.Get("load_balance_hosts") == "random" {
		hosts = shuffled(hosts)
		lookup := conn.LookupFunc
		conn.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
			addresses, err := lookup(ctx, host)
			return shuffled(addresses), err
		}
	}
	var all []*pgconn.FallbackConfig
	for _, h := range hosts {
		ways, err := waysTo(h, s, asked)
		if err != nil {
			return nil, err
		}
		for _, way := range ways {
			all = append(all, &pgconn.FallbackConfig{Host: h.Dialed(), Port: uint16(h.Port), TLSConfig: way}) //nolint:gosec // libpq.Read checked the port
		}
	}
	conn.Host, conn.Port, conn.TLSConfig, conn.Fallbacks = all[0].Host, all[0].Port, all[0].TLSConfig, all[1:]
	return config, nil
}

// waysTo returns the settings for TLS with which a host is tried, in this order. nil is a connection without TLS.
func waysTo(h libpq.Host, s *libpq.Settings, asked *atomic.Bool) ([]*tls.Config, error) {
	mode := s.Get("sslmode")
	if h.Socket() || mode == "disable" {
		return []*tls.Config{nil}, nil
	}
	config, err := s.TLS(h, func() { asked.Store(true) })
	if err != nil {
		return nil, err
	}
	switch mode {
	case "allow":
		return []*tls.Config{nil, config}, nil
	case "prefer":
		return []*tls.Config{config, nil}, nil
	default:
		return []*tls.Config{config}, nil
	}
}

func shuffled[T any](all []T) []T {
	mixed := append([]T(nil), all...)
	rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	return mixed
}

// bareConfig returns what pgx makes of settings that name no server. pgx has no other way to make one, and it reads the
// variables as well: a setting of the same name here keeps it from that.
func bareConfig(s *libpq.Settings) (*pgxpool.Config, error) {
	var b strings.Builder
	add := func(name, value string) {
		fmt.Fprintf(&b, "%s='%s' ", name, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value))
	}
	certMode := "allow"
	if s.Get("sslcertmode") == "require" { // with disable there is no certificate to send
		certMode = "require"
	}
	for name, value := range map[string]string{
		"host": "/", "port": "5432", "user": "nobody", "dbname": "none", "password": "none", "passfile": "", "sslmode": "disable", "sslcert": "",
		"sslkey": "", "sslrootcert": "", "connect_timeout": "0", "target_session_attrs": cmp.Or(s.Get("target_session_attrs"), "any"),
		"sslcertmode": certMode,
	} {
		add(name, value)
	}
	for _, name := range []string{"min_protocol_version", "max_protocol_version", "channel_binding", "require_auth", "sslnegotiation"} {
		add(name, s.Get(name))
	}
	if os.Getenv("PGSERVICE") != "" { // libpq.Read has read it, and pgx wants to read one as well
		service, err := emptyService()
		if err != nil {
			return nil, &errs.Error{Kind: errs.Config, Op: "read the database's settings", Err: err,
				Hint: errs.Plain("unset PGSERVICE, and set what the service names")}
		}
		defer func() { _ = service.Close() }()
		add("service", "none")
		add("servicefile", fmt.Sprintf("/dev/fd/%d", service.Fd()))
	}
	config, err := pgxpool.ParseConfig(b.String())
	if err != nil {
		return nil, errs.New(errs.Config, "the settings of the database can't be used", "") // pgx's error could show them
	}
	return config, nil
}

// emptyService returns the reading end of a pipe with a service that has no settings. It needs no place for a file.
func emptyService() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = w.WriteString("[none]\n")
	if err = errors.Join(err, w.Close()); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// wrongPeer is the error if the server's process runs as another user than requirepeer says.
type wrongPeer struct{}

func (wrongPeer) Error() string { return "the server runs as another user" }
