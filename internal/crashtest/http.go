package crashtest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
)

// Handler puts the tap around an HTTP API: Before is when the whole request has come and next has not seen it, After when
// next has answered and nothing of the answer has gone out.
func (t *Tap) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // to its end: net/http then watches the connection and ends the context
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
		case h.hijacked: // next did something of its own with the connection
		case action == Cut:
			resetHTTP(w)
		case action == Hang, action == Freeze:
			hangHTTP(r)
		default:
			w.WriteHeader(h.status)
			_, _ = w.Write(h.body.Bytes()) // the client may be gone
		}
	})
}

// shape is a path of Twilio's without its version and its identifiers: every other segment is one.
func shape(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/v2/"), "/")
	for i := 1; i < len(segments); i += 2 {
		segments[i] = "*"
	}
	return strings.TrimPrefix(strings.Join(segments, "/"), "Services/*/")
}

// held keeps an answer back. Its header is the real one, which goes out with WriteHeader only.
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
