package connect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
)

// OwnLog fails with errs.Config if a sandbox and something real would share the audit log at path. What is done in a sandbox is no
// evidence in a real log; and what is done to a real system must not be recorded where it is thrown away with a sandbox.
func (r *Reader) OwnLog(path string) error {
	getenv := func(name string) string { v, _ := r.options.Loader.Getenv(name); return v }
	inst, err := r.options.Loader.Installation()
	if err != nil {
		inst = nil // what needs it says why
	}
	if root := sandboxAround(path); root != "" && (inst == nil || !sameDirectory(root, inst.Root)) {
		return errs.NewWith(errs.Config, fmt.Sprintf("the audit log %q belongs to a sandbox, and these settings do not: it would be lost with the sandbox", path),
			audit.ReasonSandboxLog.With())
	}
	if inst == nil || inst.Emulator == "" || inst.Emulator != getenv(config.VariableVerifyURL) {
		return nil
	}
	if audit.IsUsual(path, getenv) || audit.NamesTwilio(path) {
		return errs.NewWith(errs.Config, fmt.Sprintf("the audit log %q is a real one, and this is a sandbox", path), audit.ReasonRealLog.With())
	}
	return nil
}

// sandboxAround returns the directory of a sandbox that path is in, or "". The sandbox may be gone.
func sandboxAround(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if strings.HasPrefix(filepath.Base(dir), installation.SandboxPrefix) {
			return dir
		}
	}
	return ""
}

func sameDirectory(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	one, oneErr := os.Stat(a)
	other, otherErr := os.Stat(b)
	return oneErr == nil && otherErr == nil && os.SameFile(one, other)
}
