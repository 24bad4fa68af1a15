package installation

import (
	"strconv"
	"strings"
)

// splitHost splits DB_HOST into host and port. It accepts "host", "host:port", ":port" (the local socket), "[IPv6]",
// "[IPv6]:port", and a socket directory with or without ":port". reason says why it can't, or is "". It never holds the
// value.
func splitHost(text string) (host string, port int, reason string) {
	portText, hasPort := "", false
	switch {
	case strings.HasPrefix(text, "["):
		inside, rest, closed := strings.Cut(text[1:], "]")
		if !closed || inside == "" || rest != "" && rest[0] != ':' {
			return "", 0, "has a bracket that is not closed or has something behind it"
		}
		host, hasPort = inside, rest != ""
		portText = strings.TrimPrefix(rest, ":")
	case strings.Count(text, ":") > 1:
		return "", 0, "has several colons; an IPv6 address must be in brackets"
	default:
		host, portText, hasPort = strings.Cut(text, ":")
	}
	if !hasPort {
		return host, 0, ""
	}
	port, err := strconv.Atoi(portText)
	if err != nil || strings.Trim(portText, "0123456789") != "" || port < 1 || port > 65535 {
		return "", 0, "has a port that is no number from 1 to 65535"
	}
	return host, port, ""
}
