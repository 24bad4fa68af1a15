package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/sessionconfig"
	"uzerp-mfa/internal/uzerp"
)

// This file translates between package uzerp, which reads, and package sessionconfig, which judges.

// sessionFiles is where the settings are looked for.
type sessionFiles struct {
	envFile string // --file
	phpIni  string // --php-ini
	root    string // of the machine: "/" outside tests
	webUser string
}

func thisMachine(envFile, phpIni string) sessionFiles {
	return sessionFiles{envFile: envFile, phpIni: phpIni, root: "/", webUser: "www-data"}
}

// fileView is a file that was looked at.
type fileView struct {
	Path   string  `json:"path"`
	Exists bool    `json:"exists"`
	Mode   *string `json:"mode"`
	Owner  *string `json:"owner"`
	Group  *string `json:"group"`
}

// sessionInput is what was found, and the bytes of conf/.env.
type sessionInput struct {
	sessionconfig.Input
	files  []fileView
	source []byte
}

// readEnv reads conf/.env, or the file that was named, and what belongs to it. Errors: errs.Config, without a word of
// the file's text.
func (a *App) readEnv(at sessionFiles) (sessionInput, error) {
	if at.envFile != "" {
		return namedEnv(at)
	}
	inst, err := a.loader.Installation()
	if err != nil {
		return sessionInput{}, err
	}
	if inst == nil {
		return sessionInput{}, errs.New(errs.Config, "no uzERP directory is known, so there is no conf/.env to look at",
			"name uzERP's directory with --uzerp-root, or the file with --file")
	}
	in, err := readEnvFile(inst.DotenvPath(), at)
	if err != nil {
		return in, err
	}
	if inst.Misplaced {
		in.Env.Misplaced = filepath.Join(inst.Root, uzerp.MisplacedFile)
		in.look(in.Env.Misplaced)
	}
	in.Env.Dir, err = access(filepath.Dir(in.Env.Path))
	if err != nil {
		return in, fileProblem(filepath.Dir(in.Env.Path), err)
	}
	in.look(inst.ConfigPath())
	in.ConfigPHP = judgeConfigPHP(inst)
	return in, nil
}

// namedEnv reads the file of --file. That it is config/.env of an installation is told, as nothing reads it there.
func namedEnv(at sessionFiles) (sessionInput, error) {
	in, err := readEnvFile(at.envFile, at)
	if err != nil {
		return in, err
	}
	if !in.Env.Found {
		return in, fileProblem(at.envFile, fs.ErrNotExist)
	}
	path, err := filepath.Abs(at.envFile)
	if root := filepath.Dir(filepath.Dir(path)); err == nil && path == filepath.Join(root, uzerp.MisplacedFile) && uzerp.IsRoot(root) {
		in.Env.Misplaced, in.Env.Path = at.envFile, filepath.Join(root, uzerp.DotenvFile)
	}
	return in, nil
}

func fileProblem(path string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	hint := ""
	if errors.Is(err, fs.ErrPermission) {
		hint = "run it as root or as the web server's user"
	}
	return &errs.Error{Kind: errs.Config, Op: path, Err: err, Hint: hint}
}

func readEnvFile(path string, at sessionFiles) (sessionInput, error) {
	in := sessionInput{}
	in.Env.Path = path
	in.WebUser = webUser(at.webUser)
	facts, err := uzerp.StatFile(path)
	if err != nil {
		return in, fileProblem(path, err)
	}
	in.look(path)
	if !facts.Exists {
		return in, nil
	}
	if !facts.Mode.IsRegular() {
		return in, fileProblem(path, uzerp.ErrNotRegular)
	}
	if in.source, err = os.ReadFile(path); err != nil {
		return in, fileProblem(path, err)
	}
	in.Env.Found = true
	if in.Env.File, err = access(path); err != nil {
		return in, fileProblem(path, err)
	}
	return in, judgeEnv(&in.Env, in.source)
}

// judgeEnv reads src as uzERP does.
func judgeEnv(env *sessionconfig.EnvFile, src []byte) error {
	d, err := uzerp.ParseDotenv(src)
	if syntax, ok := errors.AsType[*uzerp.SyntaxError](err); ok {
		env.Syntax = &sessionconfig.Syntax{
			Line: syntax.Line, Column: syntax.Column,
			Reason: strings.TrimPrefix(syntax.Error(), fmt.Sprintf("line %d, ", syntax.Line)), Fix: syntaxFixes[syntax.Kind],
		}
		return nil
	}
	if err != nil {
		return fileProblem(env.Path, err)
	}
	values, err := d.Values(nil)
	if err != nil {
		return fileProblem(env.Path, err)
	}
	borrowed := map[string]bool{}
	for _, w := range d.Warnings {
		env.Oddities = append(env.Oddities, sessionconfig.Oddity{ID: string(w.ID), Line: w.Line, EndLine: w.EndLine, Name: w.Name, Reason: w.Message()})
		if w.ID == uzerp.WarnVariable {
			borrowed[w.Name] = true
		}
	}
	env.Settings = map[string]sessionconfig.Setting{}
	for _, e := range d.Entries { // the last one counts
		if value, ok := values[e.Name]; ok {
			env.Settings[e.Name] = sessionconfig.Setting{Value: secret.New(value), Line: e.Pos.Line, Borrowed: borrowed[e.Name]}
		}
	}
	return nil
}

// syntaxFixes say what to write in a line whose text must not be shown.
var syntaxFixes = map[uzerp.SyntaxKind]string{
	uzerp.UnexpectedEquals:     `NAME="value"`,
	uzerp.InvalidName:          `NAME="value", or begin the line with # if it is a comment`,
	uzerp.UnexpectedWhitespace: `NAME="value with blanks"`,
	uzerp.UnexpectedEscape:     `NAME='value', in single quotes, or \\ for each backslash`,
	uzerp.MissingClosingQuote:  `NAME="value", with the closing quote on the same line`,
}

// judgeConfigPHP looks for settings that conf/config.php can't give.
func judgeConfigPHP(inst *uzerp.Installation) sessionconfig.ConfigPHP {
	found := sessionconfig.ConfigPHP{Path: inst.ConfigPath()}
	if inst.ConfigErr != nil {
		found.Unreadable = &sessionconfig.ConfigLine{}
		return found
	}
	for _, name := range slices.Concat(sessionconfig.SessionSettings(), sessionconfig.TwilioSettings()) {
		value, ok, err := inst.Config.Get(name)
		unreadable, is := errors.AsType[*uzerp.UnreadableError](err)
		switch {
		case is && found.Unreadable == nil:
			found.Unreadable = &sessionconfig.ConfigLine{Name: unreadable.Name, Line: unreadable.Pos.Line}
			if !slices.Contains(slices.Concat(sessionconfig.SessionSettings(), sessionconfig.TwilioSettings()), unreadable.Name) {
				found.Unreadable.Name = ""
			}
		case ok:
			found.Sets = append(found.Sets, sessionconfig.ConfigLine{Name: name, Line: value.Pos.Line})
		}
	}
	return found
}

// readPHP adds what PHP itself does with sessions.
func (in *sessionInput) readPHP(at sessionFiles) error {
	in.Cleaner = cleaner(at.root)
	if at.phpIni != "" {
		ini, err := uzerp.ReadPHPIni(at.phpIni)
		if err != nil {
			return fileProblem(at.phpIni, err)
		}
		in.addPHP(ini)
		return nil
	}
	inis, err := uzerp.FindPHPInis(filepath.Join(at.root, "etc/php"))
	if err != nil {
		in.PHPProblem = fileProblem("/etc/php", err).Error()
		return nil
	}
	for _, ini := range inis {
		in.addPHP(ini)
	}
	return nil
}

func (in *sessionInput) addPHP(ini *uzerp.PHPIni) {
	p := sessionconfig.PHP{
		Name: strings.TrimSpace(ini.Version + " " + ini.SAPI),
		Web:  ini.SAPI != "cli" && ini.SAPI != "phpdbg", File: ini.Files[0],
		MaxLifetime: iniNumber(ini, "session.gc_maxlifetime"), Probability: iniNumber(ini, "session.gc_probability"),
		CookieSecure: iniBool(ini, "session.cookie_secure"), CookieHTTPOnly: iniBool(ini, "session.cookie_httponly"),
		SavePath: ini.Values["session.save_path"].Text,
		EnvFirst: strings.ContainsAny(ini.Values["variables_order"].Text, "eE"),
	}
	in.PHP = append(in.PHP, p)
	for _, file := range ini.Files {
		in.look(file)
	}
}

// iniNumber gives the number that PHP takes, which is 0 for what is none.
func iniNumber(ini *uzerp.PHPIni, name string) sessionconfig.IniValue {
	v := ini.Values[name]
	n, _ := v.Int()
	return sessionconfig.IniValue{Number: n, Known: !v.Unknown, File: v.File, Line: v.Line}
}

func iniBool(ini *uzerp.PHPIni, name string) sessionconfig.IniValue {
	v := ini.Values[name]
	on := sessionconfig.IniValue{Known: !v.Unknown, File: v.File, Line: v.Line}
	if v.Bool() {
		on.Number = 1
	}
	return on
}

func cleaner(root string) sessionconfig.Cleaner {
	c := uzerp.FindSessionCleaner(root)
	switch {
	case c.Systemd && c.Timer != "":
		return sessionconfig.Cleaner{Path: c.Timer, Active: c.TimerEnabled}
	case c.Cron != "":
		return sessionconfig.Cleaner{Path: c.Cron, Active: !c.Systemd}
	default:
		return sessionconfig.Cleaner{Path: c.Timer}
	}
}

// look notes a file's owner and mode for the report.
func (in *sessionInput) look(path string) {
	view := fileView{Path: path}
	facts, err := uzerp.StatFile(path)
	if err == nil && facts.Exists {
		mode := fmt.Sprintf("%04o", facts.Mode.Perm())
		view.Exists, view.Mode = true, &mode
		if facts.UID >= 0 {
			owner, group := strconv.Itoa(facts.UID), strconv.Itoa(facts.GID)
			if u, err := user.LookupId(owner); err == nil {
				owner = u.Username
			}
			if g, err := user.LookupGroupId(group); err == nil {
				group = g.Name
			}
			view.Owner, view.Group = &owner, &group
		}
	}
	in.files = append(in.files, view)
}

func access(path string) (sessionconfig.Access, error) {
	facts, err := uzerp.StatFile(path)
	return sessionconfig.Access{Path: path, Mode: facts.Mode, UID: facts.UID, GID: facts.GID, ACL: hasACL(path)}, err
}

// webUser looks the user up; on a machine without one nothing is known.
func webUser(name string) sessionconfig.WebUser {
	u, err := user.Lookup(name)
	if err != nil {
		return sessionconfig.WebUser{}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return sessionconfig.WebUser{}
	}
	found := sessionconfig.WebUser{Name: name, UID: uid}
	groups, err := u.GroupIds()
	if err != nil {
		groups = []string{u.Gid}
	}
	for _, g := range groups {
		if gid, err := strconv.Atoi(g); err == nil {
			found.GIDs = append(found.GIDs, gid)
		}
	}
	return found
}
