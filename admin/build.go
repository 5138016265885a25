package admin

import "runtime/debug"

// Build says which binary this is; the answer to GET /version.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the source; "" when unknown
	Time     string `json:"time"`     // of the revision, RFC 3339; "" when unknown
	Modified bool   `json:"modified"` // the source was changed after the revision
	Go       string `json:"go"`
}

// ReadBuild reads what the Go toolchain left in the binary; version, if not "", was set by who built it and wins.
func ReadBuild(version string) Build {
	b := Build{Version: version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
