package libpq

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"uzerp-mfa/internal/errs"
)

// TLS returns the settings of TLS for a host that is no socket. asked is called if the server asks for a client's
// certificate and there is none to send. It fails with errs.Config if a file is missing or can't be used.
func (s *Settings) TLS(h Host, asked func()) (*tls.Config, error) {
	roots, err := s.roots()
	if err != nil {
		return nil, err
	}
	versions := map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: versions[s.Get("ssl_max_protocol_version")],
		// VerifyConnection verifies what sslmode says: crypto/tls alone always wants all or nothing.
		InsecureSkipVerify: true, //nolint:gosec // see above
	}
	if lowest := s.Get("ssl_min_protocol_version"); lowest != "" {
		c.MinVersion = versions[lowest]
	}
	if s.Get("sslnegotiation") == "direct" {
		c.NextProtos = []string{"postgresql"}
	}
	if s.Get("sslsni") != "0" && net.ParseIP(h.Name) == nil && !strings.HasPrefix(h.Name, "/") {
		c.ServerName = h.Name
	}
	name := ""
	if s.Get("sslmode") == "verify-full" {
		if name = h.Name; name == "" {
			return nil, errs.New(errs.Config, "sslmode=verify-full (from "+s.From("sslmode")+") needs the host's name beside hostaddr (from "+h.AddrFrom+")",
				"set host as well; hostaddr then only says where it is")
		}
	}
	if roots != nil {
		c.VerifyConnection = func(state tls.ConnectionState) error { return verify(state, roots, name) }
	}
	certificates, err := s.clientCertificate()
	if err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for i := range certificates {
			if request.SupportsCertificate(&certificates[i]) == nil {
				return &certificates[i], nil
			}
		}
		if len(certificates) > 0 {
			return &certificates[0], nil // the server says what is wrong with it
		}
		if asked != nil {
			asked()
		}
		return new(tls.Certificate), nil
	}
	return c, nil
}

func verify(state tls.ConnectionState, roots *x509.CertPool, name string) error {
	options := x509.VerifyOptions{Roots: roots, DNSName: name, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := state.PeerCertificates[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}

// file returns the path that a parameter names, or else the default one in the user's directory.
func (s *Settings) file(parameter, name string) (path, from string) {
	if path := s.Get(parameter); path != "" {
		return path, s.From(parameter)
	}
	return inHome(".postgresql", name), byDefault
}

func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// hidden reports whether a default file is not there, or in a directory that is closed to us: HOME may be another user's.
func hidden(path, from string) bool {
	_, err := os.Stat(path)
	return from == byDefault && (missing(err) || errors.Is(err, fs.ErrPermission))
}

// roots returns the authorities that are believed, or nil if none are named and sslmode needs none.
func (s *Settings) roots() (*x509.CertPool, error) {
	if s.Get("sslrootcert") == "system" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, errs.New(errs.Config, "the machine's own authorities (sslrootcert=system) can't be read", "name a file as sslrootcert")
		}
		return pool, nil
	}
	path, from := s.file("sslrootcert", "root.crt")
	wrong := func(text string) error {
		return errs.New(errs.Config, "sslrootcert (from "+from+"): "+path+" "+text, "it must have the certificate of the authority that signed the server's, as PEM")
	}
	text, err := readFile(path)
	switch needed := strings.HasPrefix(s.Get("sslmode"), "verify-"); {
	case hidden(path, from) && !needed:
		return nil, nil //nolint:nilnil // there is none
	case missing(err) || hidden(path, from):
		return nil, wrong("is not there, and so the server's certificate can't be verified")
	case err != nil:
		return nil, wrong("can't be read: " + err.Error())
	}
	if err := s.refuseRevoked(); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		if block, _ := pem.Decode(text); block != nil && block.Type == "CERTIFICATE" {
			return nil, wrong("holds no certificate with a key of a kind that is supported (" + keys + ")")
		}
		return nil, wrong("holds no certificate that can be read")
	}
	return pool, nil
}

// refuseRevoked fails if psql would find a list of revoked certificates in the user's directory.
func (s *Settings) refuseRevoked() error {
	path := inHome(".postgresql", "root.crl")
	if _, err := os.Stat(path); path == "" || err != nil {
		return nil //nolint:nilerr // it is not there
	}
	return errs.New(errs.Config, "sslcrl (from the default): "+path+" is there, and "+noCRL, "move it away, if nothing that it lists concerns this server")
}

// clientCertificate returns the certificate that the client sends, if there is one.
func (s *Settings) clientCertificate() ([]tls.Certificate, error) {
	if s.Get("sslcertmode") == "disable" {
		return nil, nil
	}
	path, from := s.file("sslcert", "postgresql.crt")
	text, err := readFile(path)
	switch {
	case hidden(path, from):
		return nil, nil
	case err != nil:
		return nil, errs.New(errs.Config, "sslcert (from "+from+"): "+path+" can't be read: "+err.Error(), nameAnother)
	}
	var certificate tls.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			certificate.Certificate = append(certificate.Certificate, block.Bytes)
		}
	}
	if len(certificate.Certificate) == 0 {
		return nil, errs.New(errs.Config, "sslcert (from "+from+"): "+path+" holds no certificate as PEM", nameAnother)
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return nil, errs.New(errs.Config, "sslcert (from "+from+"): "+path+" holds a certificate that can't be read", nameAnother)
	}
	key, keyPath, err := s.clientKey()
	if err != nil {
		return nil, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return nil, errs.New(errs.Config, "sslkey (from "+s.From("sslkey")+"): "+keyPath+" is not the key of the certificate in "+path+" (sslcert from "+from+")",
			"name the key that the certificate was made for")
	}
	certificate.Leaf, certificate.PrivateKey = leaf, key
	return []tls.Certificate{certificate}, nil
}

func (s *Settings) clientKey() (key crypto.Signer, path string, err error) {
	path, from := s.file("sslkey", "postgresql.key")
	wrong := func(text, hint string) (crypto.Signer, string, error) {
		return nil, path, errs.New(errs.Config, "sslkey (from "+from+"): "+path+" "+text, hint)
	}
	info, err := os.Stat(path)
	if missing(err) {
		return wrong("is not there, but the client's certificate is", "a certificate is of no use without its key")
	}
	if err != nil {
		return wrong("can't be read: "+pathless(err).Error(), nameAnother)
	}
	if !info.Mode().IsRegular() {
		return wrong("is not a plain file", nameAnother)
	}
	others := fs.FileMode(0o077)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == 0 {
		others = 0o037 // root may let a group read it
	}
	if mode := info.Mode().Perm(); mode&others != 0 {
		return wrong(fmt.Sprintf("may be used by others (mode %04o)", mode), "chmod 0600; or, if it belongs to root, chmod 0640")
	}
	text, err := readFile(path)
	if err != nil {
		return wrong("can't be read: "+err.Error(), nameAnother)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY":
			return wrong("is encrypted in a way that this program can't read (PKCS #8)", "openssl pkey writes it without a password; keep it at mode 0600")
		case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
			continue
		case x509.IsEncryptedPEMBlock(block): //nolint:staticcheck // libpq reads such keys
			password := s.Get("sslpassword")
			if password == "" {
				return wrong("is encrypted, and sslpassword is not set", "set sslpassword in DATABASE_URL or the service file")
			}
			plain, err := x509.DecryptPEMBlock(block, []byte(password)) //nolint:staticcheck // the same
			if err != nil {
				return wrong("can't be decrypted: sslpassword (from "+s.From("sslpassword")+") is wrong, or it is encrypted in an unknown way",
					"openssl pkey writes the key without a password; keep it at mode 0600")
			}
			block.Bytes = plain
		}
		key, ok := parseKey(block.Bytes)
		if !ok {
			return wrong("holds a key of a kind that is not supported", "these are: "+keys)
		}
		return key, path, nil
	}
	return wrong("holds no private key as PEM", nameAnother)
}

// keys are the kinds that are supported.
const keys = "RSA, ECDSA with P-256, P-384 or P-521, Ed25519"

const nameAnother = "name another file, or leave out sslcert and sslkey if the server wants no certificate of the client's"

func parseKey(der []byte) (crypto.Signer, bool) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, true
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, true
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	signer, ok := key.(crypto.Signer)
	return signer, err == nil && ok
}

// Rejected says why the server's certificate was not accepted. It returns "" if err is not about that. s.TLS made the
// connection to host.
func (s *Settings) Rejected(err error, host string) (text, hint string) {
	var failed *tls.CertificateVerificationError
	if !errors.As(err, &failed) || len(failed.UnverifiedCertificates) == 0 {
		return "", ""
	}
	leaf := failed.UnverifiedCertificates[0]
	roots, _ := s.file("sslrootcert", "root.crt")
	if roots == "system" {
		roots = "the machine's own list (sslrootcert=system)"
	}
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](failed.Err)
	wrongName, isName := errors.AsType[x509.HostnameError](failed.Err)
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](failed.Err)
	const day = "2006-01-02 15:04 MST"
	switch {
	case isInvalid && invalid.Reason == x509.Expired && time.Now().Before(invalid.Cert.NotBefore):
		return "the server's certificate is not valid before " + invalid.Cert.NotBefore.UTC().Format(day),
			"check the clock of this machine, and that of the one that made it"
	case isInvalid && invalid.Reason == x509.Expired && !invalid.Cert.Equal(leaf):
		return "the certificate of an authority above the server's expired on " + invalid.Cert.NotAfter.UTC().Format(day),
			"the server needs a new certificate, or " + roots + " does"
	case isInvalid && invalid.Reason == x509.Expired:
		return "the server's certificate expired on " + invalid.Cert.NotAfter.UTC().Format(day), "the server needs a new certificate"
	case isInvalid:
		return "the server's certificate is not one for a server, or was signed by one that may not sign", "the server needs another certificate"
	case isName && len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.EmailAddresses)+len(leaf.URIs) == 0:
		return "the server's certificate names its host only in the old way (CN), and has no subjectAltName",
			"the server needs a certificate with a subjectAltName; sslmode=verify-ca only verifies who signed it"
	case isName:
		return "the server's certificate is for " + names(wrongName.Certificate) + ", and not for host " + shownHost(host),
			"use a name that is in the certificate as host (hostaddr says where that is), or give the server a certificate for this one"
	case isUnknown && selfSigned(leaf):
		return "the server's certificate is self-signed, and not in " + roots,
			"if it is the right one, put a copy of it into a file and name that as sslrootcert"
	case isUnknown:
		return "the server's certificate was not signed by an authority in " + roots,
			"name the authority's certificate as sslrootcert; the server must send those in between"
	}
	return "the server's certificate can't be verified", "look at it with: openssl s_client -starttls postgres -connect HOST:PORT"
}

func selfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

const mostNames = 5

func names(c *x509.Certificate) string {
	var all []string
	for _, n := range c.DNSNames {
		all = append(all, shownHost(n))
	}
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no host"
	}
	if more := len(all) - mostNames; more > 0 {
		all = append(all[:mostNames], fmt.Sprintf("%d more", more))
	}
	return strings.Join(all, ", ")
}

// shownHost returns a name in quotes, or says what hides it.
func shownHost(name string) string {
	if Odd(strings.TrimPrefix(name, "*")) != "" {
		return "(not shown)"
	}
	return fmt.Sprintf("%q", name)
}
