// Package ui is the operators' page: static files in the binary, served as they stand. There is no build step: app.js is where the page
// begins, each of its modules has one topic, and style.css has the colours of both themes at its top.
//
// The page asks the admin API for everything it shows and knows nothing that the API does not tell. uPlot draws the charts; it is vendored
// (uplot.LICENSE.txt), a test holds its checksum.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed index.html *.js *.css icon.svg
var files embed.FS

// policy lets the page load its own files and ask its own server, and nothing else: no script or style in the markup runs, and no text
// can be turned into markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// file is one of the page's files, ready to be sent.
type file struct {
	kind, tag       string
	plain, squeezed []byte
}

var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
}

// load reads the embedded files once; a file that can't be read is our bug.
var load = sync.OnceValue(func() map[string]*file {
	list, err := files.ReadDir(".")
	if err != nil {
		panic("bug: the page's files: " + err.Error())
	}
	all := make(map[string]*file, len(list))
	for _, entry := range list {
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			panic("bug: the page's files: " + err.Error())
		}
		sum := sha256.Sum256(text)
		all[entry.Name()] = &file{kind: kinds[path.Ext(entry.Name())], tag: hex.EncodeToString(sum[:12]), plain: text, squeezed: squeeze(text)}
	}
	return all
})

func squeeze(text []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic("bug: " + err.Error())
	}
	_, _ = w.Write(text) // into a buffer
	_ = w.Close()
	return b.Bytes()
}

// Handler serves the files below /ui/.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/ui/")
		if name == "" {
			name = "index.html"
		}
		f := load()[name]
		if f == nil {
			http.NotFound(w, r)
			return
		}
		f.serve(w, r)
	})
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	text, tag := f.plain, `"`+f.tag+`"`
	h := w.Header()
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		text, tag = f.squeezed, `"`+f.tag+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache") // asked for again, and 304 while the binary is the same
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(text) // the client may be gone
}
