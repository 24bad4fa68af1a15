package file

import (
	"bytes"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/sharedtest"
)

func TestReplaceKeepsACL(t *testing.T) {
	path := filepath.Join(treetest.Write(t, map[string]string{".env": "old"}), ".env")
	// Version 2; owner rw, user 33 r, group r, mask r, others nothing.
	list := []byte("\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\x21\x00\x00\x00" +
		"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x04\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff")
	if err := syscall.Setxattr(path, aclAttribute, list, 0); err != nil {
		sharedtest.LeaveOut(t, sharedtest.FileSystem, fmt.Errorf("no access lists on this file system: %w", err))
	}
	backup, err := Replace(t.Context(), path, to("new"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, backup} {
		if facts, err := Stat(name); err != nil || !facts.ACL {
			t.Errorf("%+v, %v", facts, err)
		}
		got := make([]byte, len(list))
		if n, err := syscall.Getxattr(name, aclAttribute, got); err != nil || !bytes.Equal(got[:n], list) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
}
