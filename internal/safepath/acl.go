//go:build unix

package safepath

import "encoding/binary"

// aclEntry is an entry of a POSIX access list as Linux keeps it (include/uapi/linux/posix_acl_xattr.h).
type aclEntry struct {
	tag, perm uint16
	id        uint32
}

const (
	aclUser        = 0x02
	aclGroupObject = 0x04
	aclGroup       = 0x08
	aclWrite       = 0x02
	aclHeader      = 4
	aclEntrySize   = 8
)

func parseACL(raw []byte) []aclEntry {
	var list []aclEntry
	for raw = raw[min(aclHeader, len(raw)):]; len(raw) >= aclEntrySize; raw = raw[aclEntrySize:] {
		list = append(list, aclEntry{binary.LittleEndian.Uint16(raw), binary.LittleEndian.Uint16(raw[2:]), binary.LittleEndian.Uint32(raw[4:])})
	}
	return list
}
