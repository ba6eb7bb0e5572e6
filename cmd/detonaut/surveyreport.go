package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/survey/dataset"
	"github.com/detonaut/detonaut/internal/survey/study"
)

func (a *app) surveyReport() *cobra.Command {
	var output []string
	var data, license string
	cmd := &cobra.Command{
		Use:   "report NAME",
		Short: "Print the study: what came of a survey, counted",
		Long: `Report counts what came of a survey: verdicts, vulnerabilities, secrets, what
images do when they are run, by who publishes them and how popular they are. Of a
sample each share has an interval of 95 %. A survey that is not done yet is counted as far as
it is. docs/study.md tells what each number means.

With --dataset the data are written, too: tables of Parquet, with a dictionary,
checksums and a manifest, in a directory that is made.`,
		Example: `  detonaut survey report official
  detonaut survey report official -o html=official.html -o csv=official.csv
  detonaut survey report official -o json --dataset official-data`,
		Args: oneSurvey,
		RunE: func(cmd *cobra.Command, args []string) error {
			outs, err := studyOutputs(output)
			if err != nil {
				return err
			}
			return a.withExisting(cmd, func(_ *config.Loaded, r *remembered) error {
				if _, err := findSurvey(cmd.Context(), r.store, args[0]); err != nil {
					return err
				}
				rep, err := study.Of(cmd.Context(), r.store, args[0])
				if err != nil {
					return noSuch(err)
				}
				for _, out := range outs {
					if err := a.writeStudy(out, rep); err != nil {
						return err
					}
				}
				if data == "" {
					return nil
				}
				err = dataset.Write(cmd.Context(), data, r.store, args[0], dataset.About{Tool: version.String(), License: license})
				if err == nil {
					a.notice("the data of %s are in %s", args[0], data)
				}
				return err
			})
		},
	}
	cmd.Flags().StringArrayVarP(&output, "output", "o", []string{study.Formats()[0]},
		"`FORMAT[=FILE]` of the study, may be given more than once: "+strings.Join(study.Formats(), ", "))
	cmd.Flags().StringVar(&data, "dataset", "", "`DIR` to which the data are written, too; it must be empty, or not there")
	cmd.Flags().StringVar(&license, "license", "", "`LICENSE` that the data set names")
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

// studyOutput is where a study is written, and how; standard output if the file is empty.
type studyOutput struct{ format, file string }

// studyOutputs reads every FORMAT[=FILE].
func studyOutputs(specs []string) (outs []studyOutput, err error) {
	onStdout := 0
	for _, spec := range specs {
		format, file, named := strings.Cut(spec, "=")
		if !slices.Contains(study.Formats(), format) {
			return nil, fmt.Errorf("%w: -o %s: unknown format %q: use %s", detonaut.ErrUsage, spec, format, strings.Join(study.Formats(), ", "))
		}
		if named && file == "" {
			return nil, fmt.Errorf("%w: -o %s: no file after =", detonaut.ErrUsage, spec)
		}
		if !named {
			onStdout++
		}
		outs = append(outs, studyOutput{format, file})
	}
	if onStdout > 1 {
		return nil, fmt.Errorf("%w: only one format can go to standard output: use -o FORMAT=FILE for the others", detonaut.ErrUsage)
	}
	return outs, nil
}

func (a *app) writeStudy(out studyOutput, rep *study.Report) error {
	write := func(w io.Writer) error { return study.Write(w, out.format, rep) }
	if out.file != "" {
		return writeWhole(out.file, write)
	}
	var b strings.Builder // so that an error leaves no half
	if err := write(&b); err != nil {
		return err
	}
	if _, err := io.WriteString(a.stdout, b.String()); err != nil {
		return errors.Join(errors.New("write result"), err)
	}
	return nil
}
