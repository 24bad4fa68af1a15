package connect

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
)

// A sandbox and something real never share a log.
func TestOwnLog(t *testing.T) {
	const emulator = "http://127.0.0.1:4711"
	dir := t.TempDir()
	root := func(name, address string) string {
		root := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(root, "conf"), 0o755); err != nil { //nolint:gosec // as uzERP's
			t.Fatal(err)
		}
		for file, text := range map[string]string{"system.php": "<?php\n", installation.EmulatorFile: address} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return root
	}
	box, other, site := root(installation.SandboxPrefix+"1", emulator), root(installation.SandboxPrefix+"2", "http://127.0.0.1:1"), root("uzerp", "")
	planted := root("planted", emulator)
	const ofTwilio = `{"service":{"sid":"VA1","address":null},"command":"verify"}` + "\n"
	used := filepath.Join(dir, "used.jsonl")
	if err := os.WriteFile(used, []byte(ofTwilio), 0o600); err != nil {
		t.Fatal(err)
	}
	usual := filepath.Join(dir, "home", ".local", "state", "uzerp-mfa", "audit.jsonl")
	fresh := filepath.Join(dir, "fresh.jsonl")
	gone := filepath.Join(dir, installation.SandboxPrefix+"gone")
	log := func(root string) string { return filepath.Join(root, "audit.jsonl") }
	for name, c := range map[string]struct {
		root, url, log string
		want           errs.Reason
	}{
		"a sandbox with its own":               {box, emulator, log(box), ""},
		"a sandbox with a fresh one":           {box, emulator, fresh, ""},
		"a sandbox with that of another":       {box, emulator, log(other), audit.ReasonSandboxLog},
		"a sandbox with the usual one":         {box, emulator, usual, audit.ReasonRealLog},
		"a sandbox with a used one":            {box, emulator, used, audit.ReasonRealLog},
		"a site with its own":                  {site, "", usual, ""},
		"a site with a used one":               {site, "", used, ""},
		"a site with a sandbox's":              {site, "", log(box), audit.ReasonSandboxLog},
		"a site with that of one gone":         {site, "", log(gone), audit.ReasonSandboxLog},
		"nothing named, a sandbox's log":       {"", "", log(box), audit.ReasonSandboxLog},
		"the sandbox is gone":                  {gone, emulator, log(gone), audit.ReasonSandboxLog},
		"a site where somebody put an address": {planted, "", usual, ""}, // else nobody could be helped there
	} {
		env := map[string]string{"HOME": filepath.Join(dir, "home"), "UZERP_ROOT": c.root, config.VariableVerifyURL: c.url}
		getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok && v != "" }
		r := New(Options{Loader: &config.Loader{Getenv: getenv, Dir: t.TempDir()}, Logger: func() *slog.Logger { return nil }, Now: time.Now})
		err := r.OwnLog(c.log)
		if errs.HintOf(err).Reason != c.want || err != nil && errs.KindOf(err) != errs.Config {
			t.Errorf("%s: %v", name, err)
		}
		r.Close()
	}
}
