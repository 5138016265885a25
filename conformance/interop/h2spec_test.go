package interop

import (
	"encoding/xml"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/internal/testkit"
)

// deviations are the cases of h2spec that net/http's server answers otherwise than it expects, and why that is as good.
var deviations = map[string]string{
	"Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE":                                          "a setting that stands twice in one frame ends the connection",
	"Sends a HEADERS frame that contains the connection-specific header field":                       "400, which RFC 9113 section 8.1.1 allows",
	"Sends a HEADERS frame that contains the TE header field with any value other than \"trailers\"": "400, which RFC 9113 section 8.1.1 allows",
	"Sends invalid connection preface":                                                               "on a plain listener what is no preface is a request of HTTP/1: 400",
}

func TestH2specFindsNoFaultButTheKnownOnes(t *testing.T) {
	t.Parallel()
	spec := peer(t, "h2spec")
	origin := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 64)) })
	e := newEdge(t, "  - {name: shop, backends: {stable: {endpoints: [\""+origin.URL+"\"]}}}\n")
	for name, address := range map[string]string{"h2c": e.Web, "TLS": e.Secure} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "report.xml")
			cmd := exec.Command(spec, "-h", host, "-p", port, "-o", "5", "-j", file)
			if name == "TLS" {
				cmd.Args = append(cmd.Args, "-t", "-k")
			}
			out, _ := cmd.CombinedOutput() // its code says that a case failed, which the report says better
			var report struct {
				Suites []struct {
					Cases []struct {
						Section string `xml:"package,attr"`
						Title   string `xml:"classname,attr"`
						Failure *struct {
							Text string `xml:",chardata"`
						} `xml:"failure"`
						Error *struct {
							Text string `xml:",chardata"`
						} `xml:"error"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			src, err := os.ReadFile(file)
			if err == nil {
				err = xml.Unmarshal(src, &report)
			}
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			n := 0
			for _, s := range report.Suites {
				for _, c := range s.Cases {
					n++
					if (c.Failure != nil || c.Error != nil) && deviations[c.Title] == "" {
						t.Errorf("%s: %s: %v %v", c.Section, c.Title, c.Failure, c.Error)
					}
				}
			}
			if n < 140 {
				t.Errorf("h2spec ran %d cases, want all of its 145 or so: %s", n, out)
			}
		})
	}
}
