// Command packages builds what is handed out: for each system a .tar.gz, for Linux a .deb and an .rpm, a list of what each
// program is made of (SBOM), and the checksums. With -tree it only lays out the files of an installation.
//
// Its law: who builds the same commit again, with the same Go, in another folder and at another time, gets the same bytes.
// So every mode, owner and time is set here, and nothing is taken from the machine but the Go toolchain and modules.
package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	nfpm      = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2" // newer ones can't be built from the module proxy
	cyclonedx = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"
)

const program = "uzerp-mfa"

// maintainer is whom a package names as the one to write to. Who hands out packages puts an address of their own here.
const maintainer = "uzerp-mfa maintainers <uzerp-mfa@example.com>"

// target is a system that the program is built for. Windows is none: the program needs Unix's owners, modes and descriptors
// to know whom to believe.
type target struct {
	os, arch string
	arm      string // GOARM
	nfpm     string // nfpm's name of the machine; empty where there is no .deb and no .rpm
	deb, rpm string // Debian's and Red Hat's names of it
	name     string // in the names of files
}

var targets = []target{
	{os: "linux", arch: "amd64", nfpm: "amd64", deb: "amd64", rpm: "x86_64"},
	{os: "linux", arch: "arm64", nfpm: "arm64", deb: "arm64", rpm: "aarch64"},
	{os: "linux", arch: "arm", arm: "7", nfpm: "arm7", deb: "armhf", rpm: "armv7hl", name: "armv7"},
	{os: "linux", arch: "386", nfpm: "386", deb: "i386", rpm: "i386"},
	{os: "linux", arch: "riscv64", nfpm: "riscv64", deb: "riscv64", rpm: "riscv64"},
	{os: "darwin", arch: "amd64"},
	{os: "darwin", arch: "arm64"},
	{os: "freebsd", arch: "amd64"},
}

func (t target) String() string { return t.os + "/" + cmp.Or(t.name, t.arch) }

// base is how the names of the files for every system begin.
func (t target) base(version string) string {
	return strings.Join([]string{program, version, t.os, cmp.Or(t.name, t.arch)}, "_")
}

// files returns the names of what is built for a system, by kind. docs/install.md has them.
func (t target) files(version string) map[string]string {
	files := map[string]string{"tar.gz": t.base(version) + ".tar.gz", "cdx.json": t.base(version) + ".cdx.json"}
	if t.nfpm != "" {
		files["deb"] = program + "_" + version + "-1_" + t.deb + ".deb"
		files["rpm"] = program + "-" + version + "-1." + t.rpm + ".rpm"
	}
	return files
}

func main() {
	var b build
	var only string
	flag.StringVar(&b.out, "out", "dist", "folder for the packages")
	flag.StringVar(&only, "only", "", "the systems, such as linux/amd64,linux/armv7; without it all")
	flag.StringVar(&b.tree, "tree", "", "lay out an installation in this folder instead, with the program -program")
	flag.StringVar(&b.program, "program", "", "the program for -tree")
	flag.StringVar(&b.cache, "cache", "", "the program is compiled with this cache, such as an empty folder; without it with the user's own")
	flag.Parse()
	if err := b.run(only); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

// build is one run.
type build struct {
	out, tree, program, cache string

	flags   string    // of the linker
	version string    // as the program says it
	time    time.Time // of the commit
	work    string

	noManual bool // of a test: the pages take long
}

func (b *build) run(only string) error {
	if err := b.identify(); err != nil {
		return err
	}
	if b.tree != "" {
		return b.lay(b.tree, b.program, "source")
	}
	wanted, err := choose(only)
	if err != nil {
		return err
	}
	if b.work, err = os.MkdirTemp("", "packages"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.work) }()
	if err := errors.Join(os.RemoveAll(b.out), os.MkdirAll(b.out, 0o755)); err != nil { //nolint:gosec // everybody may read it
		return err
	}
	// The program of this machine writes the completions, and the licences.
	host := filepath.Join(b.work, "host")
	if err := b.compile(host); err != nil {
		return err
	}
	b.program = host
	for _, t := range wanted {
		if err := b.make(t); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return b.sums()
}

func choose(only string) ([]target, error) {
	if only == "" {
		return targets, nil
	}
	var chosen []target
	for name := range strings.SplitSeq(only, ",") {
		at := slices.IndexFunc(targets, func(t target) bool { return t.String() == name })
		if at < 0 {
			return nil, fmt.Errorf("%q is none of %v", name, targets)
		}
		chosen = append(chosen, targets[at])
	}
	return chosen, nil
}

var plainVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.~-]*$`)

// identify finds out which version of which commit this is.
func (b *build) identify() error {
	flags, err := output("scripts/ldflags.sh")
	if err != nil {
		return err
	}
	b.flags = flags
	_, rest, _ := strings.Cut(flags, "release.version=")
	b.version, _, _ = strings.Cut(rest, " ")
	if !plainVersion.MatchString(b.version) {
		return fmt.Errorf("%q is no version", b.version)
	}
	epoch, err := output("scripts/ldflags.sh", "epoch")
	if err != nil {
		return err
	}
	// A folder without a commit has no time. It is the same on all machines then, too.
	seconds, err := strconv.ParseInt(cmp.Or(epoch, "1000000000"), 10, 64)
	b.time = time.Unix(seconds, 0).UTC()
	return err
}

func (b *build) compile(to string, env ...string) error {
	if b.cache != "" {
		env = append(env, "GOCACHE="+b.cache)
	}
	return goCommand(append(env, "CGO_ENABLED=0", "GOFLAGS=", "GOARM64=", "GOAMD64=", "GO386="),
		"build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w "+b.flags, "-o", to, ".")
}

// make builds everything for one system.
func (b *build) make(t target) error {
	fmt.Fprintln(os.Stderr, "building", t)
	binary := filepath.Join(b.work, strings.ReplaceAll(t.String(), "/", "-"))
	if err := b.compile(binary, "GOOS="+t.os, "GOARCH="+t.arch, "GOARM="+t.arm); err != nil {
		return err
	}
	files := t.files(b.version)
	if err := errors.Join(b.bill(binary, files["cdx.json"]), b.archive(binary, t.base(b.version), files["tar.gz"])); err != nil {
		return err
	}
	if t.nfpm == "" {
		return nil
	}
	return errors.Join(b.pack(binary, t, "deb"), b.pack(binary, t, "rpm"))
}

// bill writes the SBOM: the modules that the program is linked with, as the program itself names them.
func (b *build) bill(binary, name string) error {
	return goCommand([]string{"GOFLAGS="}, "run", cyclonedx, "bin", "-json", "-noserial", "-notimestamp", "-std",
		"-version", "v"+b.version, "-output", filepath.Join(b.out, name), binary)
}

// archive packs the program and what goes with it into a .tar.gz, below the folder base.
func (b *build) archive(binary, base, name string) error {
	tree := filepath.Join(b.work, "tar")
	if err := os.RemoveAll(tree); err != nil {
		return err
	}
	if err := b.lay(tree, binary, "source"); err != nil {
		return err
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	err = walk(tree, func(name string, info fs.FileInfo) error {
		h := &tar.Header{Name: path.Join(base, strings.TrimPrefix(name, "usr/")), Mode: int64(info.Mode().Perm()), ModTime: b.time, Format: tar.FormatUSTAR}
		if info.IsDir() {
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
			return w.WriteHeader(h)
		}
		h.Typeflag, h.Size = tar.TypeReg, info.Size()
		text, err := os.ReadFile(filepath.Join(tree, name))
		if err != nil {
			return err
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.out, name), packed.Bytes(), 0o644) //nolint:gosec // everybody may read it
}

// pack makes a .deb or an .rpm.
func (b *build) pack(binary string, t target, kind string) error {
	tree := filepath.Join(b.work, kind)
	if err := os.RemoveAll(tree); err != nil {
		return err
	}
	if err := b.lay(tree, binary, kind); err != nil {
		return err
	}
	settings := filepath.Join(b.work, "nfpm.yaml")
	text, err := b.settings(t, tree)
	if err != nil {
		return err
	}
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		return err
	}
	return goCommand([]string{"GOFLAGS=", "SOURCE_DATE_EPOCH=" + strconv.FormatInt(b.time.Unix(), 10)},
		"run", nfpm, "package", "--config", settings, "--packager", kind, "--target", filepath.Join(b.out, t.files(b.version)[kind]))
}

// settings returns the settings for nfpm: packaging/nfpm.yaml, and each file with its mode.
func (b *build) settings(t target, tree string) (string, error) {
	head, err := os.ReadFile("packaging/nfpm.yaml")
	if err != nil {
		return "", err
	}
	var s strings.Builder
	s.WriteString(os.Expand(string(head), func(name string) string {
		return map[string]string{"ARCH": t.nfpm, "VERSION": b.version, "TIME": b.time.Format(time.RFC3339), "MAINTAINER": maintainer}[name]
	}))
	s.WriteString("contents:\n")
	entry := func(src, dst, kind string, mode fs.FileMode) {
		if src != "" {
			fmt.Fprintf(&s, "  - src: %q\n    dst: %q\n", src, dst)
		} else {
			fmt.Fprintf(&s, "  - dst: %q\n", dst)
		}
		if kind != "" {
			fmt.Fprintf(&s, "    type: %s\n", kind)
		}
		fmt.Fprintf(&s, "    file_info: {mode: 0%o, owner: root, group: root, mtime: %s}\n", mode, b.time.Format(time.RFC3339))
	}
	err = walk(tree, func(name string, info fs.FileInfo) error {
		switch own := strings.Contains(name+"/", "/"+program+"/"); {
		case info.IsDir() && own:
			entry("", "/"+name, "dir", 0o755)
		case info.IsDir():
		case strings.HasPrefix(name, "etc/"):
			entry(filepath.Join(tree, name), "/"+name, "config|noreplace", info.Mode().Perm())
		default:
			entry(filepath.Join(tree, name), "/"+name, "", info.Mode().Perm())
		}
		return nil
	})
	return s.String(), err
}

// sums writes the checksums of all that was built.
func (b *build) sums() error {
	entries, err := os.ReadDir(b.out)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(b.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(text), e.Name())
	}
	return os.WriteFile(filepath.Join(b.out, "SHA256SUMS"), []byte(list.String()), 0o644) //nolint:gosec // everybody may read it
}

// walk calls do for everything below tree, in the order of the names, which are relative to tree.
func walk(tree string, do func(name string, info fs.FileInfo) error) error {
	return fs.WalkDir(os.DirFS(tree), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return do(name, info)
	})
}

// goCommand runs the go command. What it says is in the error.
func goCommand(env []string, args ...string) error {
	c := exec.Command("go", args...) //nolint:noctx // it may take as long as it takes
	c.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, said.Bytes())
	}
	return nil
}

// output returns what a program prints, without blanks at the end.
func output(name string, args ...string) (string, error) {
	c := exec.Command(name, args...) //nolint:noctx // it may take as long as it takes
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}
