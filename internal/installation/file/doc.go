// Package file replaces a file whole or not at all, and says who may read one.
//
// Its law: a reader, a crash and a power cut see the old file or the new one; mode, owner and access list stay; no error
// holds a file's text.
package file
