package sessionconfig

import (
	"path"
	"path/filepath"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation/webconf"
)

// checkWeb checks whether the web server would hand out conf/.env, as its configuration says. The web server is not asked. What is
// not understood never counts as forbidden.
func (c *check) checkWeb() {
	if c.in.Web == nil {
		return
	}
	env := c.in.Env.File.Path
	for _, way := range c.in.Web.Ways {
		f := finding.Finding{ID: "env-in-document-root", Severity: finding.Error, File: env}
		whom := "to everybody who asks"
		if way.Access == webconf.Limited {
			f.Severity, whom = finding.Warning, "to those whom an address or a password lets in, if they ask"
		}
		f.Message = "by its configuration " + way.Server + " hands out this file, with uzERP's passwords and Twilio's token, " +
			whom + " for " + way.URL + " (" + way.Place + ")"
		if len(way.Unclear) > 0 {
			f.Severity = finding.Warning
			f.Message += ", unless this forbids it, which is not understood here: " + strings.Join(way.Unclear, ", ")
		}
		fix := `<Directory "` + filepath.Dir(env) + `">, Require all denied, </Directory>`
		if way.Server == "nginx" {
			fix = "location ^~ " + path.Dir(way.URL) + "/ { deny all; }"
		}
		f.Fix = errs.Plain(fix)
		c.add(f)
	}
	f := finding.Finding{ID: "env-web-server", Severity: finding.Info, File: env}
	why := append([]string{}, c.in.Web.Unclear...)
	for _, not := range c.in.Web.NotRead {
		why = append(why, not.Path+": "+not.Reason)
	}
	switch {
	case len(c.in.Web.Servers) == 0 && len(why) == 0:
		f.Message = "whether the web server hands out this file was not judged: no configuration of Apache or nginx is known here; " +
			"it must answer nobody who asks for it"
	case len(why) > 0:
		f.Message = "whether the web server hands out this file is not known for certain, because this was not read or not understood: " + strings.Join(why, "; ")
	default:
		return
	}
	c.add(f)
}
