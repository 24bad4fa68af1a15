package policy

import (
	"path/filepath"

	"uzerp-mfa/internal/errs"
)

// A Choice is a flag or a variable by which an operator chooses what the administrator may want to fix.
type Choice struct {
	Name  string // "--audit-log", "PGHOST"
	Value string // a path, or a region in capital letters; only of what chooses one
	Of    Object
}

// Object is what a Choice chooses.
type Object int

// The objects.
const (
	TheAuditLog    Object = iota // its Value is "" for no log at all
	TheUzerpRoot                 // uzERP's directory
	ThePhoneRegion               // the country of numbers that are written without one
	TheConnection                // which database or address is asked, with which keys and certificates, or which of uzERP's files is written
)

// variables are the names of variables that choose a connection. libpq has others, which only tune one.
var variables = []string{
	"DATABASE_URL", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGSERVICEFILE", "PGPASSFILE",
	"PGSSLMODE", "PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLPASSWORD", "PGREQUIRESSL", "PGSYSCONFDIR",
	"PGOPTIONS", "PGTARGETSESSIONATTRS", "PGKRBSRVNAME", "PGGSSLIB", "PGREQUIREAUTH", "PGCHANNELBINDING", "PGSSLNEGOTIATION",
	"PGREQUIREPEER", "PGSSLCERTMODE", "PGSSLSNI", "PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION", "PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION",
	"PGLOADBALANCEHOSTS", "PGGSSENCMODE", "PGGSSDELEGATION",
	"UZERP_MFA_VERIFY_URL", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// Connections returns the variables that choose a connection and are set.
func Connections(getenv func(string) string) []Choice {
	var set []Choice
	for _, name := range variables {
		if getenv(name) != "" {
			set = append(set, Choice{Name: name, Of: TheConnection})
		}
	}
	return set
}

// CheckChoices returns an error of errs.Refused if the policy leaves one of the choices to nobody, or through sudo to
// root alone. Paths must be whole.
func (p *Policy) CheckChoices(throughSudo bool, choices []Choice) error {
	for _, c := range choices {
		switch fixed := map[Object]string{TheAuditLog: AuditLog, TheUzerpRoot: UzerpRoot, ThePhoneRegion: PhoneRegion}[c.Of]; {
		case fixed != "" && p.value(fixed) != "":
			if c.Value == "" || filepath.Clean(c.Value) != p.value(fixed) {
				return p.refused(fixed, ReasonRule.With(), "%s is refused, because %s is fixed", c.Name, fixed)
			}
		case !throughSudo || c.Of == TheUzerpRoot || c.Of == ThePhoneRegion:
		case c.Of == TheAuditLog:
			if err := p.checkSudo(SudoAuditLog, c.Name); err != nil {
				return err
			}
		default:
			if err := p.checkSudo(SudoSettings, c.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckSandbox returns an error of errs.Refused if the policy forbids a sandbox through sudo.
func (p *Policy) CheckSandbox(throughSudo bool) error {
	if !throughSudo {
		return nil
	}
	return p.checkSudo(SudoSandbox, "sandbox")
}

func (p *Policy) checkSudo(setting, what string) error {
	_, written := p.lines[setting]
	switch {
	case p.value(setting) == allow:
		return nil
	case written:
		return p.refused(setting, ReasonRule.With(), "%s is refused through sudo", what)
	}
	return errs.NewWith(errs.Refused, what+" is refused through sudo: a rule for this program must not be a rule for root",
		ReasonSudoDefault.With(setting+"="+allow, p.path))
}
