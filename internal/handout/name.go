package handout

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"uzerp-mfa/internal/pattern"
)

// plainName is a user name that may be the name of a file as it is, on every file system that a page may be copied to.
var plainName = pattern.Lazy(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

// hashedName is how the names of files end that have a hash. A user name that looks so gets one too: its page must not have the
// name of another user's.
var hashedName = pattern.Lazy(`-[0-9a-f]{16}$`)

// deviceName is a name that Windows keeps for devices, whatever the file's ending is.
var deviceName = pattern.Lazy(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`)

// maxReadable is how much of a user name is in the name of a file with a hash.
const maxReadable = 40

// FileName returns the name of a user's page. It is the user name where that is a harmless one. All other names, also those
// that differ in capital letters only, get what is harmless in them and a hash. No two users have the same.
func FileName(username string) string {
	if plainName().MatchString(username) && !hashedName().MatchString(username) && !deviceName().MatchString(username) {
		return username + pageEnding
	}
	readable := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, username)
	hash := sha256.Sum256([]byte(username))
	return "user-" + readable[:min(len(readable), maxReadable)] + "-" + hex.EncodeToString(hash[:8]) + pageEnding
}

const pageEnding = ".html"
