package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluice/config"
)

func newValidate(c console) *cobra.Command {
	var p printer
	var strict bool
	cmd := &cobra.Command{
		Use:   "validate FILE…",
		Short: "Check configuration files and say what their rollouts will do",
		Args:  cobra.MinimumNArgs(1),
		RunE:  func(_ *cobra.Command, files []string) error { return validate(c, p, files, strict) },
	}
	p.flags(c, cmd)
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings are errors")
	return cmd
}

// validation is what `validate -o json` prints.
type validation struct {
	Findings []finding   `json:"findings"`
	Plans    []routePlan `json:"plans"`
}

type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
}

type routePlan struct {
	Route string `json:"route"`
	Plan  string `json:"plan"`
}

func validate(c console, p printer, files []string, strict bool) error {
	v := validation{Findings: []finding{}, Plans: []routePlan{}}
	var all config.Findings
	errors := 0
	for _, file := range files {
		loaded, found := config.Load(file)
		for _, f := range found {
			if strict {
				f.Severity = config.Error
			}
			if f.Severity == config.Error {
				errors++
			}
			all = append(all, f)
			v.Findings = append(v.Findings, finding{File: f.File, Line: f.Line, Column: f.Column, Severity: f.Severity.String(), Message: f.Message})
		}
		if loaded != nil {
			v.Plans = append(v.Plans, plans(c.err, loaded)...)
		}
	}
	err := p.print(v, func(w io.Writer) {
		for _, f := range all {
			_, _ = fmt.Fprintln(w, f)
		}
		for _, plan := range v.Plans {
			_, _ = fmt.Fprintf(w, "%s: %s\n", plan.Route, plan.Plan)
		}
	})
	switch {
	case err != nil:
		return err
	case errors == 1:
		return withCode(exitConfig, "1 error")
	case errors > 1:
		return withCode(exitConfig, "%d errors", errors)
	}
	_, _ = fmt.Fprintln(c.err, "valid")
	return nil
}

// plans are the rollouts of a configuration in words; what was filled in goes to notes.
func plans(notes io.Writer, c *config.Config) (all []routePlan) {
	for _, r := range c.Routes {
		if r.Rollout == nil {
			continue
		}
		all = append(all, routePlan{Route: r.Name, Plan: r.Rollout.InWords()})
		if r.Rollout.StepsCompleted {
			_, _ = fmt.Fprintf(notes, "%s: the steps end below 100%%, so 100%% was added as the bake\n", r.Name)
		}
	}
	return all
}
