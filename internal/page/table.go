package page

import "strings"

// narrowest is how many columns a cell needs, so that its text can be read when it is wrapped.
const narrowest = 24

// table lays out a table in columns, if need be with the text of one column wrapped. If that does not fit either, each row
// becomes a block: its first cell, and below it the others, each behind the name of its column.
func (r renderer) table(rows [][][]Span, indent string) string {
	cells := make([][][]word, len(rows))
	natural := make([]int, len(rows[0]))
	longest := make([]int, len(rows[0])) // the widest word of each column
	for i, row := range rows {
		for j, cell := range row {
			words := r.words(cell)
			if i == 0 {
				for k := range words {
					words[k].bold = true
				}
			}
			cells[i] = append(cells[i], words)
			natural[j] = max(natural[j], widthOf(words))
			for _, line := range breakLines(words, 1) {
				longest[j] = max(longest[j], widthOf(line))
			}
		}
	}
	room := r.width - len(indent) - 2*(len(natural)-1)
	widths, fits := share(natural, longest, room)
	if !fits {
		return r.rowsAsBlocks(rows, indent)
	}
	var b strings.Builder
	for i, row := range cells {
		if i == 0 && empty(row) {
			continue
		}
		var columns [][][]word
		height := 0
		for j, words := range row {
			lines := breakLines(words, widths[j])
			columns, height = append(columns, lines), max(height, len(lines))
		}
		for k := range height {
			line, due := indent, 0
			for j, lines := range columns {
				width := 0
				if k < len(lines) {
					line += strings.Repeat(" ", due) + r.paint(lines[k])
					width, due = widthOf(lines[k]), 0
				}
				due += widths[j] - width + 2
			}
			b.WriteString(line + "\n")
		}
		if i == 0 {
			b.WriteString(indent + strings.Repeat("-", min(room, sum(widths))+2*(len(widths)-1)) + "\n")
		}
	}
	return b.String()
}

// share divides room among columns. The widest ones are wrapped, until all fit; no column gets narrower than its longest word,
// or than can be read.
func share(natural, longest []int, room int) (widths []int, fits bool) {
	widths = append(widths, natural...)
	for sum(widths) > room {
		widest := -1
		for j, w := range widths {
			if w > max(longest[j], narrowest) && (widest < 0 || w > widths[widest]) {
				widest = j
			}
		}
		if widest < 0 {
			return nil, false
		}
		widths[widest]--
	}
	return widths, true
}

func sum(all []int) (total int) {
	for _, n := range all {
		total += n
	}
	return total
}

func empty(row [][]word) bool {
	for _, words := range row {
		if len(words) > 0 {
			return false
		}
	}
	return true
}

func (r renderer) rowsAsBlocks(rows [][][]Span, indent string) string {
	var b strings.Builder
	for i, row := range rows[1:] {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(r.flow(row[0], indent, indent, true))
		for j, cell := range row[1:] {
			if len(cell) == 0 {
				continue
			}
			if name := rows[0][j+1]; len(name) > 0 {
				cell = append(append(append([]Span{}, name...), Span{Text: ": "}), cell...)
			}
			b.WriteString(r.flow(cell, indent+"  ", indent+"    ", false))
		}
	}
	return b.String()
}
