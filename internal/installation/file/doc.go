// Package file replaces a file whole or not at all, and says who may read one.
//
// Its law: at every moment, and after a crash or a power cut, there is either the old file or the new one. Mode, owner
// and access list stay. No error holds a file's text.
package file
