// Package output is the only way from the program to a screen, a pipe or a file, and back from the keyboard.
//
// Its law:
//
//   - Data goes to stdout; talk (notes, warnings, prompts) goes to stderr.
//   - Nothing from outside reaches a terminal raw. Every cell, message argument and question is made harmless
//     here, so that a caller can't forget it; ANSI sequences are made in this package and nowhere else.
//   - It knows no domain type: strings and values that encoding/json understands, nothing more.
//
// Tables, messages and CSV are for eyes and spreadsheets and may show an escape where a character was. JSON is
// for programs and loses nothing.
package output
