// Package output is the only way from the program to a screen, a pipe or a file, and back from the keyboard.
//
// Its law:
//
//   - Data goes to stdout; messages (notes, warnings, prompts) go to stderr.
//   - Nothing from outside reaches a terminal raw. Every cell, message argument and question is made harmless
//     here, so that a caller can't forget it. ANSI sequences are made in this package and nowhere else.
//   - It knows no domain type, only strings and values that encoding/json understands.
//
// Tables, messages and CSV are for people and spreadsheets. They may show an escape where a character was. JSON is
// for programs and loses nothing.
package output
