package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"uzerp-mfa/internal/account"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/safepath"
)

// Sendmail sends mails by the machine's mail program.
type Sendmail struct {
	Path string
	From string // the sender's address
	User string // as whom root runs it; who is not root runs it as themselves

	limit time.Duration // LongestSend if 0
}

// LongestSend is how long the mail program may take for one mail. It takes a second where all is well.
const LongestSend = 15 * time.Second

// mostSaid is how much is kept of what the mail program prints.
const mostSaid = 300

// Send hands a mail to the mail program. to must be an address of deliverable. If the error has errs.ErrLostReply in its
// chain, the mail may be on its way.
//
// The program gets two addresses and the mail, and nothing else of ours: no variable, no open file, no terminal. It does not
// run as root. When its time is over it is killed with its children.
func (s Sendmail) Send(ctx context.Context, to string, message []byte) error {
	cmd, err := s.command(to)
	if err != nil {
		return fmt.Errorf("the mail program can't be used: %w", err)
	}
	limit := s.limit
	if limit == 0 {
		limit = LongestSend
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it had not ended after %s", limit))
	defer cancel()
	if ctx.Err() != nil {
		return fmt.Errorf("the mail program was not started: %w", context.Cause(ctx))
	}
	in, mail, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	keepFiles()
	said := &beginning{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, said, said
	if err := cmd.Start(); err != nil {
		_ = mail.Close()
		return fmt.Errorf("the mail program did not start: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer stop()
	written := make(chan error, 1)
	go func() {
		_, err := mail.Write(message)
		written <- errors.Join(err, mail.Close())
	}()
	err = cmd.Wait()
	// What it has not read is still in the pipe, or comes when there is room again. The end comes when all is written.
	left, broken := io.Copy(io.Discard, in)
	whole := errors.Join(<-written, broken) == nil && left == 0
	return s.outcome(ctx, err, whole, said.String())
}

// outcome says what became of a mail that the mail program has got.
func (s Sendmail) outcome(ctx context.Context, err error, whole bool, said string) error {
	words := ""
	if said != "" {
		words = fmt.Sprintf(": %q", said)
	}
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case ended && exit.Exited():
		return fmt.Errorf("the mail program ended with %d%s", exit.ExitCode(), words)
	case ended && ctx.Err() != nil:
		return fmt.Errorf("the mail program was ended: %w%s: %w", context.Cause(ctx), words, errs.ErrLostReply)
	case ended:
		return fmt.Errorf("the mail program was ended by a signal (%s)%s: %w", exit.Sys().(syscall.WaitStatus).Signal(), words, errs.ErrLostReply)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // a child that goes on holds its output open
		return fmt.Errorf("the mail program: %w: %w", err, errs.ErrLostReply)
	case !whole:
		return fmt.Errorf("the mail program ended well, but did not read the whole mail%s: %w", words, errs.ErrLostReply)
	}
	return nil
}

// Look returns why the mail program could not be started, as far as that is seen without starting it, or nil.
func (s Sendmail) Look() error {
	cmd, err := s.command(s.From) // no mail goes there: the program is not started
	if err != nil {
		return err
	}
	return mayRun(cmd.Path, cmd.SysProcAttr.Credential)
}

// mayRun returns why a process with these rights, or with our own if c is nil, may not start the program. It judges modes: an
// access list or a security module may say otherwise.
func mayRun(path string, c *syscall.Credential) error {
	if c == nil {
		c = &syscall.Credential{Uid: uint32(os.Geteuid()), Gid: uint32(os.Getegid())}
		ids, _ := os.Getgroups() // without them the user's own group counts
		for _, id := range ids {
			c.Groups = append(c.Groups, uint32(id))
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file that can be run", path)
	}
	for at := path; ; at = filepath.Dir(at) {
		if err := mayEnter(at, c); err != nil || at == filepath.Dir(at) {
			return err
		}
	}
}

// mayEnter returns why these rights don't allow to run a file, or to go through a directory.
func mayEnter(path string, c *syscall.Credential) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	stat, mode := info.Sys().(*syscall.Stat_t), info.Mode()
	bit := fs.FileMode(0o001)
	switch {
	case c.Uid == 0 && info.IsDir(): // root enters every directory
		return nil
	case c.Uid == 0: // it needs any of the three
		bit = 0o111
	case stat.Uid == c.Uid:
		bit = 0o100
	case stat.Gid == c.Gid || slices.Contains(c.Groups, stat.Gid):
		bit = 0o010
	}
	if mode&bit == 0 && !safepath.HasAccessList(path) {
		what := "run"
		if info.IsDir() {
			what = "enter"
		}
		return fmt.Errorf("%s may not %s %s, for its mode is %s", safepath.UserName(int(c.Uid)), what, path, mode)
	}
	return nil
}

// command returns the mail program with its arguments. Options end before the address, and no recipient is read from the mail.
func (s Sendmail) command(to string) (*exec.Cmd, error) {
	path, err := judgeProgram(s.Path)
	if err != nil {
		return nil, err
	}
	attributes := &syscall.SysProcAttr{Setsid: true} // a process group of its own, without our terminal
	name, home := "", "/"
	if os.Geteuid() == 0 {
		u, err := account.ByName(s.User)
		if errors.Is(err, account.ErrUnknown) {
			return nil, fmt.Errorf("it would run as user %q, who does not exist", s.User)
		} else if err != nil {
			return nil, fmt.Errorf("it would run as user %q: %w", s.User, err)
		}
		attributes.Credential = credential(u)
		name, home = u.Name, u.Home
	} else if u, err := account.ByUID(os.Geteuid()); err == nil {
		name, home = u.Name, u.Home
	}
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=" + home}
	if name != "" {
		env = append(env, "USER="+name, "LOGNAME="+name)
	}
	return &exec.Cmd{
		Path: path, Args: []string{s.Path, "-i", "-f", s.From, "--", to}, Dir: "/", Env: env, SysProcAttr: attributes,
		WaitDelay: time.Second,
	}, nil
}

// keepFiles sees to it that no file that this process was started with gets to the mail program.
func keepFiles() {
	entries, _ := os.ReadDir("/dev/fd") // without it there is nothing to look at
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

func credential(u account.User) *syscall.Credential {
	c := &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)} //nolint:gosec // the system's numbers
	for _, gid := range u.Groups() {
		c.Groups = append(c.Groups, uint32(gid)) //nolint:gosec // the same
	}
	return c
}

// judgeProgram returns where the program really is: /usr/sbin/sendmail is often a link. Nobody but root and the user of this
// process can have put it there.
func judgeProgram(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	for _, p := range []string{path, real} {
		if err := safepath.JudgePath(p, safepath.Ourselves()); err != nil {
			return "", err
		}
	}
	return real, nil
}

// beginning keeps the beginning of what is written to it, and takes the rest: who can't write on would wait.
type beginning struct{ text []byte }

// Write takes everything.
func (b *beginning) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), mostSaid-len(b.text))]...)
	return len(p), nil
}

func (b *beginning) String() string {
	return strings.TrimSpace(string(bytes.ToValidUTF8(b.text, []byte("?"))))
}
