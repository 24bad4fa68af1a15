package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/pgtemp"
	"uzerp-mfa/internal/safepath"
)

// Sandbox has everything that uzerp-mfa works on: a PostgreSQL with uzERP's tables and a few users, a Verify emulator,
// and a directory that looks like uzERP's.
type Sandbox struct {
	postgres *pgtemp.Server
	verify   *emulator.Running
	root     string // the uzERP directory
	database string
	state    *os.File // of a detached one: its lock says that it runs
	unset    []string // the caller's variables that would lead elsewhere
}

// Start starts a sandbox. It runs until Stop or until ctx is done. It takes the caller's PG* variables out of the environment
// of this process: nothing in a sandbox is to work on another database. Errors are *errs.Error.
func Start(ctx context.Context) (_ *Sandbox, err error) {
	s := &Sandbox{unset: shadowing(os.Environ())}
	defer func() {
		if err != nil {
			_ = s.Stop()
		}
	}()
	if err = pgtemp.ForgetCaller(); err != nil {
		return nil, failure("forget the caller's PG* variables", err)
	}
	if s.postgres, err = pgtemp.Start(ctx, pgtemp.Options{}); err != nil {
		return nil, err
	}
	s.database = s.postgres.ConnString("postgres")
	if err = fill(ctx, s.database); err != nil {
		return nil, err
	}
	if s.verify, err = emulator.Start("", verifyOptions()); err != nil {
		return nil, failure("start the Verify emulator", err)
	}
	if s.root, err = makeRoot(rootParent(), s.files()); err != nil {
		return nil, failure("make the uzERP directory", err)
	}
	return s, nil
}

// verifyOptions returns the options for a service in which `service check` finds nothing.
func verifyOptions() emulator.Options {
	return emulator.Options{
		Issuer: "uzERP sandbox", Service: emulator.ServiceSettings{DTMFInputRequired: true},
		Control: true, Seed: uint64(time.Now().UnixNano()),
	}
}

func fill(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return failure("connect to the sandbox's database", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := pgtemp.LoadSchema(ctx, conn); err != nil {
		return err
	}
	return pgtemp.LoadSample(ctx, conn)
}

// rootFiles are what differs from sandbox to sandbox in its uzERP directory.
type rootFiles struct {
	env      string // conf/.env
	emulator string // the address
}

func (s *Sandbox) files() rootFiles {
	f := rootFiles{env: envFile, emulator: s.verify.URL + "\n"}
	dir, port := s.postgres.Socket()
	if !strings.ContainsAny(dir, ":'\\\n") { // DB_HOST has no way to write these
		f.env += fmt.Sprintf("DB_NAME=postgres\nDB_USER=postgres\nDB_HOST='%s:%d'\n", dir, port)
	}
	return f
}

// rootParent returns where the uzERP directory is made: in TMPDIR, unless a shell could not read its path back from the settings that
// are printed. Output shows control bytes and some letters as escapes, and fish reads a backslash otherwise than sh.
func rootParent() string {
	dir := os.TempDir()
	if strings.ContainsFunc(dir, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) {
		return "/tmp"
	}
	return dir
}

// makeRoot makes a directory below parent, with the two things that a uzERP directory is recognized by, and the settings
// that uzERP would read. It makes it below /tmp if others may change parent. Everything is done on open directories, so
// that nobody can lead us to another file.
func makeRoot(parent string, files rootFiles) (path string, err error) {
	dir, err := safepath.MakeTemp(parent, rootPrefix)
	if err != nil {
		return "", err
	}
	defer func() { _ = dir.Close() }()
	conf, err := dir.MakeDir("conf", 0o755)
	if err != nil {
		return dir.Path("."), err
	}
	defer func() { _ = conf.Close() }()
	return dir.Path("."), errors.Join(
		writeFile(dir, "system.php", "<?php // a sandbox, not uzERP\n", 0o644, -1),
		writeFile(conf, ".env", files.env, 0o640, webServerGroup()),
		writeFile(dir, installation.EmulatorFile, files.emulator, 0o644, -1),
	)
}

const rootPrefix = installation.SandboxPrefix

func writeFile(dir *safepath.Dir, name, content string, mode os.FileMode, group int) error {
	f, err := dir.Open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if group >= 0 {
		err = errors.Join(err, f.Chown(-1, group))
	}
	return errors.Join(err, f.Chmod(mode), f.Close()) // whatever the umask is
}

// webServerGroup returns the web server's group, which can read the settings, as in a real installation, because doctor
// checks that. Only root can give it the file: otherwise it returns -1, and doctor reports that the web server can't read
// the settings.
func webServerGroup() int {
	if os.Geteuid() != 0 {
		return -1
	}
	users := installation.WebUsers(nil)
	if len(users) == 0 {
		return -1
	}
	return users[0].GID
}

// envFile has the emulator's token, which is no secret, and the session limits that `session-config check` recommends.
const envFile = "TWILIO_ACCOUNT_SID=" + emulator.DefaultAccountSID + "\n" +
	"TWILIO_AUTH_TOKEN=" + emulator.DefaultAuthToken + "\n" +
	"TWILIO_SERVICE_SID=" + emulator.DefaultServiceSID + "\n" +
	"UZERP_MANAGE_USER_SESSIONS=on\n" +
	"USER_ACTIVITY_TIMEOUT_SECS=1800\n" +
	"USER_SESSION_MAX_AGE_SECS=28800\n"

const (
	auditLogVariable    = "UZERP_MFA_AUDIT_LOG"
	phoneRegionVariable = "UZERP_MFA_PHONE_REGION"
)

// VerifyURLVariable is the name of the environment variable with the address of the emulator.
const VerifyURLVariable = "UZERP_MFA_VERIFY_URL"

// Env returns the settings that make uzerp-mfa work on the sandbox, as NAME=value. The Twilio settings are in the
// sandbox's conf/.env.
func (s *Sandbox) Env() []string {
	return []string{
		"DATABASE_URL=" + s.database,
		"UZERP_ROOT=" + s.root,
		VerifyURLVariable + "=" + s.verify.URL,
		auditLogVariable + "=" + filepath.Join(s.root, "audit.jsonl"),
		phoneRegionVariable + "=GB", // the region of the sample's phone numbers
	}
}

// Shadowing reports whether an environment variable of the caller would lead uzerp-mfa, psql or a script to a real
// database or account instead of the sandbox, or to wrong phone numbers of its users.
func Shadowing(name string) bool {
	switch name {
	case "DATABASE_URL", "UZERP_ROOT", VerifyURLVariable, auditLogVariable, phoneRegionVariable:
		return true
	}
	return strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "TWILIO_")
}

// Unset returns the names of the caller's variables that a shell must unset before it takes the settings of Env.
func (s *Sandbox) Unset() []string { return s.unset }

// shadowing returns the names of the variables that are Shadowing and that Env does not set anyway.
func shadowing(environ []string) (names []string) {
	ours := (&Sandbox{verify: &emulator.Running{}}).Env()
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		set := slices.ContainsFunc(ours, func(setting string) bool { return strings.HasPrefix(setting, name+"=") })
		if Shadowing(name) && !set && isName().MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// isName matches what a shell can unset.
var isName = pattern.Lazy(`^[A-Z_a-z][0-9A-Z_a-z]*$`)

// Stop stops the server and the emulator and removes the files.
func (s *Sandbox) Stop() error {
	var failures []error
	if s.verify != nil {
		failures = append(failures, s.verify.Close())
	}
	if s.postgres != nil {
		failures = append(failures, s.postgres.Stop())
	}
	if s.root != "" {
		failures = append(failures, os.RemoveAll(s.root))
	}
	if s.state != nil {
		failures = append(failures, s.state.Close())
	}
	return errors.Join(failures...)
}

func failure(op string, err error) error {
	return &errs.Error{Kind: errs.Config, Op: op, Err: err}
}
