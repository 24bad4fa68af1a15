package injector

// PlanUndo returns the plan that takes back the changes of a switch. It does not touch a row that somebody has
// changed since the switch. A row that the switch added stays, because the old handler does not use it.
func PlanUndo(classes []Class, made []ClassChange) SwitchPlan {
	s := SwitchPlan{Was: classes}
	for _, m := range made {
		for _, c := range classes {
			if m.ID != 0 && c.ID == m.ID && c.Name == m.Name && c.ClassName == m.After {
				s.Changes = append(s.Changes, ClassChange{ID: c.ID, Name: c.Name, Before: m.After, After: m.Before})
			}
		}
	}
	return s
}
