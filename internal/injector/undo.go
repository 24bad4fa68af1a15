package injector

// PlanUndo returns the plan that takes back changes of a switch. It leaves every row alone that is no longer as the switch left
// it, because somebody has changed it since. A row that the switch added stays: nothing uses it with the old handler.
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
