package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/twilio/verifytest"
)

// Sandbox is a PostgreSQL with uzERP's tables and a few users, a Verify emulator, and a directory that looks like
// uzERP's: everything that uzerp-mfa works on, and nothing of anybody's.
type Sandbox struct {
	postgres *Postgres
	verify   *verifytest.Running
	root     string // the uzERP directory
	database string
}

// Start starts one. It lives until Stop or until ctx is done. Errors are *mfa.Error.
func Start(ctx context.Context) (_ *Sandbox, err error) {
	s := &Sandbox{}
	defer func() {
		if err != nil {
			_ = s.Stop()
		}
	}()
	if s.postgres, err = StartPostgres(ctx, PostgresOptions{}); err != nil {
		return nil, err
	}
	s.database = s.postgres.ConnString("postgres")
	if err = fill(ctx, s.database); err != nil {
		return nil, err
	}
	if s.verify, err = verifytest.Start("", verifytest.Options{Issuer: "uzERP sandbox", Control: true, Seed: uint64(time.Now().UnixNano())}); err != nil {
		return nil, failure("start the Verify emulator", err)
	}
	if s.root, err = os.MkdirTemp("", "uzerp-mfa-root-"); err != nil {
		return nil, failure("make the uzERP directory", err)
	}
	if err = makeRoot(s.root); err != nil {
		return nil, failure("make the uzERP directory", err)
	}
	return s, nil
}

func fill(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return failure("connect to the sandbox's database", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := LoadSchema(ctx, conn); err != nil {
		return err
	}
	return LoadSample(ctx, conn)
}

// makeRoot writes the two things that mark a uzERP directory, and the settings that uzERP would read.
func makeRoot(dir string) error {
	if err := os.Mkdir(filepath.Join(dir, "conf"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "system.php"), []byte("<?php // a sandbox, not uzERP\n"), 0o644); err != nil {
		return err
	}
	var env strings.Builder
	for _, name := range []string{"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_SERVICE_SID"} {
		fmt.Fprintf(&env, "%s=%s\n", name, twilioSettings()[name])
	}
	return os.WriteFile(filepath.Join(dir, "conf", ".env"), []byte(env.String()), 0o600)
}

// twilioSettings are the emulator's; its token opens nothing.
func twilioSettings() map[string]string {
	return map[string]string{
		"TWILIO_ACCOUNT_SID": verifytest.DefaultAccountSID,
		"TWILIO_AUTH_TOKEN":  verifytest.DefaultAuthToken,
		"TWILIO_SERVICE_SID": verifytest.DefaultServiceSID,
	}
}

const auditLogVariable = "UZERP_MFA_AUDIT_LOG"

// VerifyURLVariable is the environment variable with the address of the emulator.
const VerifyURLVariable = "UZERP_MFA_VERIFY_URL"

// Env gives the settings that make uzerp-mfa work on the sandbox, as NAME=value. The Twilio settings are in the sandbox's
// conf/.env.
func (s *Sandbox) Env() []string {
	return []string{
		"DATABASE_URL=" + s.database,
		"UZERP_ROOT=" + s.root,
		VerifyURLVariable + "=" + s.verify.URL,
		auditLogVariable + "=" + filepath.Join(s.root, "audit.jsonl"),
	}
}

// Shadowing tells whether an environment variable of the caller's would lead uzerp-mfa, psql or a script away from the
// sandbox, to a real database or account.
func Shadowing(name string) bool {
	return strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "TWILIO_") || name == "DATABASE_URL" || name == "UZERP_ROOT" || name == VerifyURLVariable || name == auditLogVariable
}

// Stop ends everything and removes the files.
func (s *Sandbox) Stop() error {
	var errs []error
	if s.verify != nil {
		errs = append(errs, s.verify.Close())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	if s.root != "" {
		errs = append(errs, os.RemoveAll(s.root))
	}
	return errors.Join(errs...)
}

// Code asks the emulator at address for the code that a user's phone shows now. KindNotFound if no app holds an account
// of that name, KindConfig if there is no emulator.
func Code(ctx context.Context, address, username string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	query := url.Values{"account": {mfa.FriendlyName(username)}}
	noEmulator := mfa.NewError(mfa.KindConfig, "there is no sandbox here", "run this inside one: uzerp-mfa sandbox -- sh")
	if address == "" {
		return "", noEmulator
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(address, "/")+verifytest.ControlPrefix+"code?"+query.Encode(), nil)
	if err != nil || !strings.HasPrefix(address, "http://127.0.0.1:") {
		return "", noEmulator // a phone is asked for at the emulator only, never at an address elsewhere
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", noEmulator
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	switch {
	case err != nil || response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound:
		return "", noEmulator
	case response.StatusCode == http.StatusNotFound:
		return "", mfa.NewError(mfa.KindNotFound, fmt.Sprintf("the app has no account %q", username), "uzerp-mfa enroll "+mfa.ShellQuote(username)+" --no-wait puts one there")
	}
	return strings.TrimSpace(string(body)), nil
}
