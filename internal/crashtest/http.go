package crashtest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
)

// Handler returns a handler with the tap around next. Before is when the whole request has arrived and next has not
// seen it. After is when next has answered and no part of the answer was sent.
func (t *Tap) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // to its end: only then net/http watches the connection and ends the context
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		u := t.begin("twilio", r.Method+" "+shape(r.URL.Path), r.Context().Done())
		switch u.ask(Before) {
		case Cut:
			resetHTTP(w)
			return
		case Hang, Freeze:
			hangHTTP(r)
		}
		h := &held{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(h, r)
		action := u.ask(After)
		switch {
		case h.hijacked: // next uses the connection in its own way
		case action == Cut:
			resetHTTP(w)
		case action == Hang, action == Freeze:
			hangHTTP(r)
		default:
			w.WriteHeader(h.status)
			_, _ = w.Write(h.body.Bytes()) // the client may have disconnected
		}
	})
}

// shape returns a path of Twilio's without its version and its identifiers. Every other segment is an identifier.
func shape(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/v2/"), "/")
	for i := 1; i < len(segments); i += 2 {
		segments[i] = "*"
	}
	return strings.TrimPrefix(strings.Join(segments, "/"), "Services/*/")
}

// held keeps an answer back. Its header is the real one, which is not sent before WriteHeader.
type held struct {
	http.ResponseWriter
	status   int
	body     bytes.Buffer
	hijacked bool
}

// WriteHeader implements http.ResponseWriter.
func (h *held) WriteHeader(status int) { h.status = status }

// Write implements http.ResponseWriter.
func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }

// Hijack implements http.Hijacker.
func (h *held) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.hijacked = true
	return http.NewResponseController(h.ResponseWriter).Hijack()
}

func resetHTTP(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	resetTCP(conn)
}

func hangHTTP(r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// resetTCP closes a connection with RST instead of FIN.
func resetTCP(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
