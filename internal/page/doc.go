// Package page reads the pages of docs/ and lays them out for a terminal.
//
// Its law: it knows the Markdown that these pages are written in, and no more; its tests hold every page against another
// parser. What must be copied is never broken: no line of code, no `code` in a sentence. It works from 40 columns up, and
// says the same without colours. The pages are the program's own text: nothing from outside goes through it.
package page
