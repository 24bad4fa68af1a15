// Package envwrite replaces uzERP's conf/.env whole or not at all. Only connect may import it: what it writes is recorded.
//
// Its laws: at every moment, and after a crash or a power cut, there is either the old file or the new one. Owner, mode
// and access list stay, and at no moment may anybody else read what is written. No error holds a file's text.
//
// The directory belongs to the web server, which may exchange every name in it at any moment. So each file is opened
// once, everything is done on its descriptor, and a name is believed only if it still leads to that file.
package envwrite
