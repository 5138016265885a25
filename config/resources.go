package config

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Resources say where the use of a route's hosts, CPU and memory, is read.
type Resources struct {
	// Source is "orca" (the endpoint-load-metrics field of answers), "prometheus" (exporters that are scraped) or "cgroup". Default "orca".
	Source string
	// Prometheus holds the exporters of each backend's hosts, node_exporter's metrics as text. Default: none.
	Prometheus map[string][]string
	// Cgroup is each backend's control group, version 2, below /sys/fs/cgroup. Default: none.
	Cgroup map[string]string
}

func (d *decoder) resources(v value, r *Resources) {
	d.object(v, keys{
		"source": one(d, &r.Source, oneOf([]string{"orca", "prometheus", "cgroup"})),
		"prometheus": func(v value) {
			r.Prometheus = map[string][]string{}
			for _, p := range d.pairs(v) {
				var urls []string
				d.each(p.value, func(_ int, entry value) {
					var url string
					secret(d, &url, parseCallURL)(entry)
					urls = append(urls, url)
				})
				if len(p.value.node.Content) == 0 && !d.broken(p.value.path) {
					d.errorf(p.value.path, "the list is empty; name at least one exporter, like http://10.0.0.11:9100/metrics")
				}
				r.Prometheus[p.name] = urls
			}
		},
		"cgroup": func(v value) {
			r.Cgroup = map[string]string{}
			for _, p := range d.pairs(v) {
				var group string
				one(d, &group, parseCgroup)(p.value)
				r.Cgroup[p.name] = group
			}
		},
	})
}

// parseCgroup reads a path below /sys/fs/cgroup, as /proc/PID/cgroup or systemctl show it.
func parseCgroup(s string) (string, error) {
	if s, err := parseText(s); err != nil {
		return s, err
	}
	inner, mounted := strings.CutPrefix(s, "/sys/fs/cgroup/")
	switch {
	case mounted:
		return "", fmt.Errorf("begins with what is known; did you mean %q?", inner)
	case path.Clean("/"+s) != "/"+strings.Trim(s, "/") || strings.Trim(s, "/") == "":
		return "", errors.New("is no control group; write it like system.slice/app.service")
	}
	return strings.Trim(s, "/"), nil
}

// resourceRules: what is read has a place, and each place a backend.
func (d *decoder) resourceRules(r *Route, path string) {
	at := path + ".resources"
	var asked string
	if r.Rollout != nil {
		for i, c := range r.Rollout.Analysis.Checks {
			if c.OfHosts() && asked == "" {
				asked = fmt.Sprintf("%s.rollout.analysis.checks[%d]", path, i)
				if r.Resources == nil {
					d.errorf(asked+".metric", "%s needs to be read somewhere; write resources: {source: orca}, prometheus or cgroup on the route", c.Metric)
				}
			}
		}
	}
	if r.Resources == nil || d.broken(at) {
		return
	}
	named := map[string]map[string]bool{"prometheus": {}, "cgroup": {}}
	for name := range r.Resources.Prometheus {
		named["prometheus"][name] = true
	}
	for name := range r.Resources.Cgroup {
		named["cgroup"][name] = true
	}
	for _, source := range []string{"prometheus", "cgroup"} {
		places := at + "." + source
		switch {
		case d.has(places) && r.Resources.Source != source:
			d.errorf(places, "says nothing with source: %s; remove it, or write source: %s", r.Resources.Source, source)
			continue
		case !d.has(places) && r.Resources.Source == source:
			d.errorf(at+".source", "%s needs its places by backend; write %s", source, examplePlaces[source])
			continue
		}
		for name := range named[source] {
			if findBackend(r, name) == nil && !d.broken(path+".backends") {
				d.errorf(places+"."+name, "there is no backend %s%s", quote(name), suggestion(name, backendNames(r)))
			}
		}
		if r.Rollout == nil || r.Resources.Source != source || d.broken(places) {
			continue
		}
		if name := r.Rollout.Canary; asked != "" && findBackend(r, name) != nil && !named[source][name] {
			d.errorf(places, "%s is missing, whose hosts a check is about; write %s", quote(name), examplePlaces[source])
		}
		if name := r.Rollout.Stable; asked != "" && findBackend(r, name) != nil && !named[source][name] {
			d.warnf(places, "%s is missing, so the canary's hosts are compared with none, and there are none to look at when it is on trial; write %s",
				quote(name), examplePlaces[source])
		}
	}
}

var examplePlaces = map[string]string{
	"prometheus": "prometheus: {stable: [http://10.0.0.11:9100/metrics], canary: [http://10.0.1.11:9100/metrics]}",
	"cgroup":     "cgroup: {stable: system.slice/app.service, canary: system.slice/app-next.service}",
}
