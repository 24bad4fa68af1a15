package sessionconfig

import (
	"fmt"
	"strconv"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/shell"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

// checkAccess checks who may read conf/.env, because it holds the database's password and Twilio's token.
func (c *check) checkAccess() {
	env := c.in.Env.File
	if !env.Exists {
		return
	}
	about := finding.Finding{File: env.Path, Severity: finding.Warning}
	if env.Mode&0o002 != 0 {
		f := about
		f.ID, f.Severity = "env-world-writable", finding.Error
		f.Message = fmt.Sprintf("every user of this machine can change uzERP's settings and read its passwords, because the mode is %04o", env.Mode.Perm())
		f.Fix = errs.Plain(c.closeFix(env))
		c.add(f)
	} else if env.Mode&0o004 != 0 {
		f := about
		f.ID = "env-world-readable"
		f.Message = fmt.Sprintf("every user of this machine can read uzERP's passwords and Twilio's token, because the mode is %04o", env.Mode.Perm())
		f.Fix = errs.Plain(c.closeFix(env))
		c.add(f)
	}
	c.checkWebUser()
}

// closeFix returns the command after which others can't read the file, but the web server still can.
func (c *check) closeFix(env file.Facts) string {
	user, path := c.in.WebUser, shell.Quote(env.Path)
	closed := env
	closed.Mode &^= 0o007
	switch {
	case user.Name == "":
		return "chmod o= " + path + ", after making the web server's group the file's group"
	case user.May(0o004, closed):
		return "chmod o= " + path
	default:
		return letRead(user, path)
	}
}

// letRead returns the command after which the web server can read the file, and others can't. A group that many are in
// must not read it.
func letRead(user installation.WebUser, path string) string {
	if !user.OwnGroup {
		return fmt.Sprintf("chmod o= %s && setfacl -m u:%s:r %[1]s", path, user.Name)
	}
	return fmt.Sprintf("chgrp %s %s && chmod 0640 %[2]s", user.Group, path)
}

// checkWebUser checks whether the web server's user can read the file, if it is the one in conf/; the web server
// doesn't read a draft elsewhere. Which user that is can only be guessed, so this is never an error. It doesn't pass
// either if there is an access list, or no user of that name.
func (c *check) checkWebUser() {
	user, env, dir := c.in.WebUser, c.in.Env.File, c.in.Env.Dir
	if dir.Path == "" {
		return
	}
	f := finding.Finding{ID: "env-web-access", Severity: finding.Info, File: env.Path}
	switch {
	case user.Name == "" || env.UID < 0:
		f.Message = "it was not judged whether the web server can read the file, because no user is known as whom it runs"
	case dir.ACL || env.ACL:
		f.Message = fmt.Sprintf("it was not judged whether %s can read the file, because the file has an access list", user.Name)
	case !user.May(0o001, dir):
		f.ID, f.Severity, f.File = "env-not-readable", finding.Warning, dir.Path
		f.Message = fmt.Sprintf("the web server usually runs as %s, who can not look into this directory, and uzERP "+
			"treats a file that it can not read as an empty one", user.Name)
		f.Fix = errs.Plain(fmt.Sprintf("chgrp %s %s && chmod g+x %[2]s", user.Group, shell.Quote(dir.Path)))
		if !user.OwnGroup {
			f.Fix = errs.Plain(fmt.Sprintf("setfacl -m u:%s:x %s", user.Name, shell.Quote(dir.Path)))
		}
	case !user.May(0o004, env):
		f.ID, f.Severity = "env-not-readable", finding.Warning
		f.Message = fmt.Sprintf("the web server usually runs as %s, who can not read this file, and uzERP treats a file "+
			"that it can not read as an empty one", user.Name)
		f.Fix = errs.Plain(letRead(user, shell.Quote(env.Path)))
	default:
		return
	}
	c.add(f)
}

// checkCopies checks who may read the copies of conf/.env beside it. A web server that has conf/ inside its document root
// often refuses the name .env alone.
func (c *check) checkCopies() {
	f := finding.Finding{ID: "env-copy-readable", Severity: finding.Info, File: c.in.Env.Dir.Path}
	if c.in.Env.CopiesErr != nil {
		f.Message = "it was not judged who can read copies of conf/.env, because this directory can not be listed"
		c.add(f)
		return
	}
	var open []file.Facts
	for _, copied := range c.in.Env.Copies {
		user := c.in.WebUser
		if copied.ACL || copied.Mode&0o004 != 0 || user.Name != "" && copied.UID >= 0 && user.May(0o004, copied) {
			open = append(open, copied)
		}
	}
	if len(open) == 0 {
		return
	}
	f.Severity, f.File = finding.Warning, open[0].Path
	f.Message = "the web server can read this copy of conf/.env, and may hand it out with all passwords: many refuse only the name .env"
	if len(open) > 1 {
		f.Message = fmt.Sprintf("the web server can read this and %d more copies of conf/.env, and may hand them out with all passwords: "+
			"many refuse only the name .env", len(open)-1)
	}
	const most = 5
	var paths []string
	for _, copied := range open[:min(most, len(open))] {
		paths = append(paths, shell.Quote(copied.Path))
	}
	all := strings.Join(paths, " ")
	f.Fix = errs.Plain("rm " + all + ", or: chown root: " + all + " && chmod 0600 " + all)
	c.add(f)
}
