package testenv

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// SeaweedFSServer is a server that speaks S3, in a process and a directory of its own, with one
// empty bucket. Its methods are called by one goroutine at a time, apart from URL.
type SeaweedFSServer struct {
	dir, program string
	ports        []string // that of S3 is the first

	keeper *exec.Cmd
	hold   io.WriteCloser
	server int // process id
}

// weed is what the server is built of: the module below tools names the version.
const weed = "github.com/seaweedfs/seaweedfs/weed"

// buildSeaweedFS builds the server, once for all tests of this machine, and returns where it is.
// That takes five minutes of the processor: whoever has something else to do begins it first.
func buildSeaweedFS(tb testing.TB) string {
	tb.Helper()
	module := filepath.Join(Root(tb), "tools", "seaweedfs")
	text, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		tb.Fatalf("build SeaweedFS: %v", err)
	}
	dir := keep(tb, "seaweedfs", string(text))
	defer lock(tb, dir)()
	file := filepath.Join(dir, "weed")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	tb.Log("building SeaweedFS: this takes some minutes, once")
	run(tb, module, "nice", "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file+".new", weed)
	run(tb, module, "mv", file+".new", file)
	return file
}

// SeaweedFS starts a server for one test, that may stop it. It ends with the test.
func SeaweedFS(tb testing.TB) *SeaweedFSServer {
	tb.Helper()
	s := &SeaweedFSServer{program: buildSeaweedFS(tb)}
	var err error
	if s.dir, err = os.MkdirTemp("", "seaweedfs-"); err != nil {
		tb.Fatalf("make a store of objects: %v", err)
	}
	tb.Cleanup(func() {
		s.end(tb)
		if err := os.RemoveAll(s.dir); err != nil {
			tb.Errorf("remove a store of objects: %v", err)
		}
	})
	s.ports = freePorts(tb, 8)
	s.Start(tb)
	return s
}

// freePorts are numbers of ports of the loopback at which nobody listens.
func freePorts(tb testing.TB, n int) (ports []string) {
	tb.Helper()
	for range n {
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatalf("find free ports: %v", err)
		}
		defer l.Close() // when all are found
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports
}

// Endpoint is where the server listens, as a URL.
func (s *SeaweedFSServer) Endpoint() string { return "http://127.0.0.1:" + s.ports[0] }

// URL is that of the bucket behind an endpoint: that of the server, or of somebody who stands
// before it.
func (s *SeaweedFSServer) URL(endpoint string) string {
	return "s3://" + bucket + "?" + url.Values{
		"endpoint": {endpoint}, "region": {"us-east-1"}, "use_path_style": {"true"}, "anonymous": {"true"},
	}.Encode()
}

// weedServices are what the server consists of, in the order of their ports.
var weedServices = []string{"s3", "master", "volume", "filer"}

// Stop kills the server at once, as if the power had failed.
func (s *SeaweedFSServer) Stop(tb testing.TB) {
	tb.Helper()
	if s.server == 0 {
		tb.Fatal("stop SeaweedFS: it does not run")
	}
	_ = syscall.Kill(s.server, syscall.SIGKILL)
	if _, err := io.WriteString(s.hold, "keep\n"); err != nil {
		tb.Fatalf("stop SeaweedFS: %v", err)
	}
	s.end(tb)
}

// Start starts a server that does not run, and waits until it keeps something.
func (s *SeaweedFSServer) Start(tb testing.TB) {
	tb.Helper()
	args := []string{
		"-c", keeper, "keeper", s.dir, s.program, "-logtostderr=true", "server", "-dir=" + s.dir, "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
		"-filer", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-master.electionTimeout=1s", "-master.volumeSizeLimitMB=64", "-volume.max=8",
		"-s3.localSocket=" + filepath.Join(s.dir, "s3.sock"), "-filer.localSocket=" + filepath.Join(s.dir, "filer.sock"),
	}
	for i, name := range weedServices {
		args = append(args, fmt.Sprintf("-%s.port=%s", name, s.ports[2*i]), fmt.Sprintf("-%s.port.grpc=%s", name, s.ports[2*i+1]))
	}
	s.keeper = exec.CommandContext(context.WithoutCancel(tb.Context()), "/bin/sh", args...)
	s.keeper.Dir = s.dir
	s.keeper.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + s.dir}
	s.keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no signal of a terminal
	hold, err := s.keeper.StdinPipe()
	if err != nil {
		tb.Fatalf("start SeaweedFS: %v", err)
	}
	said, err := s.keeper.StdoutPipe()
	if err != nil {
		tb.Fatalf("start SeaweedFS: %v", err)
	}
	if err := s.keeper.Start(); err != nil {
		tb.Fatalf("start SeaweedFS: %v", err)
	}
	s.hold = hold
	line, _ := bufio.NewReader(said).ReadString('\n')
	if s.server, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		tb.Fatalf("start SeaweedFS: %v", err)
	}
	for look := time.NewTicker(100 * time.Millisecond); ; <-look.C {
		if s.put(tb, "") && s.put(tb, "/ready") {
			return
		}
		if tb.Context().Err() != nil || !lives(s.server) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			tb.Fatalf("start SeaweedFS: it does not answer:\n%s", log[max(len(log)-8000, 0):])
		}
	}
}

// put makes the bucket, or an object in it, and tells whether it is there.
func (s *SeaweedFSServer) put(tb testing.TB, name string) bool {
	ctx, cancel := context.WithTimeout(tb.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.Endpoint()+"/"+bucket+name, bytes.NewReader([]byte(name)))
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK || name == "" && resp.StatusCode == http.StatusConflict
}

// end ends the server if it runs, and waits for that.
func (s *SeaweedFSServer) end(tb testing.TB) {
	tb.Helper()
	if s.server == 0 {
		return
	}
	_ = syscall.Kill(s.server, syscall.SIGKILL) // what it keeps is of no use any more, or to be whole all the same
	s.server = 0
	s.hold.Close()
	_ = s.keeper.Wait() // it ends as the server did
	for i, name := range weedServices {
		_ = os.Remove(fmt.Sprintf("/tmp/seaweedfs-%s-grpc-%s.sock", name, s.ports[2*i+1])) // there is no option for where that is
	}
}
