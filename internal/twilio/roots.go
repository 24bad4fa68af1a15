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

// MissingRoots returns the names of Amazon's roots that are not trusted. file is the content of a file of trusted certificates, or
// nil: then the machine's own count, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
func MissingRoots(file []byte) ([]string, error) {
	var trusted *x509.CertPool
	if file != nil {
		trusted = x509.NewCertPool()
		trusted.AppendCertsFromPEM(file)
	} else {
		var err error
		if trusted, err = x509.SystemCertPool(); err != nil {
			return nil, err
		}
	}
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
