package cmd

import (
	"fmt"

	"uzerp-mfa/internal/installation"
)

// envChangeView is one setting that gets another value.
type envChangeView struct {
	// its name
	Setting string  `json:"setting"`
	Changed bool    `json:"changed"`
	Line    *int    `json:"line"`   // null for a line that is added
	Before  *string `json:"before"` // null where the setting was missing
	// its new value
	After string `json:"after"`
}

func viewChanges(changes []installation.SettingChange) []envChangeView {
	views := []envChangeView{}
	for _, c := range changes {
		views = append(views, viewChange(c))
	}
	return views
}

func viewChange(c installation.SettingChange) envChangeView {
	v := envChangeView{Setting: c.Setting, Before: c.Before, After: c.After}
	if c.Line > 0 {
		v.Line = &c.Line
	}
	return v
}

// say describes a change before it is made.
func (c envChangeView) say() string {
	where, before := "new line", "(none)"
	if c.Line != nil {
		where = fmt.Sprintf("line %d", *c.Line)
	}
	if c.Before != nil {
		before = c.Setting + "=" + *c.Before
	}
	return where + ": " + before + " -> " + c.Setting + "=" + c.After
}
