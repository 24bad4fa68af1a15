package db

import (
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// Address is where the connection really leads to: not the host's name, and not what the settings leave out.
func TestAddress(t *testing.T) {
	u, err := url.Parse(dbtest.New(t, dbtest.Sample))
	if err != nil {
		t.Fatal(err)
	}
	open := func(connection string) Address {
		t.Helper()
		d, err := Open(t.Context(), Config{ConnString: connection})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		return d.Address()
	}
	name := strings.TrimPrefix(u.Path, "/")
	at := open(u.String())
	if at.Database != name || at.Port == 0 || net.ParseIP(at.Host) == nil && !strings.HasPrefix(at.Host, "/") {
		t.Errorf("%s: %+v", u, at)
	}
	if _, err := os.Stat(at.Host + "/.s.PGSQL." + strconv.Itoa(at.Port)); strings.HasPrefix(at.Host, "/") && err != nil {
		t.Errorf("%+v: %v", at, err)
	}
	if all, err := (Config{ConnString: u.String()}).Addresses(t.Context()); err != nil || !slices.Contains(all, at) {
		t.Errorf("%s may be at %+v, but is at %+v, %v", u, all, at, err)
	}
	if _, err := (Config{ConnString: "postgres://%"}).Addresses(t.Context()); errs.KindOf(err) != errs.Config {
		t.Error(err)
	}
	if host, _, err := net.SplitHostPort(u.Host); err == nil && host == "127.0.0.1" {
		u.Host = strings.Replace(u.Host, "127.0.0.1", "localhost", 1)
		if got := open(u.String()); got.Port != at.Port || got.Database != name || !net.ParseIP(got.Host).IsLoopback() {
			t.Errorf("%s: %+v", u, got)
		}
	}
}
