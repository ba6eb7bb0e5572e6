package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// kinds are those that a chart may have, and what each is read into. Those of others than
// Kubernetes itself are read as they are.
var kinds = map[string]func() any{
	"apps/v1/Deployment":                 func() any { return new(apps.Deployment) },
	"apps/v1/StatefulSet":                func() any { return new(apps.StatefulSet) },
	"batch/v1/Job":                       func() any { return new(batch.Job) },
	"batch/v1/CronJob":                   func() any { return new(batch.CronJob) },
	"v1/ConfigMap":                       func() any { return new(core.ConfigMap) },
	"v1/Secret":                          func() any { return new(core.Secret) },
	"v1/Service":                         func() any { return new(core.Service) },
	"v1/ServiceAccount":                  func() any { return new(core.ServiceAccount) },
	"v1/PersistentVolumeClaim":           func() any { return new(core.PersistentVolumeClaim) },
	"networking.k8s.io/v1/NetworkPolicy": func() any { return new(networking.NetworkPolicy) },
	"networking.k8s.io/v1/Ingress":       func() any { return new(networking.Ingress) },
	"policy/v1/PodDisruptionBudget":      func() any { return new(policy.PodDisruptionBudget) },

	"keda.sh/v1alpha1/ScaledObject":           func() any { return new(map[string]any) },
	"keda.sh/v1alpha1/TriggerAuthentication":  func() any { return new(map[string]any) },
	"monitoring.coreos.com/v1/PodMonitor":     func() any { return new(map[string]any) },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return new(map[string]any) },
}

// chart lints a chart, renders it with some files of values, and reads every object strictly.
func chart(args []string) (any, error) {
	values := map[string]any{}
	for _, name := range args[1:] {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var more map[string]any
		if err := yaml.UnmarshalStrict(b, &more); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		values = chartutil.CoalesceTables(more, values)
	}
	if err := linted(args[0], values); err != nil {
		return nil, err
	}
	c, err := loader.Load(args[0])
	if err != nil {
		return nil, err
	}
	caps := chartutil.DefaultCapabilities.Copy()
	all, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: "test", Namespace: "detonaut", Revision: 1, IsInstall: true}, caps)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	var objects []any
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for doc := range strings.SplitSeq("\n"+files[name], "\n---") {
			if strings.TrimSpace(doc) == "" {
				continue
			}
			o, err := object([]byte(doc))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if o != nil {
				objects = append(objects, o)
			}
		}
	}
	return objects, nil
}

// object reads one strictly: a field that its kind has not is an error.
func object(doc []byte) (any, error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(doc, &head); err != nil {
		return nil, err
	}
	if head.Kind == "" {
		if strings.Trim(strings.TrimSpace(string(doc)), "# \n") == "" {
			return nil, nil
		}
		var nothing any
		if err := yaml.Unmarshal(doc, &nothing); err != nil || nothing != nil {
			return nil, errors.Join(fmt.Errorf("no object: %.100s", doc), err)
		}
		return nil, nil
	}
	into := kinds[head.APIVersion+"/"+head.Kind]
	if into == nil {
		return nil, fmt.Errorf("%s %s is not read here", head.APIVersion, head.Kind)
	}
	o := into()
	if err := yaml.UnmarshalStrict(doc, o); err != nil {
		return nil, fmt.Errorf("%s: %w", head.Kind, err)
	}
	return o, nil
}

func linted(dir string, values map[string]any) error {
	var errs []error
	for _, m := range lint.All(dir, values, "detonaut", true).Messages {
		if m.Severity >= support.WarningSev {
			errs = append(errs, m)
		}
	}
	return errors.Join(errs...)
}
