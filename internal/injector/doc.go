// Package injector decides which class uzERP will use to log people in, and refuses every switch that would lock
// everybody out or let anybody in (docs/facts/uzerp.md §4). It plans; the database adapter writes the plan in one transaction.
package injector
