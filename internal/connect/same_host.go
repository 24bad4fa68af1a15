package connect

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/db"
)

// lookupLimit is how long the names of servers are looked up, all of them together.
const lookupLimit = 2 * time.Second

// machine is what the comparison of two servers needs to know about the machine.
type machine struct {
	names     []string // its own, in lower case
	addresses []netip.Addr
	lookup    func(ctx context.Context, name string) ([]netip.Addr, error)
	resolve   func(path string) (string, error) // follows the symbolic links of a path
}

func thisMachine() machine {
	m := machine{
		lookup: func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		},
		resolve: filepath.EvalSymlinks,
	}
	if name, err := os.Hostname(); err == nil {
		m.names = []string{strings.ToLower(name)}
	}
	networks, _ := net.InterfaceAddrs() // without them a name for one of them counts as another server: that is safe
	for _, n := range networks {
		if prefix, err := netip.ParsePrefix(n.String()); err == nil {
			m.addresses = append(m.addresses, prefix.Addr().Unmap())
		}
	}
	return m
}

// defaultPort is PostgreSQL's.
const defaultPort = 5432

func portOf(a db.Address) int {
	if a.Port == 0 {
		return defaultPort
	}
	return a.Port
}

// same reports whether two settings certainly lead to the same database. In doubt they don't.
func (m machine) same(ctx context.Context, a, b db.Address) bool {
	return a.Database == b.Database && portOf(a) == portOf(b) && m.sameHost(ctx, a.Host, b.Host)
}

// here stands for this machine, whether it is reached by a socket in the usual directory, by its name or by an address.
const here = "here"

func (m machine) sameHost(ctx context.Context, a, b string) bool {
	a, b = m.canonical(a), m.canonical(b)
	if a == b {
		return true
	}
	if isSocket(a) || isSocket(b) {
		return false
	}
	return sameAddresses(m.reach(ctx, a), m.reach(ctx, b))
}

// sameAddresses reports whether two lists have a family of addresses in common, and the same addresses in each family
// that they have in common. One that is in one list only may be another server.
func sameAddresses(a, b []string) bool {
	common := false
	for _, isV6 := range []bool{false, true} {
		ofA, ofB := family(a, isV6), family(b, isV6)
		if len(ofA) == 0 || len(ofB) == 0 {
			continue
		}
		if !slices.Equal(ofA, ofB) {
			return false
		}
		common = true
	}
	return common
}

func family(all []string, isV6 bool) []string {
	var those []string
	for _, address := range all {
		if address == here || strings.Contains(address, ":") == isV6 {
			those = append(those, address)
		}
	}
	slices.Sort(those)
	return slices.Compact(those)
}

// usualSockets are the directories in which PostgreSQL makes its socket if nothing else is set.
var usualSockets = []string{"/var/run/postgresql", "/run/postgresql", "/tmp", "/private/tmp"}

// canonical returns one form for all forms of a host that mean the same without a lookup.
func (m machine) canonical(host string) string {
	if isSocket(host) {
		if path, err := m.resolve(host); err == nil {
			host = path
		}
		host = filepath.Clean(host)
		if slices.Contains(usualSockets, host) {
			return here
		}
		return host
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || host == "localhost" || slices.Contains(m.names, host) {
		return here
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return m.canonicalIP(ip)
	}
	return host
}

// isSocket reports whether a host is the directory of a socket, or an abstract socket.
func isSocket(host string) bool { return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") }

func (m machine) canonicalIP(ip netip.Addr) string {
	ip = ip.Unmap()
	if ip.IsLoopback() || ip.IsUnspecified() || slices.Contains(m.addresses, ip) {
		return here
	}
	return ip.String()
}

// reach returns the addresses that a canonical host stands for, or none if they are not known.
func (m machine) reach(ctx context.Context, host string) []string {
	if _, err := netip.ParseAddr(host); err == nil || host == here {
		return []string{host}
	}
	found, err := m.lookup(ctx, host)
	if err != nil {
		return nil
	}
	var all []string
	for _, ip := range found {
		all = append(all, m.canonicalIP(ip))
	}
	return all
}
