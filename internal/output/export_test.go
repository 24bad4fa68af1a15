package output

import (
	"errors"
	"io"
	"time"
)

// WaitingFor is Waiting with another pause.
func (s *Streams) WaitingFor(what string, pause time.Duration) (done func()) {
	return s.waiting(what, pause)
}

// SetSize says how large the terminal is.
func (s *Streams) SetSize(cols, rows int) { s.size = func() (int, int) { return cols, rows } }

// writeTable writes a table as into a pipe.
func writeTable(w io.Writer, header []string, rows [][]string) error {
	return paintedTable(w, header, rows, nil)
}

func paintedTable(w io.Writer, header []string, rows [][]string, style func(row, col int) Style) error {
	t := newTable(w, 0, true, columns(header...))
	t.Style = style
	var err error
	for _, row := range rows {
		err = errors.Join(err, t.Row(row...))
	}
	return errors.Join(err, t.Close())
}

func columns(names ...string) (all []Column) {
	for _, name := range names {
		all = append(all, Column{Name: name})
	}
	return all
}
