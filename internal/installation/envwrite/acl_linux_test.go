package envwrite

import (
	"bytes"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/sharedtest"
)

const aclAttribute = "system.posix_acl_access"

func TestReplaceKeepsACL(t *testing.T) {
	path := filepath.Join(treetest.Write(t, map[string]string{".env": "old"}), ".env")
	// Version 2; owner rw, user 33 r, group r, mask r, others nothing.
	list := []byte("\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\x21\x00\x00\x00" +
		"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x04\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff")
	if err := syscall.Setxattr(path, aclAttribute, list, 0); err != nil {
		sharedtest.LeaveOut(t, sharedtest.FileSystem, fmt.Errorf("no access lists on this file system: %w", err))
	}
	backup, err := replaceFile(t.Context(), path, to("new"))
	if err != nil {
		t.Fatal(err)
	}
	if facts, err := file.Stat(path); err != nil || !facts.ACL {
		t.Errorf("%+v, %v", facts, err)
	}
	got := make([]byte, len(list))
	if n, err := syscall.Getxattr(path, aclAttribute, got); err != nil || !bytes.Equal(got[:n], list) {
		t.Errorf("%x, %v", got, err)
	}
	if facts, err := file.Stat(backup); err != nil || facts.ACL || facts.Mode != 0o600 {
		t.Errorf("the backup: %+v, %v", facts, err)
	}
}
