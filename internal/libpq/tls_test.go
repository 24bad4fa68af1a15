package libpq_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/libpq"
)

// keyPair returns a certificate and its key.
func keyPair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	made, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// A key that others may use is not used.
func TestKeyOfOthers(t *testing.T) {
	home := bare(t)
	certificate, key := keyPair(t)
	write(t, filepath.Join(home, ".postgresql", "postgresql.crt"), certificate, 0o644)
	for mode, words := range map[os.FileMode]string{0o600: "", 0o400: "", 0o604: "(mode 0604)", 0o660: "(mode 0660)", 0o610: "(mode 0610)"} {
		path := filepath.Join(home, ".postgresql", "postgresql.key")
		if err := os.RemoveAll(path); err != nil { // the one before may not be written to
			t.Fatal(err)
		}
		write(t, path, key, mode)
		s, err := libpq.Read("host=h", "DATABASE_URL", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.TLS(s.Hosts[0], nil)
		if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%o: %v", mode, err)
		}
	}
}

// Where authorities are named, each sslmode verifies who signed the server's certificate, as libpq does.
func TestNamedAuthoritiesAreBelievedAlone(t *testing.T) {
	home := bare(t)
	certificate, _ := keyPair(t)
	roots := write(t, filepath.Join(home, "roots"), certificate, 0o644)
	for _, mode := range []string{"allow", "prefer", "require", "verify-ca", "verify-full"} {
		for more, verified := range map[string]bool{" sslrootcert=" + roots: true, "": false} {
			s, err := libpq.Read("host=h sslmode="+mode+more, "DATABASE_URL", nil)
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.TLS(s.Hosts[0], nil)
			if more == "" && strings.HasPrefix(mode, "verify") {
				if err == nil {
					t.Errorf("%s: no authority is needed", mode)
				}
				continue
			}
			if err != nil || (c.VerifyConnection != nil) != verified {
				t.Errorf("%s%s: %v", mode, more, err)
			}
		}
	}
}
