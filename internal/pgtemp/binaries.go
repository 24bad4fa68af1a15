package pgtemp

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
)

// BinDirVariable is the name of an environment variable. It names the directory of PostgreSQL's server programs. If it
// is set, no other directory is searched.
const BinDirVariable = "UZERP_MFA_POSTGRES_BIN"

// findBinaries returns the directory that holds initdb and postgres.
func findBinaries(ctx context.Context) (string, error) {
	if dir := os.Getenv(BinDirVariable); dir != "" {
		return named(dir)
	}
	return pick(candidates(ctx))
}

// named returns the directory that BinDirVariable names. It fails with errs.Config if the server can't be started from
// there: another version in its place would be a surprise.
func named(dir string) (string, error) {
	owner, err := unprivileged()
	if err != nil {
		return "", err
	}
	if _, err := pick([]string{dir}); err != nil || !filepath.IsAbs(dir) {
		return "", errs.New(errs.Config, fmt.Sprintf("%s names %q, which has no PostgreSQL server programs (initdb, postgres)", BinDirVariable, dir),
			"give it the full path of their directory")
	}
	if owner != nil && !open(dir) {
		return "", errs.New(errs.Config, fmt.Sprintf("%s names %q, which is closed to the user that the server runs as", BinDirVariable, dir),
			"the server doesn't run as root: put the programs where every user may enter")
	}
	return dir, nil
}

// candidates returns the directories to search, in this order: those in PATH; those of Debian's and PostgreSQL's own
// packages, which are not in PATH, the newest version first; the one that pg_config names.
func candidates(ctx context.Context) []string {
	var dirs []string
	if p, err := exec.LookPath("initdb"); err == nil {
		// A link in PATH leads to the directory with all programs. initdb looks for postgres in its own directory.
		if real, err := filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"} {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
		dirs = append(dirs, found...)
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	return dirs
}

// pick returns the first of the directories that has both programs. It fails with errs.Config if there is none.
func pick(dirs []string) (string, error) {
	for _, dir := range dirs {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errs.New(errs.Config, "no PostgreSQL server programs (initdb, postgres) on this machine",
		"apt-get install postgresql (or another package that has initdb and postgres), or put their directory into PATH")
}

// version returns the version in the path of a bin directory, and 0 if it has none.
func version(bin string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(filepath.Base(filepath.Dir(bin)), "pgsql-"))
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
