// Package file reads settings files, and says who may read one.
//
// Its law: what is opened is a regular file of limited size, and no link of a stranger leads to it. Opening it never
// waits. No error holds a file's text.
package file
