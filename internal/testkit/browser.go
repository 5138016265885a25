package testkit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Browser is a page in a headless Chromium, driven over the DevTools protocol (chromedevtools.github.io/devtools-protocol). The few
// commands that our tests need are sent as they stand there.
type Browser struct {
	t    testing.TB
	conn *websocket.Conn

	mu       sync.Mutex
	next     int
	answers  map[int]chan answer
	problems []string // what the page complained about, in its console or by an exception
	network  []string // what it could not load
	asked    []string // the addresses of all requests
}

type answer struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// oneBrowser is held by the test that has one: several Chromiums at a time leave two processors no time for what they look at.
var oneBrowser sync.Mutex

// NewBrowser starts a Chromium with one empty page until the end of the test; only one runs at a time. Without one the test is skipped,
// and fails under CI=true.
func NewBrowser(t testing.TB) *Browser {
	t.Helper()
	oneBrowser.Lock()
	t.Cleanup(oneBrowser.Unlock)
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing: make needs")
		}
		t.Skip("chromium is missing: make needs")
	}
	folder := scratch(t)
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0", "--user-data-dir="+folder, "about:blank")
	cmd.Env = append(cleanEnvironment(), "HOME="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it has children, which end with it
	if err := cmd.Start(); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	b := &Browser{t: t, answers: map[int]chan answer{}}
	b.connect(t, filepath.Join(folder, "DevToolsActivePort"))
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.Do(domain+".enable", nil, nil)
	}
	b.Size(1280, 900)
	return b
}

// connect opens a page's channel; Chromium writes its port into a file of its folder.
func (b *Browser) connect(t testing.TB, portFile string) {
	t.Helper()
	var page struct {
		URL string `json:"webSocketDebuggerUrl"`
	}
	Until(t, 3*Patience, "chromium to listen", func() (bool, any) {
		text, err := os.ReadFile(portFile)
		port, _, ok := strings.Cut(string(text), "\n")
		if err != nil || !ok {
			return false, err
		}
		r, err := http.NewRequest(http.MethodPut, "http://127.0.0.1:"+port+"/json/new?about:blank", http.NoBody)
		if err != nil {
			return false, err
		}
		reply, err := api.Do(r)
		if err != nil {
			return false, err
		}
		defer func() { _ = reply.Body.Close() }()
		err = json.NewDecoder(reply.Body).Decode(&page)
		return err == nil && page.URL != "", err
	})
	ctx, cancel := context.WithCancel(context.Background())
	conn, _, err := websocket.Dial(ctx, page.URL, nil)
	if err != nil {
		cancel()
		t.Fatalf("talk to chromium: %v", err)
	}
	conn.SetReadLimit(64 << 20) // screenshots
	b.conn = conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			_, text, err := conn.Read(ctx)
			if err != nil {
				return
			}
			b.hear(text)
		}
	}()
	t.Cleanup(func() { cancel(); _ = conn.CloseNow(); <-done })
}

// hear sorts what Chromium says: an answer, or an event.
func (b *Browser) hear(text []byte) {
	var m struct {
		ID     int             `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
		answer
	}
	if json.Unmarshal(text, &m) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if ch := b.answers[m.ID]; ch != nil && m.Method == "" {
		delete(b.answers, m.ID)
		ch <- m.answer
		return
	}
	b.note(m.Method, m.Params)
}

func (b *Browser) note(method string, params json.RawMessage) {
	var p struct {
		Type  string `json:"type"`
		Entry struct {
			Level, Source, Text, URL string
		} `json:"entry"`
		Request struct {
			URL string `json:"url"`
		} `json:"request"`
	}
	_ = json.Unmarshal(params, &p)
	switch {
	case method == "Network.requestWillBeSent":
		b.asked = append(b.asked, p.Request.URL)
	case method == "Runtime.exceptionThrown", method == "Runtime.consoleAPICalled" && (p.Type == "error" || p.Type == "warning" || p.Type == "assert"):
		b.problems = append(b.problems, string(params))
	case method == "Log.entryAdded" && p.Entry.Source == "network":
		b.network = append(b.network, p.Entry.Text+" "+p.Entry.URL)
	case method == "Log.entryAdded" && p.Entry.Level == "error":
		b.problems = append(b.problems, p.Entry.Source+": "+p.Entry.Text)
	}
}

// Do sends a command and reads its result into out, which may be nil.
func (b *Browser) Do(method string, params, out any) {
	b.t.Helper()
	b.mu.Lock()
	b.next++
	id, ch := b.next, make(chan answer, 1)
	b.answers[id] = ch
	b.mu.Unlock()
	if params == nil {
		params = struct{}{}
	}
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*Patience)
	defer cancel()
	if err := b.conn.Write(ctx, websocket.MessageText, text); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case a := <-ch:
		if a.Error != nil {
			b.t.Fatalf("%s: %s", method, a.Error.Message)
		}
		if out != nil {
			if err := json.Unmarshal(a.Result, out); err != nil {
				b.t.Fatalf("%s: %v in %s", method, err, a.Result)
			}
		}
	case <-ctx.Done():
		b.t.Fatalf("%s: chromium does not answer", method)
	}
}

// Open loads an address.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.Do("Page.navigate", map[string]any{"url": url}, nil)
}

// Size is that of the window, in CSS pixels.
func (b *Browser) Size(width, height int) {
	b.t.Helper()
	b.Do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// Theme is what the system prefers: "light" or "dark".
func (b *Browser) Theme(name string) {
	b.t.Helper()
	b.Do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": name}}}, nil)
}

// Eval is the value of an expression, which may be a promise, as JSON has it.
func (b *Browser) Eval(expression string) any {
	b.t.Helper()
	var out struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.Do("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &out)
	if e := out.ExceptionDetails; e != nil {
		b.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	return out.Result.Value
}

// Text is what a person reads in the first element that the CSS selector finds; "" where there is none.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	text, _ := b.Eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)).(string)
	return text
}

// Await waits until the text of an element has all parts, and returns it.
func (b *Browser) Await(selector string, parts ...string) string {
	b.t.Helper()
	var text string
	Until(b.t, 2*Patience, fmt.Sprintf("%s to say %q", selector, parts), func() (bool, any) {
		text = b.Text(selector)
		for _, p := range parts {
			if !strings.Contains(text, p) {
				return false, text
			}
		}
		return text != "", text
	})
	return text
}

// Click moves the pointer to the middle of an element and presses.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	at, _ := b.Eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (!e) return null; e.scrollIntoView({block: 'center'});
		const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`, selector)).([]any)
	if len(at) != 2 {
		b.t.Fatalf("click: there is no %s", selector)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.Do("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1}, nil)
	}
}

// Type writes text where the focus is.
func (b *Browser) Type(text string) {
	b.t.Helper()
	b.Do("Input.insertText", map[string]any{"text": text}, nil)
}

// Key presses one key: Tab, Enter, Escape.
func (b *Browser) Key(name string) {
	b.t.Helper()
	code := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27}[name]
	text := ""
	if name == "Enter" {
		text = "\r"
	}
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.Do("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code, "text": text}, nil)
	}
}

// Shot writes a picture of the whole page into the folder that the environment's SLUICE_SHOTS names; without one it does nothing.
func (b *Browser) Shot(name string) {
	b.t.Helper()
	folder := os.Getenv("SLUICE_SHOTS")
	if folder == "" {
		return
	}
	var out struct{ Data string }
	b.Do("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &out)
	raw, err := base64.StdEncoding.DecodeString(out.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), raw, 0o600)
	}
	if err != nil {
		b.t.Errorf("keep the picture %s: %v", name, err)
	}
}

// Problems are the console's errors and the exceptions so far, those of the network apart.
func (b *Browser) Problems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.problems...)
}

// Network is what the page could not load so far.
func (b *Browser) Network() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.network...)
}

// Asked are the addresses of all requests so far.
func (b *Browser) Asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.asked...)
}

// Within waits for a condition of the page, an expression.
func (b *Browser) Within(most time.Duration, expression string) {
	b.t.Helper()
	Until(b.t, most, expression, func() (bool, any) {
		is, _ := b.Eval(expression).(bool)
		return is, b.Text("body")
	})
}
