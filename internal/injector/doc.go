// Package injector says which class uzERP will use to log people in, and plans the switch to another one.
//
// Its law: a switch that would lock everybody out, or let anybody in, is refused (docs/facts/uzerp.md §4). It reads and
// plans; the database adapter writes the plan in one transaction.
package injector
