package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// measured is what a run measured.
type measured struct {
	machine  map[string]string             // date, cores, cpu, load-start …
	results  map[string]map[string]float64 // by the benchmark's name, without "Benchmark", and the unit
	order    []string                      // the names, as they came
	profiles map[string][]string           // by the command: "12.3% FUNCTION"
}

var (
	resultLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-[0-9]+)?\s+[0-9]+\s+(\S.*)$`)
	keyLine    = regexp.MustCompile(`^([a-z][a-z-]*): +(.*)$`)
	topLine    = regexp.MustCompile(`^profile/(\w+): (.*)$`)
)

// parse reads what go test -bench and run have written.
func parse(text string) measured {
	m := measured{machine: map[string]string{}, results: map[string]map[string]float64{}, profiles: map[string][]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		if k := keyLine.FindStringSubmatch(line); k != nil {
			m.machine[k[1]] = k[2]
		} else if t := topLine.FindStringSubmatch(line); t != nil {
			m.profiles[t[1]] = append(m.profiles[t[1]], t[2])
		} else if r := resultLine.FindStringSubmatch(line); r != nil {
			values := map[string]float64{}
			for pair := range slices.Chunk(strings.Fields(r[2]), 2) {
				if value, err := strconv.ParseFloat(pair[0], 64); err == nil && len(pair) == 2 {
					values[pair[1]] = value
				}
			}
			m.results[r[1]] = values
			m.order = append(m.order, r[1])
		}
	}
	return m
}
