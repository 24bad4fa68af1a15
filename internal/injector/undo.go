package injector

// PlanUndo takes changes back that a switch has made, as far as the rows are still as it left them: what somebody has
// changed since is theirs. A row that was added stays; with the old handler nothing asks for it.
func PlanUndo(classes []Class, made []Change) Switch {
	s := Switch{Was: classes}
	for _, m := range made {
		for _, c := range classes {
			if m.ID != 0 && c.ID == m.ID && c.Name == m.Name && c.ClassName == m.After {
				s.Changes = append(s.Changes, Change{ID: c.ID, Name: c.Name, Before: m.After, After: m.Before})
			}
		}
	}
	return s
}
