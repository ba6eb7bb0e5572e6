package web

import (
	"net/http"
	"strings"
)

// versionPath is the version of Docker's API that a path begins with.
var versionPath = compiled(`^/v1\.\d\d`)

// docker is the API of Docker Engine, version 1.47. What is made in it is not
// kept: every container and command that is asked about has run well.
func (s *Site) docker(q *request) Response {
	a := s.dockerAnswer(q, strings.TrimPrefix(q.path, versionPath().FindString(q.path)))
	a.Answer = "docker"
	return a.with("Server", "Docker/27.5.1 (linux)").with("Api-Version", "1.47").with("Ostype", "linux").with("Docker-Experimental", "false")
}

func (s *Site) dockerAnswer(q *request, p string) Response {
	const json = "application/json"
	post := q.Method == http.MethodPost
	created := object{"Id": s.token(64, p, string(q.body)), "Warnings": []string{}}
	switch {
	case p == "/_ping":
		return reply("", http.StatusOK, "text/plain; charset=utf-8", "OK")
	case p == "/version":
		return kube(object{
			"Version": "27.5.1", "ApiVersion": "1.47", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64", "KernelVersion": "6.1.0-31-amd64",
			"GoVersion": "go1.22.11", "GitCommit": "4c9b3b0", "Platform": object{"Name": "Docker Engine - Community"}, "Components": []object{},
		})
	case p == "/info":
		return kube(object{
			"ID": uuid(s.token(32, "docker")), "Containers": 1, "ContainersRunning": 1, "Images": 1, "Driver": "overlay2", "Name": "node-1", "NCPU": 2, "MemTotal": 8202780672,
			"OperatingSystem": "Debian GNU/Linux 12 (bookworm)", "OSType": "linux", "Architecture": "x86_64", "ServerVersion": "27.5.1", "DockerRootDir": "/var/lib/docker",
		})
	case p == "/containers/json":
		return reply("", http.StatusOK, json, toJSON([]object{{
			"Id": s.token(64, "container"), "Names": []string{"/app"}, "Image": "registry.internal/app:1.12", "ImageID": "sha256:" + s.token(64, "image"),
			"Command": "/app/server", "Created": epoch.Unix(), "State": "running", "Status": "Up 3 weeks", "Ports": []object{}, "Labels": object{}, "Mounts": []object{},
		}}))
	case p == "/images/json":
		return reply("", http.StatusOK, json, toJSON([]object{{
			"Id": "sha256:" + s.token(64, "image"), "RepoTags": []string{"registry.internal/app:1.12"}, "Created": epoch.Unix(), "Size": 187204113, "Containers": 1,
		}}))
	case p == "/networks":
		return reply("", http.StatusOK, json, toJSON([]object{{"Name": "bridge", "Id": s.token(64, "bridge"), "Scope": "local", "Driver": "bridge"}}))
	case p == "/volumes":
		return kube(object{"Volumes": []object{}, "Warnings": nil})
	case post && (p == "/images/create" || p == "/build" || p == "/images/load"):
		return reply("", http.StatusOK, json, toJSON(object{"status": "Status: Downloaded newer image"})+"\r\n")
	case post && (p == "/containers/create" || strings.HasSuffix(p, "/exec") || strings.HasSuffix(p, "/commit")):
		return reply("", http.StatusCreated, json, toJSON(created))
	case post && strings.HasSuffix(p, "/wait"):
		return kube(object{"StatusCode": 0})
	case post && (strings.HasPrefix(p, "/exec/") || strings.HasSuffix(p, "/attach")):
		return reply("", http.StatusOK, "application/vnd.docker.raw-stream", "")
	case strings.HasPrefix(p, "/containers/"):
		return s.dockerContainer(q, p)
	case strings.HasPrefix(p, "/exec/"):
		return kube(object{"ID": s.token(64, p), "Running": false, "ExitCode": 0})
	case post, q.Method == http.MethodPut:
		return kube(object{})
	}
	return reply("", http.StatusNotFound, json, `{"message":"page not found"}`)
}

// dockerContainer answers about one container.
func (s *Site) dockerContainer(q *request, p string) Response {
	switch {
	case strings.HasSuffix(p, "/json"):
		return kube(object{
			"Id": s.token(64, "container"), "Name": "/app", "Created": stamp(epoch), "Path": "/app/server", "Image": "sha256:" + s.token(64, "image"),
			"State": object{"Status": "running", "Running": true, "Pid": 2817, "ExitCode": 0}, "HostConfig": object{"Privileged": false}, "Config": object{"Env": []string{"DB_PASSWORD=" + s.opts.Baits.Value("env-password")}},
		})
	case strings.HasSuffix(p, "/logs"):
		return reply("", http.StatusOK, "application/vnd.docker.raw-stream", "")
	case strings.HasSuffix(p, "/archive") && q.Method == http.MethodPut:
		return reply("", http.StatusOK, "", "")
	}
	return reply("", http.StatusNoContent, "", "") // start, stop, kill, remove ...
}
