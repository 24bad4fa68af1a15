//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package audit

import (
	"io/fs"
)

const openFlags = 0

func ownerAndLinks(fs.FileInfo) (uid, links int, ok bool) { return 0, 0, false }

func mayWrite(string) bool { return true }
