package twilio

import (
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"time"
)

// amazonRoots are the certificates that Twilio's will be made with (§10): Amazon Root CA 1 to 4.
//
//go:embed amazon-roots.pem
var amazonRoots []byte

// MissingRoots returns the names of Amazon's roots that this machine does not trust. SSL_CERT_FILE and SSL_CERT_DIR count instead
// of its own list where they are set.
func MissingRoots() ([]string, error) {
	trusted, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	return missingFrom(trusted)
}

// MissingRootsIn is MissingRoots for a file of trusted certificates with this content.
func MissingRootsIn(file []byte) ([]string, error) {
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(file)
	return missingFrom(trusted)
}

func missingFrom(trusted *x509.CertPool) ([]string, error) {
	var missing []string
	for rest := amazonRoots; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return missing, nil
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		within := root.NotBefore.Add(24 * time.Hour) // this is not about the clock
		_, err = root.Verify(x509.VerifyOptions{Roots: trusted, CurrentTime: within, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err != nil {
			missing = append(missing, root.Subject.CommonName)
		}
	}
}
