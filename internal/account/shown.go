package account

import (
	"strconv"
	"strings"
)

// longestShown is how many bytes of a name are shown.
const longestShown = 64

// Shown returns how a name is shown in a sentence or a list. Usual names stand as they are. Another one, as a directory may have it,
// stands in quotes, with escapes, and no longer than a line takes.
func Shown(name string) string {
	usual := name != "" && len(name) <= longestShown && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(`._-@\$`, r)
	}) < 0
	if id, ok := strings.CutPrefix(name, unnamed); usual || ok && id != "" && strings.Trim(id, "0123456789") == "" {
		return name
	}
	more := ""
	if len(name) > longestShown {
		name, more = strings.ToValidUTF8(name[:longestShown], ""), "…"
	}
	return strings.ReplaceAll(strconv.Quote(name), ",", `\x2c`) + more
}
